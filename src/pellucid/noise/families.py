"""Kinds of noise as curves of variance over mean, after clipping to [0, 1].

The curves are those of Foi, "Clipped noisy images: heteroskedastic modeling and practical denoising", Signal Processing
2009, with the exact counts of faint Poisson noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pellucid.noise.patches import Flat

Floats = NDArray[np.float64]

SINGLE = ("gaussian", "poisson", "speckle")
"""Kinds with one strength."""

MIXED = "poisson+gaussian"
"""The kind with two."""

_STRENGTHS = np.geomspace(4e-4, 4, 460)  # standard deviation at white
_BETWEEN = np.linspace(0, 1, 21)  # places between two of them
_COARSE = np.geomspace(2e-3, 1, 56)  # for each of the two strengths of `MIXED`
_MEANS = np.linspace(0, 1, 257)
_LEVELS = np.linspace(0, 1, 201)  # of brightness before noise
_BEYOND = np.linspace(1 / 24, 3, 72)  # how far below black and above white, in standard deviations
_FEW_PHOTONS = 60.0  # up to this many, counts are summed one by one; more are taken as normally distributed
_LEAN = 0.35  # texture can only add variance, so a curve below its points costs less than one above them
_UNBOUNDED = 1e3  # a bound that no value reaches


@dataclass(frozen=True)
class Fit:
    """How well a kind of noise fits the flat patches.

    Attributes
    ----------
    strengths : standard deviation at white; for `MIXED`, that of the part that grows with brightness, then of the other
    cost : mean deviation of the logarithm of the variance
    """

    strengths: tuple[float, ...]
    cost: float


def fit(kind: str, flats: Sequence[Flat], clip: bool) -> Fit:
    """Find the strength with which a kind fits the patches of all `flats` best; `clip`: noise was clipped."""
    logs, strengths = _table(kind, clip)
    mean, variance, weight = (np.concatenate([getattr(flat, name) for flat in flats]) for name in Flat.POINTS)
    place = np.clip(mean, 0, 1) * (len(_MEANS) - 1)
    left = np.minimum(place.astype(int), len(_MEANS) - 2)
    share = place - left
    miss = np.log(variance) - (logs[:, left] * (1 - share) + logs[:, left + 1] * share)
    costs = _costs(miss, weight)
    best = int(costs.argmin())
    if kind != MIXED:  # the next strengths on either side are near enough to interpolate between
        ends = [max(best - 1, 0), min(best + 1, len(costs) - 1)]
        parts = np.stack([1 - _BETWEEN, _BETWEEN], axis=1)
        costs, strengths = _costs(parts @ miss[ends], weight), np.exp(parts @ np.log(strengths[ends]))
        best = int(costs.argmin())
    return Fit(tuple(float(one) for one in strengths[best]), float(costs[best]))


def _costs(miss: Floats, weight: Floats) -> Floats:
    return np.asarray(2 * (np.maximum(_LEAN * miss, (_LEAN - 1) * miss) @ weight) / weight.sum())


@cache
def _table(kind: str, clip: bool) -> tuple[Floats, Floats]:
    """Return the logarithm of the variance at `_MEANS`, one row per strength, and the strengths."""
    low, high = (0.0, 1.0) if clip else (-_UNBOUNDED, _UNBOUNDED)
    level = np.concatenate([_LEVELS, 1 + _BEYOND])[None]
    single = _STRENGTHS[:, None]
    strengths = single
    if kind == "gaussian":
        curves = _curves(*_clipped(_around(_STRENGTHS), single, low, high))
    elif kind == "speckle":
        curves = _curves(*_clipped(level, single * level, low, high))
    elif kind == "poisson":
        curves = _curves(*_clipped(level, single * np.sqrt(level), -_UNBOUNDED, high))
        for row in np.flatnonzero(clip & (_FEW_PHOTONS * _STRENGTHS**2 > 1)):
            curves[row] = _curves(*_counted(level, float(_STRENGTHS[row] ** -2)))[0]
    else:
        strengths = np.stack(np.meshgrid(_COARSE, _COARSE, indexing="ij"), axis=2).reshape(-1, 2)
        growing, steady = strengths[:, :1], strengths[:, 1:]
        level = _around(strengths[:, 1])
        curves = _curves(*_clipped(level, np.hypot(growing * np.sqrt(np.maximum(level, 0)), steady), low, high))
    return np.log(np.maximum(curves, 1e-12)), strengths


def black_mean(sigma: float) -> float:
    """Return the mean of black with noise of `sigma`, clipped to [0, 1]."""
    return float(_clipped(np.zeros(1), np.array([sigma]), 0.0, 1.0)[0][0])


def deviation(kind: str, strengths: tuple[float, ...], clip: bool) -> tuple[Floats, Floats]:
    """Return the curve of a kind: values of mean brightness from 0 to 1, and the standard deviation at each."""
    logs, known = _table(kind, clip)
    nearest = int(np.abs(np.log(known) - np.log(strengths)).sum(axis=1).argmin())
    return _MEANS, np.exp(logs[nearest] / 2)


def _around(sigma: Floats) -> Floats:
    """Return levels from below black to above white, as far as noise may bring back into [0, 1]: a row per sigma."""
    reach = sigma[:, None] * _BEYOND
    inside = np.broadcast_to(_LEVELS, (len(sigma), len(_LEVELS)))
    return np.concatenate([-reach[:, ::-1], inside, 1 + reach], axis=1)


def _curves(mean: Floats, variance: Floats) -> Floats:
    return np.stack([np.interp(_MEANS, *pair) for pair in zip(mean, variance, strict=True)])


def _clipped(level: Floats, sigma: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """Return mean and variance of normal values clipped to [low, high]."""
    from scipy.special import ndtr

    level, sigma = np.broadcast_arrays(level, np.maximum(sigma, 1e-9))
    below, above = np.clip((low - level) / sigma, -40, 40), np.clip((high - level) / sigma, -40, 40)
    density = [np.exp(-0.5 * end**2) / np.sqrt(2 * np.pi) for end in (below, above)]
    under, over = ndtr(below), ndtr(-above)
    within = ndtr(above) - under
    # Moments of the deviation from `level`, of the values that stay inside and of those that end at the bounds.
    shift = sigma * (density[0] - density[1]) + (low - level) * under + (high - level) * over
    square = sigma**2 * (within + below * density[0] - above * density[1])
    square = square + (low - level) ** 2 * under + (high - level) ** 2 * over
    return level + shift, square - shift**2


def _counted(level: Floats, peak: float) -> tuple[Floats, Floats]:
    """Return mean and variance of `min(Poisson(peak * level) / peak, 1)`."""
    from scipy.special import gammaln, xlogy

    counts = np.arange(np.ceil(peak))[:, None]
    chance = np.exp(xlogy(counts, peak * level) - peak * level - gammaln(counts + 1))
    white = 1 - chance.sum(axis=0)
    mean = (chance * counts / peak).sum(axis=0) + white
    square = (chance * (counts / peak) ** 2).sum(axis=0) + white
    return mean[None], (square - mean**2)[None]
