"""Everything that a run depends on, in one frozen value; a recipe is a named instance of it."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pellucid.common import PellucidError, unknown, write_text
from pellucid.images import ValueRange, parse_range
from pellucid.networks import find
from pellucid.noise import PAIRED, UNKNOWN, parse
from pellucid.training.methods import METHODS


def _option(default: Any, text: str, **more: Any) -> Any:
    """Declare a field and, for every front, its help text (and its choices)."""
    return field(default=default, metadata={"help": text, **more})


@dataclass(frozen=True)
class Config:
    """A training run, complete: the same config, data, machine and backend give the same model.

    Raises
    ------
    PellucidError
        If a value is not allowed; the text says what is.
    """

    data: str = _option("mnist", "data set: a name (see `pellucid data`), a folder, .npz, .npy or IDX file")
    noise: str = _option(
        "gaussian:0.5",
        "noise to learn to remove: KIND:STRENGTH, a range as gaussian:0.1-0.6, like:NOISY_IMAGES, '+' chains",
    )
    noisy: str = _option(
        "", "noisy images to learn from: named as the clean ones in data; or without any, alone (see --method)"
    )
    second: str = _option("", "of noisy images alone: a second shot of each, named as the first")
    method: str = _option(
        "auto",
        "how to learn from noisy images alone; auto: by the noise that is measured",
        choices=("auto", *METHODS, "levels"),
    )
    renoise: bool = _option(
        True, "of noisy images alone: then learn once more, from the denoised images with the measured noise on them"
    )
    match: str = _option("", "regular expression; pairs are those in whose names it finds the same, as '_(.*)'")
    group: str = _option("", "regular expression; pairs in whose names it finds the same go to one part")
    value_range: str = _option(
        "", "what is black and white: LOW-HIGH, as 0-4095 or -1024-3071; else found in the images"
    )
    axes: str = _option("", "axes of arrays: Y, X, S for RGB, other letters for images, as in TZCYX; else guessed")
    network: str = _option("swift", "network (see `pellucid summary`), with or without arguments, as hourglass:code=8")
    epochs: int = _option(3, "passes over the training images, or so many times `epoch_steps` steps", least=1)
    epoch_steps: int = _option(0, "steps in an epoch; 0: as many as one pass takes", least=0)
    first_steps: int = _option(0, "the same in the first of the two trainings of `renoise`; 0: as the second", least=0)
    batch_size: int = _option(128, "images, or patches, per step", least=1)
    learning_rate: float = _option(3e-2, "learning rate; the peak of the one-cycle schedule", above=0)
    optimizer: str = _option("muon", "of the weights; adam is the tutorial's", choices=("muon", "adam"))
    schedule: str = _option("one-cycle", "learning rate over the run", choices=("one-cycle", "constant"))
    fresh_noise: bool = _option(True, "draw the noise anew every epoch, not once")
    loss: str = _option(
        "auto", "training loss; auto: bce for gray, mse for colour and for `residual`", choices=("auto", "bce", "mse")
    )
    balance: str = _option(
        "auto",
        "weigh each image's loss by 1 / its noise's mean square; auto: where the noise has a range of strengths",
        choices=("auto", "on", "off"),
    )
    validate_on: str = _option(
        "validation",
        "what the validation loss is taken on; test is what the tutorial does",
        choices=("validation", "test"),
    )
    patience: int = _option(5, "stop after so many epochs without a better validation loss; 0: never", least=0)
    patch: int = _option(64, "side of the training patches cut from larger images, in pixels", least=8)
    augment: bool = _option(False, "mirror and turn the training images or patches at random")
    limit: int = _option(0, "use at most so many training images; 0: all", least=0)
    max_unreadable: float = _option(
        0.05, "end the training once more than this share of its images cannot be read any more", least=0
    )
    seed: int = _option(0, "of the weights, the order and the noise", least=0)

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            _check(item, getattr(self, item.name))
        if self.value_range:
            parse_range(self.value_range)
        paired = parse(self.noise) == PAIRED
        if parse(self.noise) == UNKNOWN and not self.alone:
            raise PellucidError("unknown noise cannot be added to clean images. Name one.", argument="noise")
        if self.second and not self.alone:
            raise PellucidError("a second shot belongs to noisy images without clean ones. Leave out one of them.")
        if not self.alone and self.method != "auto":
            raise PellucidError(
                f"the method {self.method} is one for noisy images alone, but there are clean ones. Leave out either.",
                argument="method",
            )
        if self.second and self.method not in ("auto", "shots"):
            raise PellucidError("two shots of each scene are learned from by the method shots.", argument="method")
        if self.method == "shots" and not self.second:
            raise PellucidError(
                "the method shots needs a second shot of each image. Give them, too.", argument="second"
            )
        if paired and not self.noisy:
            raise PellucidError(f"the noise {self.noise!r} comes with noisy images. Give them, too.", argument="noisy")
        if self.noisy and not paired and not self.alone:
            raise PellucidError(
                f"noisy images bring their own noise; got {self.noise!r} as well. Leave out one of both."
            )
        if self.schedule == "one-cycle" and self.learning_rate > 1:
            raise PellucidError(f"learning_rate expects at most 1; got {self.learning_rate:g}.")
        if self.loss == "bce" and not find(self.network).bounded:
            raise PellucidError(
                f"bce needs results within [0, 1], those of {self.network} may leave it. Use the loss mse.",
                argument="loss",
            )

    @property
    def told(self) -> ValueRange | None:
        """Which values are black and white, if that was told."""
        return parse_range(self.value_range) if self.value_range else None

    @property
    def alone(self) -> bool:
        """Whether there are noisy images and no clean ones."""
        return bool(self.noisy) and not self.data

    @property
    def renoised(self) -> bool:
        """Whether it is noisy images alone that are learned from in two stages, as `renoise` says."""
        return self.alone and self.renoise and not self.second

    def to_json(self) -> str:
        """Return the config as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    def save(self, path: Path) -> None:
        """Write the config as JSON, atomically."""
        write_text(path, self.to_json())

    @classmethod
    def from_json(cls, text: str) -> Config:
        """Read what `to_json` wrote."""
        try:
            values = json.loads(text)
            if "model" in values:  # as earlier runs called it
                values["network"] = values.pop("model")
            return cls(**values)
        except (ValueError, TypeError) as error:
            raise PellucidError(f"this is not a config of this version of pellucid: {error}.") from error


def _check(item: Any, value: Any) -> None:
    allowed, least, above = (item.metadata.get(key) for key in ("choices", "least", "above"))
    kind: Any = type(item.default)
    if not isinstance(value, kind) and not (kind is float and isinstance(value, int)):
        raise PellucidError(f"{item.name} expects {kind.__name__}; got {value!r}.")
    if allowed and value not in allowed:
        raise unknown(item.name, value, allowed)
    if least is not None and value < least:
        raise PellucidError(f"{item.name} expects at least {least}; got {value}.")
    if above is not None and not above < value < float("inf"):
        raise PellucidError(f"{item.name} expects a number above {above}; got {value}.")


RECIPES: dict[str, Config] = {
    "default": Config(),
    "quick": Config(epochs=1, limit=20_000),
    "best": Config(network="swift:widths=48/96,depth=3", epochs=6),
    "photos": Config(
        noise="gaussian:0.02-0.2",
        network="residual",
        epochs=30,
        batch_size=8,
        learning_rate=2e-3,
        augment=True,
        patience=0,
    ),
    "tutorial": Config(
        network="classic",
        epochs=100,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="constant",
        fresh_noise=False,
        loss="bce",
        validate_on="test",
        patience=0,
    ),
}
"""By name: `default`, the tutorial's quality in a few epochs; `quick`, a first look; `best`, better and five times as
long; `photos`, mild noise on photographs, scans and the like; `tutorial`, the Keras tutorial, exactly."""


def recipe(name: str, **changes: Any) -> Config:
    """Return a recipe's config with some values changed.

    Parameters
    ----------
    name : a name in `RECIPES`, or the path of a run's `config.json`
    changes : values of `Config`

    Raises
    ------
    PellucidError
        If there is no such recipe or no such value.
    """
    start = RECIPES.get(name)
    if start is None:
        path = Path(name)
        if not path.is_file():
            raise unknown("recipe", name, RECIPES)
        start = Config.from_json(path.read_text(encoding="utf-8", errors="replace"))
    known = {item.name for item in dataclasses.fields(Config)}
    for key in changes:
        if key == "model":
            raise PellucidError(
                "a model is a trained file; which network to train is told by `network`.", argument="network"
            )
        if key not in known:
            raise unknown("option", key, known)
    if changes.get("noisy"):
        given = {} if changes.get("data") == "" and not changes.get("second") else {"noise": str(PAIRED)}
        changes = {**given, **changes, "noisy": os.fspath(changes["noisy"])}
    return dataclasses.replace(start, **changes)
