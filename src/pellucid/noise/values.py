"""The values that images really use: range, bit depth, and the shares at black and white."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.images import Extent, Ranges, Told, ValueRange, kind_of, range_notes


@dataclass(frozen=True)
class Values:
    """The values of a collection of images.

    Attributes
    ----------
    dtype : of the arrays, as NumPy names it; several are joined by a comma
    low, high : the least and the largest value, as stored
    bits : of integers, the bits that they really use, up to the largest value in steps of their common divisor; else 0
    levels : of integers and bool, the number of different values; else 0
    black, white : as stored, as told or found (see `images.find_range`); of several types, those of the first
    found : whether black and white were found, and are not those of the type
    at_low, at_high : share of the values that are black or below, or white or above
    outside : whether values lie beyond black or white
    """

    dtype: str
    low: float
    high: float
    bits: int
    levels: int
    black: float
    white: float
    found: bool
    at_low: float
    at_high: float
    outside: bool


@dataclass(frozen=True)
class Tally:
    """The values of one image: their extent; of bool, uint8 and uint16 how often each occurs, of others a part of them.

    Attributes
    ----------
    counts : by value, or nothing
    some : an array of values, or nothing
    """

    dtype: np.dtype[Any]
    extent: Extent
    counts: NDArray[np.int64]
    some: NDArray[Any]

    @classmethod
    def of(cls, array: NDArray[Any], some: NDArray[Any]) -> Tally:
        """Look at an array of any numeric type; `some` is a part of it."""
        counted = array.dtype in (np.bool_, np.uint8, np.uint16)
        counts = np.bincount(array.ravel(), minlength=2 ** (8 * array.dtype.itemsize)) if counted else np.zeros(0, int)
        return cls(array.dtype, Extent.of(array), counts, some[:0] if counted else some)

    def ends(self, value_range: ValueRange) -> tuple[float, float, int]:
        """Return how many values are black or below, how many white or above, and of how many."""
        low, high = value_range
        if not self.counts.size:
            return (self.some <= low).sum(), (self.some >= high).sum(), self.some.size
        values = np.arange(self.counts.size)
        return self.counts[values <= low].sum(), self.counts[values >= high].sum(), self.counts.sum()


def combine(tallies: Sequence[Tally], ranges: Ranges, told: Told = None) -> Values:
    """Combine the counts of all images, of which `ranges` are black and white, some of them as told."""
    low, high = min(one.extent.low for one in tallies), max(one.extent.high for one in tallies)
    types = {one.dtype for one in tallies}
    bits, levels = 0, 2 * (types == {np.dtype(bool)})
    if len(types) == 1 and tallies[0].dtype in (np.uint8, np.uint16):
        used = np.flatnonzero(np.sum([one.counts for one in tallies], axis=0))
        step, levels = int(np.gcd.reduce(used)) or 1, len(used)
        bits = max(1, (int(high) // step).bit_length())
    at_low, at_high, total = np.sum([one.ends(ranges[kind_of(one.dtype)]) for one in tallies], axis=0)
    black, white = ranges[kind_of(tallies[0].dtype)]
    return Values(
        dtype=", ".join(sorted(map(str, types))),
        low=low,
        high=high,
        bits=bits,
        levels=levels,
        black=black,
        white=white,
        found=bool(range_notes(ranges, told)),
        at_low=float(at_low / total),
        at_high=float(at_high / total),
        outside=any(not one.extent.within(ranges[kind_of(one.dtype)]) for one in tallies),
    )
