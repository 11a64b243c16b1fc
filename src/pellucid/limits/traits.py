"""A noisy image in nine numbers, and what is usual for them in the images that a model was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pellucid.limits.sample import sample, squares

Floats = NDArray[np.float32]
Usual = Mapping[str, tuple[float, float, float]]
"""By trait: what one training image in a hundred stays below, the median, and what one in a hundred exceeds."""

QUANTILES = (0.01, 0.5, 0.99)
IMAGES = 256
"""Training images that are looked at."""
FEWEST = 32
"""Training images, or patches of them, without which nothing is usual."""

BLOCK = 8
"""Side of the blocks that are looked at on their own, in pixels; smaller images have no traits."""

_QUIET = 0.1  # share of the blocks that have less detail
_END = 1 / 512  # so near to black and white, values of 8 bits are at the end of their range


def traits(planes: Floats) -> dict[str, float]:
    """Describe an image by its squares (count, height, width), in the values that the network sees.

    Returns
    -------
    mean, deviation : of the values; the deviation is that within the squares
    bottom, top : what one value in a hundred stays below, or exceeds
    low, high : share of the values at black or below, at white or above
    quiet : the level of the finest detail, diagonal differences, where there is least of it: white noise of a standard
        deviation s gives s or a little less
    middle, coarse : the level of detail of 4 and of 8 pixels beyond what white noise that explains all finer detail
        would leave there; negative if there is less
    """
    _, height, width = planes.shape
    grid = planes[:, : height // BLOCK * BLOCK, : width // BLOCK * BLOCK].astype(np.float64)
    fine, half = _halve(grid)
    middle, quarter = _halve(half)
    coarse, _ = _halve(quarter)
    diagonal = (grid[:, ::2, ::2] - grid[:, 1::2, ::2] - grid[:, ::2, 1::2] + grid[:, 1::2, 1::2]) / 2
    cells = np.square(diagonal).reshape(len(grid), grid.shape[1] // BLOCK, BLOCK // 2, -1, BLOCK // 2)
    bottom, top = np.quantile(planes, [0.01, 0.99])
    return {
        "mean": float(planes.mean()),
        "deviation": float(np.sqrt(planes.var(axis=(1, 2)).mean())),
        "bottom": float(bottom),
        "top": float(top),
        "low": float((planes <= _END).mean()),
        "high": float((planes >= 1 - _END).mean()),
        "quiet": float(np.sqrt(np.quantile(cells.mean(axis=(2, 4)), _QUIET))),
        "middle": _root(middle - fine / 4),
        "coarse": _root(coarse - middle / 4),
    }


def negative(found: Mapping[str, float]) -> dict[str, float]:
    """Return the traits of the image with black and white exchanged."""
    return {
        **found,
        "mean": 1 - found["mean"],
        "bottom": 1 - found["top"],
        "top": 1 - found["bottom"],
        "low": found["high"],
        "high": found["low"],
    }


def describe(batches: Iterable[NDArray[np.float32]]) -> dict[str, tuple[float, float, float]]:
    """Return what is usual in noisy training images: `Usual`, or nothing if they are few or small.

    Parameters
    ----------
    batches : noisy images, NHWC float32; the first `IMAGES` are looked at
    """
    images = islice((image for batch in batches for image in batch), IMAGES)
    found = [list(traits(planes).values()) for planes in map(_squares, images) if min(planes.shape[1:]) >= BLOCK]
    if len(found) < FEWEST:
        return {}
    names = traits(np.zeros((1, BLOCK, BLOCK), np.float32))
    rows = np.quantile(found, QUANTILES, axis=0).T
    return {name: (_short(row[0]), _short(row[1]), _short(row[2])) for name, row in zip(names, rows, strict=True)}


def _squares(image: Floats) -> Floats:
    height, width = image.shape[:2]
    return squares(sample(height, width, lambda begin, end: image[begin:end]), height, width)


def _halve(planes: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Return the mean variance within blocks of 2x2 pixels, and the means of the blocks."""
    parts = planes.reshape(len(planes), planes.shape[1] // 2, 2, planes.shape[2] // 2, 2)
    mean = parts.mean(axis=(2, 4))
    return float(np.square(planes).mean() - np.square(mean).mean()), mean


def _root(energy: float) -> float:
    return float(np.sign(energy) * np.sqrt(abs(energy)))


def _short(value: float) -> float:
    """Six digits: what processors round differently does not reach the model file."""
    return float(f"{value:.6g}")
