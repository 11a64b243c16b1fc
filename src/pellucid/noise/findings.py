"""What was found in images: in numbers, in words, and as the noise to train against."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from pellucid.images import Ranges, shown
from pellucid.noise.correlation import blur_length
from pellucid.noise.impulses import Impulses
from pellucid.noise.level import NONE, UNCLEAR, Interval, Level
from pellucid.noise.values import Values

_WORDS = {
    "gaussian": "signal-independent (gaussian)",
    "poisson": "signal-dependent, variance grows with brightness (poisson)",
    "speckle": "signal-dependent, deviation grows with brightness (speckle)",
    "poisson+gaussian": "signal-dependent, with a part that is not (poisson+gaussian)",
    NONE: "hardly any",
    UNCLEAR: "cannot be distinguished from texture",
}
_UNITS = {
    "poisson": "photons at white",
    "poisson+gaussian": "photons at white",
    "speckle": "relative to the pixel",
}
_USUAL = (0.02, 0.2)  # sigma, recommended where no noise was found: mild noise to add to clean images
_ALIKE = 0.04  # correlations that differ by less count as equal
_HARDLY = 0.07  # up to this correlation, which texture in flat patches gives, there is none
_BESIDE_IMPULSES = 0.015  # up to this level, other noise does not matter where there are impulses


@dataclass(frozen=True)
class Inspection:
    """The noise of a collection of images; levels are standard deviations, where black is 0 and white 1.

    Attributes
    ----------
    images, pixels : number of images, and of the pixels that were measured
    side : the median of the images' shorter sides, in pixels
    values : range, bit depth, and the shares at black and white
    ranges : the values that are black and white, by kind of number (see `images.kind_of`)
    clipped : whether noise was clipped to [0, 1]
    level : kind and level of the noise, without impulses and patterns
    differ : whether the images differ in level
    impulses : black and white ones
    rows, columns : level of the shifts of whole rows, or columns
    wave : amplitude and period in pixels of a regular pattern, or None
    blocking : steps between JPEG's blocks of 8 pixels, relative to other steps; 1 if there are no blocks
    """

    images: int
    pixels: int
    side: int
    values: Values
    ranges: Ranges
    clipped: bool
    level: Level
    differ: bool
    impulses: Impulses
    rows: float
    columns: float
    wave: tuple[float, float] | None
    blocking: float

    @property
    def noise(self) -> str:
        """The noise as `parse` reads it, for images as training reads them; a usual one for images that have none."""
        return "+".join(self._parts) or f"gaussian:{_USUAL[0]}-{_USUAL[1]}"

    @property
    def measured(self) -> bool:
        """Whether `noise` was measured; else it is a usual one."""
        return bool(self._parts)

    @property
    def clean(self) -> bool:
        """Whether nothing was found that a network could learn to remove."""
        return self.level.kind == NONE and not self.measured

    @property
    def advice(self) -> tuple[str, ...]:
        """The modes of training that fit, the best first: sentences that end with a colon, for what trains so."""
        if self.clean:
            return ("Train on these images as the clean ones, with noise of the strength that you expect:",)
        if not self.measured:
            return ("Train on clean images of the same kind; this noise is a usual one, not one that was measured:",)
        return (
            "Train on these very images, without clean ones:",
            "Or, where there are clean images of the same kind, train on those with this noise added:",
        )

    def plain(self) -> dict[str, Any]:
        """Return all as plain numbers, texts and lists, with the noise to train against."""
        return {**dataclasses.asdict(self), "noise": self.noise}

    @property
    def _parts(self) -> list[str]:
        """The corruptions to chain."""
        lines = ("rows", self.rows), ("columns", self.columns)
        shifts = [f"{name}:{_round(sigma)}{self._tail}" for name, sigma in lines if sigma]
        return [part for part in (*self._spread_noise(), *shifts, self._impulse_noise()) if part]

    @property
    def _tail(self) -> str:
        return "" if self.clipped else ":unclipped"

    def _spread_noise(self) -> list[str]:
        level, tail = self.level, self._tail
        if level.sigma is None or level.strength is None or level.strength_interval is None or level.kind == NONE:
            return []
        if any(self.impulses.shares) and level.sigma < _BESIDE_IMPULSES:
            return []
        low, high = map(_round, _widened(level.strength_interval))
        strength = f"{low}-{high}" if self.differ and low != high else _round(level.strength)
        if level.steady:
            return [f"poisson:{strength}{tail}", f"gaussian:{_round(level.steady)}{tail}"]
        if level.kind == "gaussian" and level.correlated and not self.wave:  # a wave, too, correlates neighbours
            return [f"correlated:{strength}/{_lengths(level.correlation)}{tail}"]
        return [f"{level.kind}:{strength}{tail}"]

    def _impulse_noise(self) -> str:
        (pepper, salt), judged = self.impulses.shares, self.impulses.judged
        if not pepper and not salt:
            return ""
        if not salt and judged[1] > 0.02:
            return f"mask:{_round(pepper)}"
        # Where one end cannot be judged, it is taken to be like the other.
        unseen = min(judged) <= 0.02
        return f"salt-pepper:{_round(2 * max(pepper, salt) if unseen else pepper + salt)}"

    @property
    def findings(self) -> tuple[tuple[str, str], ...]:
        """What was found, as pairs of short texts."""
        values, level = self.values, self.level
        pairs = [
            ("images", f"{self.images:,}, {self.pixels:,} pixels measured"),
            ("values", f"{values.dtype}, {values.low:g} to {values.high:g}" + _bits(values.bits)),
            ("black and white", "; ".join(f"{shown(ends)} ({kind})" for kind, ends in self.ranges.items())),
            ("at black, at white", f"{values.at_low:.1%}, {values.at_high:.1%} of the values"),
            ("kind of noise", _WORDS[level.kind]),
        ]
        if level.sigma is not None and level.sigma_interval:
            pairs.append(("level (sigma, of 1)", _within(level.sigma, level.sigma_interval)))
        if level.strength is not None and level.strength_interval and level.kind in _UNITS:
            pairs.append((f"strength ({_UNITS[level.kind]})", _within(level.strength, level.strength_interval)))
        if level.steady:
            pairs.append(("its steady part (sigma)", f"{level.steady:.3g}"))
        pairs.append(("impulses", f"{self.impulses.shares[0]:.2%} black, {self.impulses.shares[1]:.2%} white"))
        pairs.append(("rows, columns (sigma)", f"{self.rows:.3g}, {self.columns:.3g}"))
        wave = f"amplitude {self.wave[0]:.3g}, period {self.wave[1]:.3g} pixels" if self.wave else "none"
        pairs.append(("regular pattern", wave))
        pairs.append(
            ("correlation of neighbours", f"{level.correlation[0]:.2f} horizontal, {level.correlation[1]:.2f} vertical")
        )
        return tuple(pairs)


def _lengths(correlation: tuple[float, float]) -> str:
    """Return the lengths of the blur, as `parse` reads them, that correlates neighbours so."""
    across, down = (one if one > _HARDLY else 0.0 for one in correlation)
    if abs(across - down) < _ALIKE:
        return _round(blur_length((across + down) / 2))
    return f"{_round(blur_length(across))}x{_round(blur_length(down))}"


def _widened(interval: Interval) -> Interval:
    """Widen an interval that holds four in five to one that holds nearly all, if they are evenly spread."""
    more = (interval[1] - interval[0]) / 8
    return max(interval[0] - more, interval[0] / 2), interval[1] + more


def _within(value: float, interval: Interval) -> str:
    if interval[0] == interval[1]:
        return f"{value:.3g}"
    return f"{value:.3g}; four in five within {interval[0]:.3g} to {interval[1]:.3g}"


def _bits(bits: int) -> str:
    return f"; {bits} bits used" if bits else ""


def _round(value: float) -> str:
    """Return a number with three significant digits, as `parse` reads it."""
    return f"{float(f'{value:.3g}'):.10g}" if value < 1e9 else "1000000000"
