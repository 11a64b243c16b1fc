"""Noise with a pattern: whole rows or columns that are brighter or darker, waves, and JPEG's blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SHORTEST = 24  # with fewer rows or columns than this, nothing is said
_CLEAR = 2.5  # at least so many times what the noise of pixels alone would give
_SMOOTH = 9  # rows that a row is compared with
_WAVE_SIDE = 256  # of the square in which waves are searched, in pixels
_WAVE_LEAST = 64  # the smallest such square
_WAVE_SLOWEST = 0.04  # cycles per pixel; slower ones are content
_WAVE_PEAK = 150.0  # power of a wave over that around it; pure noise reaches at most 40


def remove_rows(plane: Floats) -> tuple[float, Floats]:
    """Return the standard deviation of the shifts of whole rows, 0 if there are none, and the plane without them.

    The median along each row of the second difference between rows contains the shifts, but little of the noise of
    pixels and of the content. There are shifts if it is larger than the noise of pixels alone would make it.
    """
    if min(plane.shape) < _SHORTEST:
        return 0.0, plane
    own, expected, pixel = _row_noise(plane)
    across = _row_noise(plane.T)[0]
    level = float(np.sqrt(max(own**2 - expected**2, 0)))
    if own < _CLEAR * expected or level < 0.1 * pixel or own < 2 * across or level < 1e-3:
        return 0.0, plane
    from scipy.ndimage import median_filter

    offsets = np.median(plane - median_filter(plane, size=(_SMOOTH, 1), mode="nearest"), axis=1, keepdims=True)
    return level, plane - offsets


def _row_noise(plane: Floats) -> tuple[float, float, float]:
    """Return the noise of rows, the same if there were only the noise of pixels, and the noise of pixels."""
    second = np.diff(plane, 2, axis=0) / np.sqrt(6)
    middle = np.median(second, axis=1)
    pixel = _spread(second - middle[:, None])
    return _spread(middle), 1.2533 * pixel / np.sqrt(plane.shape[1]), pixel


def _spread(values: Floats) -> float:
    """Return the standard deviation, computed from the median absolute deviation."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def find_wave(plane: Floats) -> tuple[float, float] | None:
    """Find the strongest wave; return its amplitude and its period in pixels, or None.

    A wave over the whole image is one sharp peak of the power spectrum, far above its surroundings; texture is broad.
    """
    from scipy.ndimage import median_filter

    if min(plane.shape) < _WAVE_LEAST:
        return None
    part = plane[:_WAVE_SIDE, :_WAVE_SIDE]
    window = np.outer(np.hanning(part.shape[0]), np.hanning(part.shape[1]))
    spectrum = np.abs(np.fft.rfft2((part - part.mean()) * window))
    y, x = np.fft.fftfreq(part.shape[0])[:, None], np.fft.rfftfreq(part.shape[1])[None]
    frequency = np.hypot(y, x)
    around = median_filter(spectrum, size=9, mode="nearest")
    ratio = np.where(frequency > _WAVE_SLOWEST, np.square(spectrum / np.maximum(around, 1e-9)), 0)
    place = np.unravel_index(int(ratio.argmax()), ratio.shape)
    if ratio[place] < _WAVE_PEAK:
        return None
    return float(2 * spectrum[place] / window.sum()), float(1 / frequency[place])


def blocking(plane: Floats) -> float:
    """Return how much larger the steps between JPEG's blocks of 8 pixels are than those inside; 1 if there are none.

    The plane begins at the corner of a block (after Wang, Bovik, Evans, "Blind measurement of blocking artifacts in
    images", ICIP 2000).
    """
    if min(plane.shape) < _SHORTEST:
        return 1.0
    ratios = []
    for turned in (plane, plane.T):
        # A step on a slope is no edge: the mean of its two neighbours is subtracted.
        step = np.abs(np.diff(turned, axis=1))
        excess = (step[:, 1:-1] - (step[:, :-2] + step[:, 2:]) / 2).mean(axis=0)
        at_edge = (np.arange(len(excess)) + 2) % 8 == 0
        ratios.append(1 + (excess[at_edge].mean() - excess[~at_edge].mean()) / max(float(step.mean()), 1e-6))
    return float(min(ratios))
