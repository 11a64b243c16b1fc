"""The training loop: noisy in, clean out, the best weights kept, and a checkpoint never far behind."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from pellucid.common import Report
from pellucid.noise import Batch, parse, varies
from pellucid.training.batches import Batches
from pellucid.training.checkpoints import Checkpoints
from pellucid.training.config import Config
from pellucid.training.folding import folded
from pellucid.training.losses import LOSSES, balance, choose_loss
from pellucid.training.optimizers import Muon
from pellucid.training.prefetch import prefetch
from pellucid.training.schedule import schedule
from pellucid.training.signals import LEAVE, Asked, interruptible
from pellucid.training.state import DivergedError, Epoch, State
from pellucid.training.unreadable import TooManyError

SETBACKS = 4
"""A training that diverges goes back so many times, each time with half the learning rate, before it gives up."""


@dataclass(frozen=True)
class Fitted:
    """The end of a training: its history, the epoch whose weights were kept, and whether it was interrupted."""

    history: tuple[Epoch, ...]
    best: int
    interrupted: bool


class Fit:
    """A training of `model`, in place.

    Parameters
    ----------
    model : a functional denoiser
    config : of the run
    training, validation : the batches
    checkpoints : where its state goes
    report : called behind every step with the number of samples seen
    on_epoch : called behind every epoch with it and whether it is the best so far
    say : told what a person should know
    """

    def __init__(
        self,
        model: Any,
        config: Config,
        training: Batches,
        validation: Batches,
        checkpoints: Checkpoints,
        report: Report,
        on_epoch: Callable[[Epoch, bool], None],
        say: Callable[[str], None],
    ) -> None:
        self.model, self.config, self.training, self.validation = model, config, training, validation
        self.checkpoints, self.report, self.on_epoch, self.say = checkpoints, report, on_epoch, say
        optimizer = keras.optimizers.Adam(config.learning_rate)
        if config.optimizer == "muon":
            # An mse of small noise has gradients of the size of Adam's usual epsilon, 1e-7.
            optimizer = Muon(config.learning_rate, beta_2=0.99, epsilon=1e-10)
        self.network = folded(model)  # the same variables, in a graph that trains faster
        loss = LOSSES[choose_loss(config, int(model.output_shape[-1]))]
        self.network.compile(optimizer, loss, jit_compile=keras.backend.backend() == "jax")
        optimizer.build(self.network.trainable_variables)
        self.rate = schedule(config.schedule, config.learning_rate, config.epochs * len(training))
        self.balanced = config.balance == "on" or (config.balance == "auto" and varies(parse(config.noise)))
        self.state = State()
        self.best_weights: list[NDArray[Any]] = []

    def resume(self, number: int) -> None:
        """Go to the place of checkpoint `number`."""
        self.state, arrays = self.checkpoints.load(number)
        parts: dict[str, list[NDArray[Any]]] = {"weights": [], "best": [], "optimizer": []}
        for name in sorted(arrays):
            parts[name.split("/")[0]].append(arrays[name])
        self.model.set_weights(parts["weights"])
        self.best_weights = parts["best"]
        for variable, value in zip(self.network.optimizer.variables, parts["optimizer"], strict=True):
            variable.assign(value)

    def run(self) -> Fitted:
        """Train to the end and leave the model with the weights of the best validation loss.

        Where validation is done on test images, as in the tutorial, the last weights are kept: nothing is chosen by
        them. Ctrl-C ends the training at the next step and keeps the best weights so far (those of now, if no epoch
        was finished). A second Ctrl-C raises KeyboardInterrupt at once.

        Raises
        ------
        PellucidError
            If the loss diverges again and again, or too many images cannot be read.
        SystemExit
            For SIGTERM and SIGHUP, behind a checkpoint, with 128 + the signal's number.
        """
        with interruptible() as asked:
            if not self.state.good:
                self._save(good=True)
            while self._goes_on() and not asked():
                try:
                    self._epoch(asked)
                except DivergedError as reason:
                    self._go_back(str(reason))
                except TooManyError:
                    self._save()
                    raise
            if asked():
                self._save()
            if asked() in LEAVE:
                raise SystemExit(128 + asked())
            interrupted = bool(asked()) and self._goes_on()
        if self.best_weights:
            self.model.set_weights(self.best_weights)
        return Fitted(tuple(self.state.history), self.state.best + 1, interrupted)

    def _goes_on(self) -> bool:
        """Whether there are epochs left, and patience."""
        state, patience = self.state, self.config.patience
        waited = patience and state.best >= 0 and state.epoch - 1 - state.best >= patience
        return state.epoch < self.config.epochs and not waited

    def _epoch(self, asked: Asked) -> None:
        """Train for the rest of an epoch and close it; return early, in the midst of it, if asked to."""
        state, steps = self.state, len(self.training)
        clock = time.monotonic()
        rate = 0.5**state.setbacks
        for noisy, clean in prefetch(lambda: self.training.epoch(state.epoch, state.step), stop=asked):
            if not len(clean):  # none of these images can be read
                state.step += 1
                continue
            self.network.optimizer.learning_rate = rate * self.rate(state.epoch * steps + state.step)
            loss = float(self.network.train_on_batch(noisy, clean, self._weights(noisy, clean)))
            self.network.reset_metrics()  # Keras would report a running mean
            if not math.isfinite(loss):
                raise DivergedError(f"the loss became {loss}")
            state.add(loss, len(clean))
            if state.exploded():
                raise DivergedError("the loss became far larger than it was at the start")
            now = time.monotonic()
            state.seconds, clock = state.seconds + now - clock, now
            if asked() in LEAVE or (asked() and state.step < steps):
                return
            self.report(
                state.epoch * len(self.training.patches) + state.seen,
                f"epoch {state.epoch + 1} loss {state.total / state.seen:.4g}",
            )
            if self.checkpoints.due() and state.step < steps:
                self._save()
        validated = self._validate(asked) if state.step == steps else None
        if validated is None:
            return
        if not math.isfinite(validated):
            raise DivergedError(f"the validation loss became {validated}")
        self._close(validated, rate * self.rate((state.epoch + 1) * steps - 1), time.monotonic() - clock)

    def _close(self, validation_loss: float, rate: float, seconds: float) -> None:
        """End the present epoch, whose validation took `seconds`."""
        state = self.state
        now = Epoch(
            epoch=state.epoch + 1,
            loss=state.total / state.seen,
            validation_loss=validation_loss,
            learning_rate=rate,
            images_per_second=state.seen / state.seconds,
            seconds=state.seconds,
            validation_seconds=seconds,
        )
        choosing = self.config.validate_on == "validation"
        improved = state.best < 0 or not choosing or validation_loss < state.history[state.best].validation_loss
        if improved:
            state.best, self.best_weights = state.epoch, self.model.get_weights()
        state.close(now)
        # What is told of an epoch is written before its checkpoint: done twice, it does no harm; left out, it would.
        self.on_epoch(now, improved)
        self._save(good=True)

    def _validate(self, asked: Asked) -> float | None:
        """Return the mean loss over the validation images, whose noise is always the same; None if asked to leave."""
        total, seen = 0.0, 0
        for noisy, clean in prefetch(lambda: self.validation.epoch(0)):
            if not len(clean):
                continue
            total += float(self.network.test_on_batch(noisy, clean, self._weights(noisy, clean))) * len(clean)
            self.network.reset_metrics()
            seen += len(clean)
            if asked() in LEAVE:
                return None
        return total / seen

    def _weights(self, noisy: Batch, clean: Batch) -> NDArray[np.float32] | None:
        return balance(noisy, clean) if self.balanced else None

    def _save(self, *, good: bool = False) -> None:
        """Write a checkpoint."""
        optimizer = [keras.ops.convert_to_numpy(variable) for variable in self.network.optimizer.variables]
        parts = {"weights": self.model.get_weights(), "best": self.best_weights, "optimizer": optimizer}
        arrays = {f"{part}/{place:04d}": array for part, given in parts.items() for place, array in enumerate(given)}
        self.checkpoints.save(self.state, arrays, good=good)

    def _go_back(self, reason: str) -> None:
        """Return to the start of the epoch with half the learning rate."""
        place = f"epoch {self.state.epoch + 1}, step {self.state.step + 1}: {reason}"
        setbacks = self.state.setbacks + 1
        if setbacks > SETBACKS:
            least = f"even at {0.5**SETBACKS:g} of the learning rate"
            raise DivergedError(f"{place}, {least}. Train anew with a lower --learning-rate.")
        self.resume(self.state.good)
        self.state.setbacks = setbacks
        self._save(good=True)
        self.say(f"{place}; back to the start of the epoch, at {0.5**setbacks:g} of the learning rate")
