"""Flat patches of an image, in which only noise varies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIDE = 7
"""Side of a patch, in pixels."""

WINDOW = SIDE + 2
"""Side of a patch with the ring of pixels around it; smaller images have no patches."""

MOST_CORRELATED = 0.88
"""The greatest correlation of neighbours that patches of this size can show."""

_PIXELS = SIDE * SIDE
_FREE = _PIXELS - 3  # degrees of freedom once a slope is subtracted
_MOST = 40_000  # patches that are taken from one plane
_BINS = 12  # of brightness
_FEWEST = 24  # patches that a bin of brightness needs
_ROUNDS = 12  # of the iteration that finds flat patches
_LOWEST = 0.1  # share of the patches with the lowest variance, by whose limit it begins
_REACH = 3.0  # a patch is flat if its variance is at most this many standard deviations above that of noise
_REACH_SHARED = 2.0  # the same for noise that neighbours share, which texture is harder to tell from
_LEAST = 1e-12  # variance; rounding may leave a negative one
_WHITE = 1.01  # up to this ratio of mean to median, and more of few patches, eigenvalues may be those of noise alone
_SHARED = 0.25  # from this likeness of neighbours on, it is the noise that does not vary in every direction
_CLEAR = 0.1  # directions in which correlated noise has less than this share of its greatest variance say little
_WHITENESS = 0.1  # a bin so much more correlated than the least correlated one counts for clearly less


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


@dataclass(frozen=True)
class _Expected:
    """What noise of variance 1 gives in patches without their slopes.

    Attributes
    ----------
    covariance : (pixels, pixels)
    total : mean of the sum of squares of a patch
    lowest, most : of these sums over their mean: the `_LOWEST` quantile, and the limit of flat patches
    kept : mean of those within the limit over that of all
    """

    covariance: Floats
    total: float
    lowest: float
    most: float
    kept: float


@cache
def _expected(correlation: tuple[float, float]) -> _Expected:
    """Return it for noise with this correlation of neighbours; sums are taken as chi-squared by their two moments."""
    covariance = _covariance(correlation)
    total = float(np.trace(covariance))
    half = total**2 / float(np.square(covariance).sum()) / 2  # of the degrees of freedom
    most = 1 + (_REACH_SHARED if any(correlation) else _REACH) * half**-0.5
    ratio = np.linspace(0, 10, 20_001)[1:]  # to the mean
    density = np.exp((half - 1) * np.log(ratio) - half * (ratio - 1))
    lowest = np.interp(_LOWEST, np.cumsum(density) / density.sum(), ratio)
    within = ratio <= most
    kept = (ratio * density)[within].sum() / density[within].sum()
    return _Expected(covariance, total, float(lowest), most, float(kept))


def _covariance(correlation: Sequence[float] | Floats) -> Floats:
    """Return the covariance, without the slopes, of noise whose correlation falls as r**(distance**2)."""
    y, x = np.divmod(np.arange(_PIXELS), SIDE)
    powers = [np.square(np.subtract.outer(axis, axis)) for axis in (x, y)]
    whole = np.prod([one**power for one, power in zip(correlation, powers, strict=True)], axis=0)
    return np.asarray(_REST @ whole @ _REST)


def flat_patches(plane: Floats, correlation: tuple[float, float] = (0.0, 0.0)) -> Flat:
    """Measure the noise of a plane (height, width), one colour of an image, in its weakly textured patches.

    Patches are sorted into bins by the brightness of the ring around them, which does not share their noise. In each
    bin, those are kept whose variance could come from noise alone; they are found by iteration (after Liu, Tanaka,
    Okutomi, "Single-image noise level estimation for blind denoising", IEEE TIP 2013). Texture that is left in them is
    excluded by the eigenvalues of their covariance (Chen, Zhu, Heng, "An efficient statistical method for image noise
    level estimation", ICCV 2015). Bins that are more correlated than the least correlated one hold more texture than
    noise, and count for less.

    `correlation` is that of horizontal and of vertical neighbours of the noise, as far as it is known: noise that
    neighbours share varies more from patch to patch, and its slopes are subtracted from it.
    """
    expected = _expected(correlation)
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
        flat = _flat(np.square(rest).sum(axis=1), expected)
        alike = _correlation(rest[flat])
        if any(correlation):
            level = _level(rest[flat], expected)
        else:
            level = _white_level(rest[flat], expected, float(alike.mean()))
        points.append((mean[moving][inside][flat].mean(), max(level, _LEAST), flat.sum() ** 2 / len(flat)))
        correlations.append(alike)
    if not points:
        return Flat(none, none, none, np.zeros(2), 0.0, still, len(patches))
    (bright, level, count), found = np.array(points).T, np.array(correlations)
    likeness = found.mean(axis=1)
    usual = np.median(likeness) if any(correlation) else likeness.min()
    weight = count * np.exp(-np.square((likeness - usual) / _WHITENESS))
    return Flat(
        bright, level, weight, weight @ found / weight.sum(), float(count @ likeness / count.sum()), still, len(patches)
    )


def _bins(brightness: Floats) -> list[NDArray[np.intp]]:
    """Sort patches into bins by brightness; bins with few are left out."""
    if len(brightness) < _FEWEST:
        return []
    low, high = np.quantile(brightness, [0.002, 0.998])
    place = np.clip((brightness - low) / max(high - low, 1e-9) * _BINS, 0, _BINS - 1).astype(int)
    bins = (np.flatnonzero(place == number) for number in range(_BINS))
    return [inside for inside in bins if len(inside) >= _FEWEST]


def _flat(sums: Floats, expected: _Expected) -> NDArray[np.bool_]:
    """Choose the patches whose sums of squares could all come from one level of noise, the lowest."""
    level = float(np.quantile(sums, _LOWEST)) / expected.lowest
    for _ in range(_ROUNDS):
        chosen = sums <= level * expected.most
        level = float(sums[chosen].mean()) / expected.kept
    return np.asarray(chosen)


def _correlation(rest: Floats) -> Floats:
    field = rest.reshape(-1, SIDE, SIDE)
    pairs = (field[:, :, 1:] * field[:, :, :-1], field[:, 1:] * field[:, :-1])
    return np.array([float(pair.mean()) for pair in pairs]) / max(float(np.square(rest).mean()), 1e-30)


def _white_level(rest: Floats, expected: _Expected, likeness: float) -> float:
    """Return the variance of the noise in flat patches: white noise varies in every direction, texture only in some."""
    mean = float(np.square(rest).sum() / len(rest) / expected.total)
    if len(rest) >= 10 * _FREE and likeness <= _SHARED:
        values = np.linalg.eigvalsh(rest.T @ rest / len(rest))[_PIXELS - _FREE :]
        # Eigenvalues of few patches differ by chance.
        while len(values) > 1 and values.mean() > (_WHITE + _FREE / (2 * len(rest))) * np.median(values):
            values = values[:-1]
        mean = float(values.mean())
    return mean / expected.kept


def _level(rest: Floats, expected: _Expected) -> float:
    """Return the same for noise that neighbours share: texture adds variance in few of the directions of the noise."""
    values, directions = np.linalg.eigh(expected.covariance)
    clear = values > _CLEAR * values[-1]
    seen = np.square(rest @ directions[:, clear]).mean(axis=0)
    return float(np.median(seen / values[clear]) / expected.kept)


def true_correlation(measured: Floats) -> tuple[float, float]:
    """Undo what subtracting the slopes does to correlated noise.

    Parameters
    ----------
    measured : as `Flat.correlation`

    Returns
    -------
    The correlation of horizontal and of vertical neighbours. The noise is assumed to be white noise blurred by a
    Gaussian, whose correlation falls as r**(distance**2); above `MOST_CORRELATED` it is too smooth to be told by
    patches of this size.
    """
    guess = np.clip(measured, -0.3, MOST_CORRELATED)
    for _ in range(60):
        guess = np.clip(guess + (measured - _seen(guess)), -0.3, MOST_CORRELATED)
    return float(guess[0]), float(guess[1])


def _seen(correlation: Floats) -> Floats:
    """Return the correlation of neighbours in patches without their slopes."""
    left = _covariance(correlation)
    y, x = np.divmod(np.arange(_PIXELS), SIDE)
    apart = np.abs(np.subtract.outer(x, x)), np.abs(np.subtract.outer(y, y))
    side = [left[(apart[axis] == 1) & (apart[1 - axis] == 0)].mean() for axis in (0, 1)]
    return np.asarray(np.array(side) / np.trace(left) * _PIXELS)
