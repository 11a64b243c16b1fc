"""Means over images, with how sure they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
"""Of all intervals."""


@dataclass(frozen=True)
class Estimate:
    """A mean and its confidence interval; `low` and `high` are NaN where one value, or an infinite one, gives none."""

    mean: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half of the interval's width."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Paired:
    """Two denoisers on the same images: the mean difference, and in how many of `count` images the first is better."""

    difference: Estimate
    wins: int
    count: int


def estimate(values: NDArray[np.float64]) -> Estimate:
    """Return the mean of independent values with Student's interval for it.

    Parameters
    ----------
    values : at least one
    """
    from scipy.stats import t

    mean = float(np.mean(values))
    if len(values) < 2 or not np.isfinite(values).all():
        return Estimate(mean, float("nan"), float("nan"))
    error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    half = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * error
    return Estimate(mean, mean - half, mean + half)


def proportion(count: int, total: int) -> Estimate:
    """Return the share `count / total` of independent trials with Wilson's score interval (Wilson, 1927).

    Parameters
    ----------
    count, total : how many of how many; at least one in all
    """
    from scipy.stats import binomtest

    interval = binomtest(count, total).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(count / total, float(interval.low), float(interval.high))


def paired(first: NDArray[np.float64], second: NDArray[np.float64]) -> Paired:
    """Compare scores of the same images, of which more is better; equal infinities count as no difference."""
    with np.errstate(invalid="ignore"):
        difference = np.where(first == second, 0.0, first - second)
    return Paired(estimate(difference), int(np.sum(first > second)), len(first))
