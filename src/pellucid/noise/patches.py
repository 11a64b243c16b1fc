"""Flat patches of an image, in which only noise varies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIDE = 7
"""Side of a patch, in pixels."""

WINDOW = SIDE + 2
"""Side of a patch with the ring of pixels around it; smaller images have no patches."""

_PIXELS = SIDE * SIDE
_FREE = _PIXELS - 3  # degrees of freedom once a slope is subtracted
_MOST = 40_000  # patches that are taken from one plane
_BINS = 12  # of brightness
_FEWEST = 24  # patches that a bin of brightness needs
_ROUNDS = 12  # of the iteration that finds flat patches
_LEAST = 1e-12  # variance; rounding may leave a negative one
_WHITE = 1.06  # up to this ratio of mean to median, eigenvalues may be those of noise alone
_WHITENESS = 0.1  # a bin so much more correlated than the least correlated one counts for clearly less
_CORRELATED = 0.25  # from here on, the noise itself is taken to be correlated


def _without_slope() -> Floats:
    """Return the matrix that subtracts the best-fitting slope (a + b x + c y) from a patch written as one row."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    basis = np.stack([np.ones(_PIXELS), y.ravel(), x.ravel()])
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    return np.asarray(np.eye(_PIXELS) - basis.T @ basis)


_REST = _without_slope()


@dataclass(frozen=True)
class Flat:
    """The noise in the flat patches of one or several planes.

    Attributes
    ----------
    mean, variance, weight : one value for each bin of brightness: mean brightness and variance of its flat patches,
        in units of [0, 1] and its square, and how much they count
    correlation : of the noise of horizontal and of vertical neighbours, measured in patches without their slopes
    texture : the same with all bins weighted equally; texture and blurred noise are correlated
    still : share of the patches that hold one single value
    patches : number of patches
    """

    POINTS: ClassVar = ("mean", "variance", "weight")

    mean: Floats
    variance: Floats
    weight: Floats
    correlation: Floats
    texture: float
    still: float
    patches: int

    def times(self, factor: float) -> Flat:
        """Return it with every variance multiplied."""
        return replace(self, variance=self.variance * factor)


def flat_patches(plane: Floats) -> Flat:
    """Measure the noise of a plane (height, width), one colour of an image, in its weakly textured patches.

    Patches are sorted into bins by the brightness of the ring around them, which does not share their noise. In each
    bin, those are kept whose variance could come from noise alone; they are found by iteration (after Liu, Tanaka,
    Okutomi, "Single-image noise level estimation for blind denoising", IEEE TIP 2013). Texture that is left in them is
    excluded by the eigenvalues of their covariance (Chen, Zhu, Heng, "An efficient statistical method for image noise
    level estimation", ICCV 2015). Bins that are more correlated than the least correlated one hold more texture than
    noise, and count for less.
    """
    none = np.zeros(0)
    if min(plane.shape) < WINDOW:
        return Flat(none, none, none, np.zeros(2), 0.0, 0.0, 0)
    places = (plane.shape[0] - WINDOW + 1) * (plane.shape[1] - WINDOW + 1)
    step = int(np.ceil(np.sqrt(places / _MOST)))
    windows = np.lib.stride_tricks.sliding_window_view(plane, (WINDOW, WINDOW))[::step, ::step]
    patches = windows[..., 1:-1, 1:-1].reshape(-1, _PIXELS)
    mean = patches.mean(axis=1)
    ring = (windows.sum(axis=(2, 3)).ravel() - _PIXELS * mean) / (WINDOW**2 - _PIXELS)
    moving = np.ptp(patches, axis=1) > 0
    still = 1 - float(moving.mean())
    points, correlations = [], []
    for inside in _bins(ring[moving]):
        rest = patches[moving][inside] @ _REST
        variance = np.square(rest).sum(axis=1) / _FREE
        flat = _flat(variance)
        correlation = _correlation(rest[flat])
        level = _level(rest[flat], float(correlation.mean()))
        points.append((mean[moving][inside][flat].mean(), max(level, _LEAST), flat.sum() ** 2 / len(flat)))
        correlations.append(correlation)
    if not points:
        return Flat(none, none, none, np.zeros(2), 0.0, still, len(patches))
    (bright, level, count), found = np.array(points).T, np.array(correlations)
    likeness = found.mean(axis=1)
    weight = count * np.exp(-np.square((likeness - likeness.min()) / _WHITENESS))
    correlation = weight @ found / weight.sum()
    return Flat(bright, level, weight, correlation, float(count @ likeness / count.sum()), still, len(patches))


def _bins(brightness: Floats) -> list[NDArray[np.intp]]:
    """Sort patches into bins by brightness; bins with few are left out."""
    if len(brightness) < _FEWEST:
        return []
    low, high = np.quantile(brightness, [0.002, 0.998])
    place = np.clip((brightness - low) / max(high - low, 1e-9) * _BINS, 0, _BINS - 1).astype(int)
    bins = (np.flatnonzero(place == number) for number in range(_BINS))
    return [inside for inside in bins if len(inside) >= _FEWEST]


def _flat(variance: Floats) -> NDArray[np.bool_]:
    """Choose the patches whose variances could all come from one level of noise, the lowest."""
    spread = np.sqrt(2 / _FREE)
    level = float(np.quantile(variance, 0.1)) / (1 - 1.28 * spread)
    for _ in range(_ROUNDS):
        chosen = variance <= level * (1 + 3 * spread)
        level = float(variance[chosen].mean())
    return np.asarray(chosen)


def _correlation(rest: Floats) -> Floats:
    field = rest.reshape(-1, SIDE, SIDE)
    pairs = (field[:, :, 1:] * field[:, :, :-1], field[:, 1:] * field[:, :-1])
    return np.array([float(pair.mean()) for pair in pairs]) / max(float(np.square(rest).mean()), 1e-30)


def _level(rest: Floats, correlation: float) -> float:
    """Return the variance of the noise in flat patches: white noise varies in every direction, texture only in some."""
    if len(rest) < 10 * _FREE or correlation > _CORRELATED:
        return float(np.square(rest).sum() / len(rest) / _FREE)
    values = np.linalg.eigvalsh(rest.T @ rest / len(rest))[_PIXELS - _FREE :]
    while len(values) > 1 and values.mean() > _WHITE * np.median(values):
        values = values[:-1]
    return float(values.mean())


def true_correlation(measured: Floats) -> tuple[float, float, float]:
    """Undo what subtracting the slopes does to correlated noise.

    Parameters
    ----------
    measured : as `Flat.correlation`

    Returns
    -------
    The correlation of horizontal and of vertical neighbours, and the factor from the measured variances to the true
    ones. The noise is assumed to be white noise blurred by a Gaussian, whose correlation falls as r**(distance**2).
    """
    guess = np.clip(measured, -0.3, 0.95)
    for _ in range(60):
        seen, _ = _seen(guess)
        guess = np.clip(guess + (measured - seen), -0.3, 0.97)
    return float(guess[0]), float(guess[1]), _FREE / _seen(guess)[1]


def _seen(correlation: Floats) -> tuple[Floats, float]:
    """Return the correlation of neighbours, and the sum of squares, in patches without their slopes."""
    y, x = np.divmod(np.arange(_PIXELS), SIDE)
    powers = [np.square(np.subtract.outer(axis, axis)) for axis in (x, y)]
    covariance = np.prod([one**power for one, power in zip(correlation, powers, strict=True)], axis=0)
    left = _REST @ covariance @ _REST
    mean = np.trace(left) / _PIXELS
    side = [left[(powers[axis] == 1) & (powers[1 - axis] == 0)].mean() for axis in (0, 1)]
    return np.array(side) / mean, float(mean * _PIXELS)
