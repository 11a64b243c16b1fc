"""A noisy image in eight numbers, and what is usual for them in the images that a model was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pellucid.domain.squares import sample, squares

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

_END = 1 / 512  # so near to black and white, values of 8 bits are at the end of their range


def traits(planes: Floats) -> dict[str, float]:
    """Describe an image by its squares (count, height, width), in the values that the network sees.

    Returns
    -------
    mean, deviation : of the values; the deviation is that within the squares
    bottom, top : what one value in a hundred stays below, or exceeds
    low, high : share of the values at black or below, at white or above
    middle, coarse : the level of detail of 4 and of 8 pixels beyond what white noise that explains all finer detail
        would leave there; negative if there is less
    """
    grid = whole_blocks(planes)
    fine, half = _halve(grid)
    middle, quarter = _halve(half)
    coarse, _ = _halve(quarter)
    bottom, top = np.quantile(planes, [0.01, 0.99])
    return {
        "mean": float(planes.mean()),
        "deviation": float(np.sqrt(planes.var(axis=(1, 2)).mean())),
        "bottom": float(bottom),
        "top": float(top),
        "low": float((planes <= _END).mean()),
        "high": float((planes >= 1 - _END).mean()),
        "middle": _root(middle - fine / 4),
        "coarse": _root(coarse - middle / 4),
    }


def whole_blocks(planes: Floats) -> NDArray[np.float64]:
    """Return as much of planes (count, height, width) as fills whole blocks."""
    height, width = (length // BLOCK * BLOCK for length in planes.shape[1:])
    return planes[:, :height, :width].astype(np.float64)


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


def first_squares(batches: Iterable[NDArray[np.float32]]) -> Iterator[Floats]:
    """Yield the squares of each of the first `IMAGES` images in NHWC batches; too small ones are left out."""
    for image in islice((image for batch in batches for image in batch), IMAGES):
        planes = _squares(image)
        if min(planes.shape[1:]) >= BLOCK:
            yield planes


def quantiles(found: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, float, float]]:
    """Return `Usual` of the traits of images; of those that fewer than `FEWEST` images have, nothing."""
    usual = {}
    for name in dict.fromkeys(name for one in found for name in one):
        values = [one[name] for one in found if name in one]
        if len(values) >= FEWEST:
            low, middle, high = (_short(value) for value in np.quantile(values, QUANTILES))
            usual[name] = (low, middle, high)
    return usual


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
