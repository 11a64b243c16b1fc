"""The automatic recipe: from what the images are like to a network, patches and steps, by a few rules with reasons.

The idea is nnU-Net's (Isensee et al., 2021): a fingerprint of the data and rules, no search.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.common import PellucidError
from pellucid.datasets import Images, Split, evenly
from pellucid.noise import UNCLEAR, Inspection
from pellucid.training.batches import training_batches
from pellucid.training.config import RECIPES, Config, recipe
from pellucid.training.loop import Learner
from pellucid.training.prefetch import prefetch

MINUTES = 5.0
"""The budget where none is given: enough for a small residual network to leave the classical filters behind."""

BRIEF = 2.0
"""Minutes, of fewer of which a still smaller network makes more."""

EPOCHS = 12
"""Parts of a budget; after each, the network is validated."""

LENGTH = frozenset({"epochs", "epoch_steps"})
"""The values of `Config` that say how long a training is, in place of a budget."""

SMALL = 64
"""Images of one size with no side longer than this, in pixels, are taken whole, as digits and icons are."""

PASSES = 20_000
"""From so many small images on, the recipe `default` learns from passes; of fewer, it needs more than three."""

STEPS = 1200
"""Steps on few small images: about as many as `default` takes on the digits of MNIST."""

CUT_OFF = 0.15
"""The share of values at black or white from which on noise counts as cut off."""

TINY = 40
"""Of images with a shorter side, in pixels, one pixel in four shows too little."""

FEW_PIXELS = 2**18
"""Images of fewer pixels in all are small to learn from."""

_LOOKED_AT = 1000
_WARM, _TIMED = 3, 12  # steps that are not timed, for graphs and caches, and steps that are
_LONGEST = 20.0  # seconds for all of them


@dataclass(frozen=True)
class Fingerprint:
    """What the automatic recipe goes by.

    Attributes
    ----------
    count : images
    sides : of a typical image, in pixels: (shorter, longer), the medians
    one_size : whether all that were looked at are of one size
    """

    count: int
    sides: tuple[int, int]
    one_size: bool

    @property
    def small(self) -> bool:
        """Whether the images are small ones of one kind."""
        return self.one_size and self.sides[1] <= SMALL


def fingerprint(images: Images) -> Fingerprint:
    """Look at the sizes of images, of many at those of some; no pixel is read."""
    count = len(images)
    sizes = np.sort([images.size(int(index)) for index in evenly(count, _LOOKED_AT)], axis=1)
    shorter, longer = (int(side) for side in np.median(sizes, axis=0))
    return Fingerprint(count, (shorter, longer), len(np.unique(sizes, axis=0)) == 1)


def automatic(found: Fingerprint, minutes: float, changes: Mapping[str, Any]) -> Config:
    """Return the config for images that are so.

    Parameters
    ----------
    found : the images' fingerprint
    minutes : the budget of the training, or of either of two stages, see `within`
    changes : values of `Config` that were asked for; the rules choose the others
    """
    if found.small:
        chosen: dict[str, Any] = {}
        count = min(found.count, changes.get("limit") or found.count)
        if count < PASSES and "epochs" not in changes:
            # Few images are passed often: their noise is fresh each time.
            chosen = {"epochs": EPOCHS, "epoch_steps": STEPS // EPOCHS, "patience": 0}
        return recipe("default", **{**chosen, **changes})
    # A budget of minutes is best spent on many steps of a small network; a larger one needs more of them to pass it.
    small = "24/48" if minutes < BRIEF else "32/64"
    network = f"residual:widths={small},depth=1" if minutes < 20 else RECIPES["photos"].network
    patch = max(8, min(RECIPES["photos"].patch, found.sides[0] // 4 * 4))
    return recipe("photos", **{"network": network, "patch": patch, **changes})


def choose_method(found: Inspection, images: Images) -> tuple[str, str]:
    """Return the method to learn from noisy images alone that suits their noise, and why, in words.

    Parameters
    ----------
    found : the noise
    images : that are learned from
    """
    if any(found.impulses.shares):
        return "levels", "impulses are not zero on average"
    if cut_off(found):
        return "levels", "noise that is cut off at black or white is not zero on average"
    if fingerprint(images).sides[0] < TINY:
        return "masks" if unclear(found) else "levels", "the images are too small to take every second pixel of them"
    if found.rows or found.columns or found.level.correlated:
        return "recorrupt", "neighbouring pixels share their noise, as that which is drawn does"
    few = sum(images.size(index)[0] * images.size(index)[1] for index in range(min(len(images), 2))) < FEW_PIXELS
    if found.level.kind == "gaussian" and len(images) <= 2 and few:
        return "recorrupt", "the noise is Gaussian, and of a small image no pixel can be spared"
    return "neighbors", "the noise of neighbouring pixels is independent and zero on average"


def unclear(found: Inspection) -> bool:
    """Return whether the noise could not be told from texture."""
    return found.level.kind == UNCLEAR and not any(found.impulses.shares)


def cut_off(found: Inspection) -> bool:
    """Return whether much of the noise was cut off at black or white; photons are none below black."""
    values, level = found.values, found.level
    ends = values.at_low + values.at_high if level.kind == "gaussian" or level.steady else values.at_high
    return found.clipped and ends > CUT_OFF


def within(config: Config, minutes: float, seconds: float, first: float = 0.0) -> Config:
    """Return the config with as many steps as fit into a number of minutes, if one takes so many seconds.

    Parameters
    ----------
    first : seconds of a step in the first of two stages, which gets half of the minutes; 0 for one stage
    """

    def steps(share: float, each: float) -> int:
        return math.ceil(max(EPOCHS, int(60 * minutes * share / each)) / EPOCHS)

    share = 0.5 if first else 1.0
    return dataclasses.replace(
        config,
        epochs=EPOCHS,
        epoch_steps=steps(share, seconds),
        first_steps=steps(share, first) if first else 0,
        patience=0,
    )


def first_stage(config: Config) -> Config:
    """Return the config of the first of the two stages in which noisy images alone are learned from."""
    return dataclasses.replace(
        config, renoise=False, epoch_steps=config.first_steps or config.epoch_steps, first_steps=0
    )


def check_minutes(minutes: float | None, changes: Mapping[str, Any]) -> None:
    """Raise PellucidError if the minutes are no budget, or epochs were asked for as well."""
    if minutes is None:
        return
    if not 0 < minutes < math.inf:
        raise PellucidError(f"minutes expects a number above 0; got {minutes:g}.", argument="minutes")
    if changes.keys() & LENGTH:
        raise PellucidError("both minutes and epochs were given. Leave out one of them.", argument="minutes")


def step_seconds(model: Any, config: Config, split: Split) -> float:
    """Return how long a step takes, the median of some, with all that belongs to it; the model's weights change.

    Parameters
    ----------
    model : to be thrown away afterwards
    config : of the run
    split : the data
    """
    # An epoch of so many steps, so that no batch is smaller than the others.
    training = training_batches(split, dataclasses.replace(config, epoch_steps=_WARM + _TIMED), lambda line: None)
    learner = Learner(model, config, len(training))
    seconds: list[float] = []
    begin = start = time.monotonic()
    for noisy, clean in prefetch(lambda: training.epoch(0)):
        learner.train(noisy, clean, config.learning_rate)
        now = time.monotonic()
        seconds.append(now - begin)
        begin = now
        if now - start > _LONGEST and len(seconds) > _WARM:
            break
    return float(np.median(seconds[_WARM:]))
