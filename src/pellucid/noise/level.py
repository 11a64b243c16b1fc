"""From the flat patches of images to the kind and the level of their noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.noise.families import MIXED, SINGLE, fit
from pellucid.noise.patches import Flat, true_correlation

Floats = NDArray[np.float64]
Interval = tuple[float, float]
Part = tuple[Flat, ...]
"""The planes (colours) of one image, or of a part of one."""

NONE, UNCLEAR = "none", "unclear"
"""Kinds besides those in `families`: hardly any noise; and noise that cannot be distinguished from texture."""

LEAST = 0.004
"""Noise below this level, one gray value of 256, counts as none."""

CORRELATED = 0.15
"""From this correlation of neighbours on, noise counts as correlated."""

FAINT = 0.012
"""Level up to which texture passes for noise."""

_LEAST_ANYWHERE = 0.008  # the same for the noisiest tenth of the parts
_STILL = 0.05  # from this share of patches of one single value on, noise is taken to spare them
_TEXTURE = 0.1  # from this correlation on, what varies may be texture
_UNLIKE = 0.1  # parts whose flat patches are so much more correlated than usual are left out as texture
_BETTER, _MARGIN = 0.75, 0.005  # another kind must cost at most this share of `gaussian`'s cost, less the margin
_POOR, _MIXED_BETTER = 0.03, 0.6  # cost above which a mixture is tried, and the share of it that the mixture may cost
_GROWING, _STEADY = 0.3, 0.12  # least share of the variance, at the mean brightness, of each part of a mixture
_MANY = 1000  # with fewer patches of a plane no mixture is tried: it fits anything
_NARROW = 0.06  # within so small a span of brightness, its influence on noise cannot be seen


@dataclass(frozen=True)
class Level:
    """The kind and the level of noise; levels are standard deviations in units of [0, 1].

    Attributes
    ----------
    kind : `gaussian`, `poisson`, `speckle`, `poisson+gaussian`, `none`, or `unclear`
    strength : in the unit of the kind: sigma, photons at white, sigma relative to the pixel; None if not measured
    strength_interval : holds the strength of four in five images, or of the quarters of few images
    steady : level of the part of `poisson+gaussian` that does not grow with brightness; else 0
    sigma, sigma_interval : level over all values, and the interval as for the strength; None if not measured
    correlation : of the noise of horizontal and of vertical neighbours
    flat : brightness and level of groups of flat patches
    one_brightness : whether nearly all flat patches are about as bright
    """

    kind: str
    strength: float | None = None
    strength_interval: Interval | None = None
    steady: float = 0.0
    sigma: float | None = None
    sigma_interval: Interval | None = None
    correlation: tuple[float, float] = (0.0, 0.0)
    flat: tuple[tuple[float, float], ...] = ()
    one_brightness: bool = False

    @property
    def correlated(self) -> bool:
        """Whether neighbours share a part of their noise, and it is more than texture may be, which is correlated."""
        return max(self.correlation) > CORRELATED and (self.sigma or 0) > FAINT


@dataclass(frozen=True)
class Brightness:
    """Mean, and mean of the squares, of the values of noisy images."""

    mean: float
    square: float


def estimate_level(images: Sequence[Sequence[Part]], brightness: Brightness, clip: bool) -> Level:
    """Estimate the noise in images.

    Parameters
    ----------
    images : the parts of each
    brightness : of all values
    clip : whether noise was clipped to [0, 1]

    Returns
    -------
    Level, the median over the images; its intervals are taken over the parts.
    """
    known = _measurable(images)
    if not known:
        still = all(flat.still == 1 for image in images for part in image for flat in part)
        return Level(NONE, 0.0, (0.0, 0.0), 0.0, 0.0, (0.0, 0.0)) if still else Level(UNCLEAR)
    parts = [part for image in known for part in image]
    kind = _choose(parts, brightness, clip)
    found = np.array([fit(kind, part, clip).strengths for part in parts])
    whole = [fit(kind, [flat for part in image for flat in part], clip).strengths for image in known]
    strengths = np.median(whole, axis=0)
    sigma, unit = _at(kind, strengths, brightness), _unit(kind, strengths)
    interval = _interval([_at(kind, row, brightness) for row in found], sigma)
    points = np.concatenate([np.stack([flat.mean, flat.variance, flat.weight]) for part in parts for flat in part], 1)
    clear = interval[1] >= _LEAST_ANYWHERE or sigma >= LEAST
    return Level(
        kind=kind if clear else NONE,
        strength=unit,
        strength_interval=_interval([_unit(kind, row) for row in found], unit),
        steady=float(strengths[1]) if kind == MIXED else 0.0,
        sigma=sigma,
        sigma_interval=interval,
        correlation=_shared(known) if clear else (0.0, 0.0),
        flat=tuple((float(mean), float(np.sqrt(variance))) for mean, variance, _ in points.T),
        one_brightness=bool(_span(points) < _NARROW),
    )


def shared_correlation(images: Sequence[Sequence[Part]]) -> tuple[float, float]:
    """Return what `flat_patches` is to know of the noise of these images: its correlation where it is clear, else 0."""
    known = _measurable(images)
    found = _shared(known) if known else (0.0, 0.0)
    return (max(found[0], 0.0), max(found[1], 0.0)) if max(found) > CORRELATED else (0.0, 0.0)


def _shared(known: Sequence[Sequence[Part]]) -> tuple[float, float]:
    return true_correlation(np.median([_correlation(part) for image in known for part in image], axis=0))


def _measurable(images: Sequence[Sequence[Part]]) -> list[list[Part]]:
    """Return the parts whose flat patches vary by noise.

    There are none if texture varies and other patches do not vary at all.
    """
    flats = [flat for image in images for part in image for flat in part]
    textures = [flat.texture for flat in flats if len(flat.mean)]
    if not textures or (np.mean(textures) > _TEXTURE and np.mean([flat.still for flat in flats]) >= _STILL):
        return []
    parts = [[tuple(flat for flat in part if len(flat.mean)) for part in image] for image in images]
    known = [[part for part in image if part] for image in parts]
    most = np.median([_correlation(part).mean() for image in known for part in image]) + _UNLIKE
    chosen = [[part for part in image if _correlation(part).mean() <= most] for image in known]
    return [image for image in chosen if image]


def _correlation(part: Part) -> Floats:
    return np.asarray(np.mean([flat.correlation for flat in part], axis=0))


def _choose(parts: Sequence[Part], brightness: Brightness, clip: bool) -> str:
    """Return the kind that fits the parts at the least cost; simpler kinds are preferred."""

    def cost(kind: str) -> float:
        return float(np.mean([fit(kind, part, clip).cost for part in parts]))

    costs = {kind: cost(kind) for kind in SINGLE}
    best = min(costs, key=lambda kind: costs[kind])
    if costs[best] > _BETTER * costs["gaussian"] - _MARGIN:
        best = "gaussian"
    if costs[best] <= _POOR or min(flat.patches for part in parts for flat in part) < _MANY:
        return best
    growing, steady = np.median([fit(MIXED, part, clip).strengths for part in parts], axis=0)
    share = 1 / (1 + steady**2 / (growing**2 * brightness.mean + 1e-12))
    return MIXED if cost(MIXED) < _MIXED_BETTER * costs[best] and _GROWING < share < 1 - _STEADY else best


def _at(kind: str, strengths: Floats, brightness: Brightness) -> float:
    """Return the standard deviation over all values."""
    if kind == "speckle":
        # The squares contain the noise itself.
        return float(strengths[0] * np.sqrt(brightness.square / (1 + strengths[0] ** 2)))
    growth = 1.0 if kind == "gaussian" else np.sqrt(brightness.mean)
    return float(np.hypot(strengths[0] * growth, strengths[1] if kind == MIXED else 0))


def _unit(kind: str, strengths: Floats) -> float:
    """Return the strength in the unit of the kind."""
    return float(strengths[0]) if kind in ("gaussian", "speckle") else float(strengths[0] ** -2)


def _interval(found: Sequence[float], value: float) -> Interval:
    low, high = np.quantile(found, [0.1, 0.9])
    return min(float(low), value), max(float(high), value)


def _span(points: Floats) -> float:
    """Return the span of brightness of four in five flat patches; `points`: mean, variance, weight."""
    order = np.argsort(points[0])
    share = np.cumsum(points[2][order]) / points[2].sum()
    low, high = (points[0][order][np.searchsorted(share, part)] for part in (0.1, 0.9))
    return float(high - low)
