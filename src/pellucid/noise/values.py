"""The values that images really use: range, bit depth, and the shares at black and white."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.images import camera_white, largest


@dataclass(frozen=True)
class Values:
    """The values of a collection of images.

    Attributes
    ----------
    dtype : of the arrays, as NumPy names it; several are joined by a comma
    low, high : the least and the largest value, as stored
    bits : of integers, the bits that they really use, up to the largest value in steps of their common divisor; else 0
    levels : of integers and bool, the number of different values; else 0
    white : white, as stored: the largest value of the type, or of the bits that 16-bit images use; 1 for floats
    stretch : the largest value of the type over `white`; 1 unless fewer bits are used
    at_low, at_high : share of the values that are black, or white
    outside : whether floats leave [0, 1]
    """

    dtype: str
    low: float
    high: float
    bits: int
    levels: int
    white: float
    stretch: float
    at_low: float
    at_high: float
    outside: bool


@dataclass(frozen=True)
class Tally:
    """The values of one image: how often each occurs of integers; how many are black, between, and white of others."""

    dtype: np.dtype[Any]
    low: float
    high: float
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, array: NDArray[Any]) -> Tally:
        """Count the values of an array of a type that `to_unit` takes."""
        if array.dtype.kind == "u":
            counts = np.bincount(array.ravel(), minlength=largest(array.dtype) + 1)
        else:
            ends = (array <= 0).sum(), (array >= 1).sum()
            counts = np.array([ends[0], array.size - sum(ends), ends[1]])
        return cls(array.dtype, float(array.min()), float(array.max()), counts)


def combine(tallies: Sequence[Tally]) -> Values:
    """Combine the counts of all images."""
    low, high = min(one.low for one in tallies), max(one.high for one in tallies)
    types = {one.dtype for one in tallies}
    top, white, bits, levels = 1.0, 1.0, 0, 2 * (types == {np.dtype(bool)})
    if len(types) == 1 and tallies[0].dtype.kind == "u":
        counts = np.sum([one.counts for one in tallies], axis=0)
        used = np.flatnonzero(counts)
        step, levels = int(np.gcd.reduce(used)) or 1, len(used)
        bits = max(1, (int(high) // step).bit_length())
        top, white = float(len(counts) - 1), float(camera_white(high, tallies[0].dtype))
        at_low, at_high = counts[0], counts[int(white)]
    else:
        at_low, at_high = (sum(one.counts[end] for one in tallies) for end in (0, -1))
    total = sum(one.counts.sum() for one in tallies)
    return Values(
        dtype=", ".join(sorted(map(str, types))),
        low=low,
        high=high,
        bits=bits,
        levels=levels,
        white=white,
        stretch=top / white,
        at_low=float(at_low / total),
        at_high=float(at_high / total),
        outside=any(one.dtype.kind == "f" and (one.low < 0 or one.high > 1) for one in tallies),
    )
