"""What a denoiser took away, and whether that is noise or shows the image.

The residual of a perfect denoiser is the noise itself. Where the noise is white, so is this residual. Real denoisers
leave marks: neighbouring pixels of the residual that agree (a positive autocorrelation) mean that content was taken
away, or that the noise is itself correlated; a negative one, that a part of the noise stays in the image. More energy
on edges than in flat places of the same brightness means that edges were taken away.

Clipped noise is not zero on average in black and white, and signal-dependent noise is stronger in bright places; so an
honest residual may show where those are. The energy is therefore compared among pixels of like brightness only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.evaluation.blind.heldout import HeldOut, Values, join
from pellucid.images import Image

RADIUS = 4
"""The autocorrelation is taken up to so many pixels away in either direction."""

NEAR = 2
"""Only correlations up to so many pixels away are judged."""

_CHANCE = 0.05  # that white noise exceeds its bound somewhere
_GROUPS = 8  # of pixels of like brightness, of so many at least:
_PER_GROUP = 250
_STEEPEST = 0.1  # of a group, the pixels with the largest gradient, are edges; the lower half of it is flat


@dataclass(frozen=True)
class Whiteness:
    """The autocorrelation of residuals.

    Attributes
    ----------
    map : float64 (2 RADIUS + 1, 2 RADIUS + 1), 1 in the middle; NaN if there is no residual at all
    strongest : the correlation that is furthest from 0, up to `NEAR` pixels away, in [-1, 1]
    chance : the size that the strongest correlation of white noise exceeds in 5 % of cases
    """

    map: NDArray[np.float64]
    strongest: float
    chance: float


def whiteness(residuals: Sequence[Image]) -> Whiteness:
    """Measure the autocorrelation of residuals (noisy - denoised), over all images and channels together.

    The expected spread is that of noise which is independent from pixel to pixel but may vary in strength (White's
    heteroscedasticity-consistent error, 1980, for a correlation), with a Bonferroni correction for the number of lags.
    """
    from scipy.stats import norm

    lags = [(0, right) for right in range(1, RADIUS + 1)]
    lags += [(down, right) for down in range(1, RADIUS + 1) for right in range(-RADIUS, RADIUS + 1)]
    product, square = dict.fromkeys(lags, 0.0), dict.fromkeys(lags, 0.0)
    energy = 0.0
    for residual in residuals:
        centred = residual.astype(np.float64) - residual.mean(axis=(0, 1), dtype=np.float64)
        energy += float(np.square(centred).sum())
        for lag in lags:
            both = _products(centred, *lag)
            product[lag] += float(both.sum())
            square[lag] += float(np.square(both).sum())
    found = np.full((2 * RADIUS + 1, 2 * RADIUS + 1), np.nan)
    if energy == 0:
        return Whiteness(found, float("nan"), float("nan"))
    found[RADIUS, RADIUS] = 1
    for (down, right), value in product.items():
        for sign in (1, -1):
            found[RADIUS + sign * down, RADIUS + sign * right] = value / energy
    near = [lag for lag in lags if max(map(abs, lag)) <= NEAR]
    strongest = max((product[lag] / energy for lag in near), key=abs)
    spread = max(square[lag] for lag in near) ** 0.5 / energy
    return Whiteness(found, strongest, float(norm.ppf(1 - _CHANCE / (2 * len(near)))) * spread)


def _products(image: Values, down: int, right: int) -> Values:
    """The products of all pairs of pixels that lie (down, right) apart."""
    height, width = image.shape[:2]
    first = image[: max(0, height - down), max(0, -right) : max(0, width - max(0, right))]
    second = image[down:, max(0, right) : max(0, width + min(0, right))]
    return np.asarray(first * second)


@dataclass(frozen=True)
class Structure:
    """How much a residual shows the image.

    Attributes
    ----------
    share : of the residual's energy on edges, what is beyond its energy in flat places of like brightness; 0 to 1.
        NaN if there is no residual at all
    chance : the share that noise alone exceeds in 5 % of cases
    """

    share: float
    chance: float


def structure(results: Sequence[Image], held: HeldOut) -> Structure:
    """Compare the energy of residuals on edges with that in flat places.

    Parameters
    ----------
    results : the denoised image for each grid of hidden pixels
    held : the hidden pixels; the edges are those of the reference's guess, which is independent of their noise
    """
    from scipy.stats import norm

    parts = [one.pick(result) - noisy for one, result, noisy in zip(held.hidden, results, held.noisy, strict=True)]
    energy = np.square(join(parts))
    if not energy.any():
        return Structure(float("nan"), float("nan"))
    steepness, brightness = join(held.steepness), join(held.guesses)
    count = min(_GROUPS, max(1, len(energy) // _PER_GROUP))
    flat, steep = [], []
    for group in np.array_split(np.argsort(brightness, kind="stable"), count):
        order = group[np.argsort(steepness[group], kind="stable")]
        flat.append(energy[order[: -(-len(order) // 2)]])
        steep.append(energy[order[-max(1, round(_STEEPEST * len(order))) :]])
    low, high = (float(np.mean([part.mean() for part in parts])) for parts in (flat, steep))
    # The relative error of either mean; groups are of one size, so each counts the same.
    errors = [
        np.sqrt(sum(part.var() / len(part) for part in parts)) / count / max(level, 1e-30)
        for parts, level in ((flat, low), (steep, high))
    ]
    chance = float(norm.ppf(1 - _CHANCE) * np.hypot(*errors))
    return Structure(max(0.0, 1 - low / high) if high > 0 else 0.0, min(1.0, chance))
