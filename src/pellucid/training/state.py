"""How far a training has come: with the arrays of its network and optimizer, all that its next step depends on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from pellucid.common import PellucidError

WINDOW = 20
"""Steps whose mean loss is looked at."""

EXPLODED = 10.0
"""A mean loss that is so many times that of the first steps is no longer learning."""


class DivergedError(PellucidError):
    """The loss is not a number any more, or far above where it began; the text says which."""


@dataclass(frozen=True)
class Epoch:
    """What is known after an epoch: losses as means over images, and the seconds that training and validation took.

    `validation_doubt` is the standard error of the validation loss, from batch to batch; 0 of a single one.
    """

    epoch: int
    loss: float
    validation_loss: float
    learning_rate: float
    images_per_second: float
    seconds: float
    validation_seconds: float
    validation_doubt: float = 0.0

    def row(self) -> dict[str, float]:
        """Return the values by name."""
        return asdict(self)


@dataclass
class State:
    """A place in a training.

    Attributes
    ----------
    epoch : whole epochs done
    step : steps done of the next one; after the last of them, its validation is due
    total, seen : the sum of that epoch's losses over the images seen in it, and their number
    seconds : spent on it so far
    history : the epochs done
    best : the place in `history` of the epoch whose weights are kept; -1 for none
    setbacks : how many times it went back to the start of an epoch with half the learning rate
    good : the number of the checkpoint to go back to
    first, recent : the losses of the first and of the latest steps, `WINDOW` at most
    """

    epoch: int = 0
    step: int = 0
    total: float = 0.0
    seen: int = 0
    seconds: float = 0.0
    history: list[Epoch] = field(default_factory=list)
    best: int = -1
    setbacks: int = 0
    good: int = 0
    first: list[float] = field(default_factory=list)
    recent: list[float] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, which JSON keeps exactly."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> State:
        """Take what `to_json` gave."""
        return cls(**{**values, "history": [Epoch(**epoch) for epoch in values["history"]]})

    def add(self, loss: float, images: int) -> None:
        """Note a step of the present epoch.

        Raises
        ------
        DivergedError
            If the loss is no number, and the step is not counted; or if the latest losses are far above the first ones.
        """
        if not math.isfinite(loss):
            raise DivergedError(f"the loss became {loss}")
        self.step += 1
        self.total += loss * images
        self.seen += images
        if len(self.first) < WINDOW:
            self.first.append(loss)
        self.recent = [*self.recent[1 - WINDOW :], loss]
        if len(self.recent) == WINDOW and math.fsum(self.recent) > EXPLODED * math.fsum(self.first):
            raise DivergedError("the loss became far larger than it was at the start")

    def close(self, validated: tuple[float, float], learning_rate: float, validation_seconds: float) -> Epoch:
        """End the present epoch, and return what is known of it; `validated` is its loss and the doubt of it."""
        epoch = Epoch(
            epoch=self.epoch + 1,
            loss=self.total / self.seen,
            validation_loss=validated[0],
            learning_rate=learning_rate,
            images_per_second=self.seen / self.seconds,
            seconds=self.seconds,
            validation_seconds=validation_seconds,
            validation_doubt=validated[1],
        )
        self.history.append(epoch)
        self.epoch, self.step, self.total, self.seen, self.seconds = self.epoch + 1, 0, 0.0, 0, 0.0
        return epoch
