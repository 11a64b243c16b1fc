"""Are the clean images clean? If their own noise is not small beside that which is to be removed, no score is true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.common import Stream
from pellucid.datasets.pairs import noisy_copy
from pellucid.datasets.sources import Images, evenly
from pellucid.images import UNIT, middle
from pellucid.noise import Corruption, inspect, parse

LOOKED_AT = 8
"""Images that are measured, evenly chosen."""

SIDE = 256
"""Of larger images, the square of this side in the middle is measured, in pixels."""

SHARE = 0.3
"""Noise of its own, as a share of the noise that is to be removed, from which on a clean image is called noisy."""


@dataclass(frozen=True)
class Cleanliness:
    """The noise of clean images beside that which is added to them; standard deviations in units of [0, 1].

    Attributes
    ----------
    own : what the clean images have, at the least; 0 if it cannot be told from texture
    added : what the noisy ones have beside it
    """

    own: float
    added: float

    @property
    def noisy(self) -> bool:
        """Whether the clean images are themselves too noisy to learn from, or to judge by."""
        return self.own > SHARE * self.added

    def __str__(self) -> str:
        return (
            f"the images that serve as clean are themselves noisy: their noise has a standard deviation of about "
            f"{self.own:.2g}, that to be removed {self.added:.2g} (1 is white)"
        )


def cleanliness(images: Images, noise: str | Corruption, *, seed: int = 0) -> Cleanliness:
    """Measure the noise of clean images, by `noise.inspect`, and that which is added to them.

    Parameters
    ----------
    images : clean ones, or pairs
    noise : the corruption, as in training
    seed : of the noise
    """
    chosen = evenly(len(images), LOOKED_AT)
    crops, squares = [], []
    for index in chosen:
        clean, noisy = noisy_copy(images, int(index), parse(noise), seed, Stream.TRAIN)
        crops.append(middle(clean, SIDE).copy())
        squares.append(np.mean(np.square(noisy - clean)))
    level = inspect(crops, UNIT).level
    # Of textured images some seem noisy, so the quieter ones decide.
    own = level.sigma_interval[0] if level.sigma_interval else 0.0
    return Cleanliness(own, float(np.sqrt(np.mean(squares))))
