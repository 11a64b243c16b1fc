"""Noise whose neighbours are correlated: white noise blurred by a Gaussian.

The correlation of such noise falls with the distance d as r**(d**2), where r is that of neighbours, and r = exp(-1 /
(4 length**2)) for a Gaussian of `length` pixels.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TAIL = 1e-4  # weights of the kernel below this share of the largest are left out


def neighbour_correlation(length: float) -> float:
    """Return the correlation of neighbours in white noise blurred by a Gaussian of `length` pixels; 0 for 0."""
    return math.exp(-1 / (4 * length**2)) if length > 0 else 0.0


def blur_length(correlation: float) -> float:
    """Return the length in pixels whose blur correlates neighbours so much, a number below 1; 0 for none or less."""
    return math.sqrt(-1 / (4 * math.log(correlation))) if correlation > 0 else 0.0


@cache
def kernel(length: float) -> Floats:
    """Return the weights of the blur, an odd number, whose squares sum to 1: white noise keeps its deviation.

    The samples of a Gaussian correlate neighbours by less than r where the blur is short (by 0.26 in place of 0.37 at
    half a pixel). These weights are the inverse transform of the root of the correlation's spectrum, and right for any
    length.
    """
    if not neighbour_correlation(length):
        return np.ones(1)
    half = math.ceil(16 * length) + 8
    distance = np.abs(np.fft.fftfreq(2 * half, 1 / (2 * half)))
    spectrum = np.fft.rfft(neighbour_correlation(length) ** np.square(distance)).real
    weights = np.fft.irfft(np.sqrt(np.maximum(spectrum, 0)))
    reach = int(np.flatnonzero(np.abs(weights[:half]) > _TAIL * weights[0]).max())
    weights = np.concatenate([weights[reach:0:-1], weights[: reach + 1]])
    weights /= np.sqrt(np.square(weights).sum())
    weights.flags.writeable = False
    return weights
