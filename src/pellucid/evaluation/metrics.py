"""How near an image is to the clean one: per image, with the data range explicit.

All functions take two NHWC arrays of the same shape and return one float64 per image.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError

PerImage = NDArray[np.float64]
"""One float64 per image."""

EPSILON = 1e-7
"""Predictions are kept this far from 0 and 1 in the cross-entropy, as Keras does."""


def psnr(clean: NDArray[Any], image: NDArray[Any], data_range: float = 1.0) -> PerImage:
    """Peak signal-to-noise ratio in dB, `10 log10(data_range**2 / MSE)`; infinite for equal images."""
    error = _mean(np.square(_pair(clean, image)))
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10(data_range**2 / error))


def ssim(clean: NDArray[Any], image: NDArray[Any], data_range: float = 1.0) -> PerImage:
    """Structural similarity (Wang et al., 2004) by scikit-image: uniform 7x7 window, mean over colours.

    Images smaller than 7 pixels use the largest odd window that fits.
    """
    from skimage.metrics import structural_similarity

    _pair(clean, image)
    side = min(7, *clean.shape[1:3])
    window = side - (side + 1) % 2
    if window < 3:
        return np.full(len(clean), np.nan)
    pairs = zip(clean, image, strict=True)
    values = [
        structural_similarity(  # type: ignore[no-untyped-call]
            a, b, data_range=data_range, channel_axis=-1, win_size=window
        )
        for a, b in pairs
    ]
    return np.asarray(values, dtype=np.float64)


def bce(clean: NDArray[Any], image: NDArray[Any]) -> PerImage:
    """Binary cross-entropy in nats per value, as the tutorial's loss; images in [0, 1]."""
    _pair(clean, image)
    target = clean.astype(np.float64)
    guess = np.clip(image.astype(np.float64), EPSILON, 1 - EPSILON)
    return _mean(-(target * np.log(guess) + (1 - target) * np.log1p(-guess)))


def excess_bce(clean: NDArray[Any], image: NDArray[Any]) -> PerImage:
    """Binary cross-entropy above its floor: the floor, `bce(clean, clean)`, is the entropy of gray targets.

    The excess is the mean Kullback-Leibler divergence of the two images' pixels, and 0 for equal images.
    """
    return bce(clean, image) - bce(clean, clean)


def _pair(clean: NDArray[Any], image: NDArray[Any]) -> NDArray[np.float64]:
    if clean.shape != image.shape or clean.ndim != 4:
        raise PellucidError(f"metrics compare two NHWC arrays of the same shape; got {clean.shape} and {image.shape}.")
    return np.asarray(np.subtract(clean, image, dtype=np.float64))


def _mean(values: NDArray[np.float64]) -> PerImage:
    return np.asarray(values.mean(axis=(1, 2, 3)))
