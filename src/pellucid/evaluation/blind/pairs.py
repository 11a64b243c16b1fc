"""Two shots of one scene: the PSNR without the clean image.

With independent noise of mean zero, the second shot stands in for the clean image: the squared difference of a
denoised first shot to the second one is the squared error plus the noise variance, and half the squared difference of
the shots is the noise variance (Lehtinen et al., "Noise2Noise", 2018, train by the same identity). Both shots are
denoised, and either is compared with the other, so the noise of the two need not be of the same strength.
"""

from __future__ import annotations

import numpy as np

from pellucid.evaluation.blind.heldout import Values
from pellucid.evaluation.intervals import Estimate
from pellucid.evaluation.metrics import PerImage
from pellucid.images import Image

BLOCK = 32
"""Side, in pixels, of the blocks that images are cut into where they are few."""

MANY = 8
"""From so many images on, each counts as one; of fewer, each block does."""


def pair_errors(results: tuple[Image, Image], shots: tuple[Image, Image]) -> Values:
    """Return an unbiased estimate of the squared error at each pixel, (height, width); single ones may be negative.

    Parameters
    ----------
    results : the two shots, denoised
    shots : the two shots as they came, float32 HWC
    """
    first, second = (shot.astype(np.float64) for shot in shots)
    crosswise = (np.square(results[0] - second) + np.square(results[1] - first)) / 2
    return np.asarray((crosswise - np.square(first - second) / 2).mean(axis=2))


def to_psnr(error: Estimate) -> Estimate:
    """Turn a mean squared error into a PSNR in dB; an error that is not above 0 gives infinity."""

    def level(value: float) -> float:
        return float("inf") if value <= 0 else -10 * float(np.log10(value))

    return Estimate(level(error.mean), level(error.high), level(error.low))


def per_unit(maps: list[Values]) -> PerImage:
    """Average maps (height, width) over images, or over blocks if there are fewer than `MANY`; NaN is left out."""
    if len(maps) >= MANY:
        return np.array([np.nanmean(one) for one in maps])
    blocks = []
    for one in maps:
        for rows in np.array_split(one, max(1, one.shape[0] // BLOCK), axis=0):
            blocks += np.array_split(rows, max(1, one.shape[1] // BLOCK), axis=1)
    return np.array([np.nanmean(block) for block in blocks])
