"""Which values of an image are black and white: told, or found out by type and content.

Values are never cut to that range: it says what 0 and 1 stand for inside, and values beyond it are below 0 or above 1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError

ValueRange = tuple[float, float]
"""The values of an image that are black and white."""

Ranges = Mapping[str, ValueRange]
"""The same for each kind of number, as `kind_of` names it: files of 8 and of 16 bits may lie side by side."""

Told = ValueRange | Ranges | None
"""What is told of black and white: one range for all images, some by kind of number, or nothing."""

WHITES = tuple(2**bits - 1 for bits in (8, 10, 12, 14, 16))
"""What is white in whole numbers of the bits that cameras and scanners use, whatever type they are kept in."""

HOUNSFIELD = (-1024.0, 3071.0)
"""The range of CT numbers in 12 bits (DICOM PS3.3, C.11.1.1.2: Hounsfield units)."""

_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
_RANGE = re.compile(rf"{_NUMBER}\s*-\s*{_NUMBER}")
_SAMPLE = 2**20  # values of an image whose quantiles are taken
_TAIL = 1e-3  # of the values at either end may be outliers
_DIM = 0.15
_NEGATIVE = -0.25  # noise around black leaves fewer than 15 in 100 values below
_BEYOND = 1.5  # noise leaves [0, 1] by no more
_OUTLIERS = 8.0  # times as wide as nearly all values: then these decide
_USED = 0.25  # of [0, 1] that floats use, at least, if 0 and 1 are their black and white
_DIGITS = 3  # to which found ends are rounded outwards


@dataclass(frozen=True)
class Extent:
    """Which values occur.

    Attributes
    ----------
    low, high : the least and the largest number; 0 if there are none
    bulk : between which nearly all of them lie
    dim : what 15 in 100 of them stay below
    whole : whether they are whole numbers
    holes : how many values are no numbers (NaN, infinite)
    """

    low: float
    high: float
    bulk: tuple[float, float]
    dim: float = 0.0
    whole: bool = True
    holes: int = 0

    @classmethod
    def of(cls, array: NDArray[Any]) -> Extent:
        """Look at an array of any shape and numeric type."""
        if array.dtype.kind not in "biuf":
            raise PellucidError(f"expected numbers, got the type {array.dtype}. Convert them first.")
        if array.dtype.kind != "f":
            low, high = float(array.min()), float(array.max())
            return cls(low, high, (low, high))
        finite = np.isfinite(array)
        holes = array.size - int(np.count_nonzero(finite))
        numbers = array[finite] if holes else array.ravel()
        if not numbers.size:
            return cls(0.0, 0.0, (0.0, 0.0), holes=holes)
        sample = numbers[:: max(1, numbers.size // _SAMPLE)].astype(np.float64)
        low, high = float(numbers.min()), float(numbers.max())
        begin, dim, end = map(float, np.quantile(sample, (_TAIL, _DIM, 1 - _TAIL)))
        return cls(low, high, (begin, end), dim, bool((sample == np.rint(sample)).all()), holes)

    def __or__(self, other: Extent) -> Extent:
        """Return the extent of both."""
        return Extent(
            min(self.low, other.low),
            max(self.high, other.high),
            (min(self.bulk[0], other.bulk[0]), max(self.bulk[1], other.bulk[1])),
            min(self.dim, other.dim),
            self.whole and other.whole,
            self.holes + other.holes,
        )

    def within(self, value_range: ValueRange) -> bool:
        """Whether no value lies outside of a range."""
        return value_range[0] <= self.low and self.high <= value_range[1]


def kind_of(dtype: np.dtype[Any]) -> str:
    """Return the name of a kind of number: `float` for all widths of floats, else the type's own."""
    return "float" if dtype.kind == "f" else dtype.name


def check_range(value_range: ValueRange) -> None:
    """Raise PellucidError for a range of values that does not rise, or has no end."""
    low, high = value_range
    if not low < high or not math.isfinite(high - low):
        raise PellucidError(
            f"a range of values must rise, as in 0-4095 or -1024-3071; got {low:g} to {high:g}.", argument="value_range"
        )


def parse_range(text: str) -> ValueRange:
    """Read LOW-HIGH, as in 0-4095 or -1024-3071.

    Raises
    ------
    PellucidError
        If it is written otherwise, or does not rise.
    """
    found = _RANGE.fullmatch(text.strip())
    if not found:
        raise PellucidError(
            f"a range of values is written LOW-HIGH, as in 0-4095 or -1024-3071; got {text!r}.", argument="value_range"
        )
    value_range = float(found[1]), float(found[2])
    check_range(value_range)
    return value_range


def told_of(told: Told, dtype: np.dtype[Any]) -> ValueRange | None:
    """Return what is told of a type; None if that is nothing."""
    return told.get(kind_of(dtype)) if isinstance(told, Mapping) else told


def needs_look(dtype: np.dtype[Any]) -> bool:
    """Whether what is black and white depends on the values, not on the type alone."""
    return dtype not in (np.bool_, np.uint8)


def find_range(dtype: np.dtype[Any], extent: Extent) -> ValueRange:
    """Find which values are black and white in images of a type, by the values that occur in them.

    bool and uint8 have those of their type. Whole numbers from 0 on (floats, too) are taken as of the fewest bits in
    `WHITES` that reach so high, as 0 to 4095 of 12 bits; small counts and larger numbers by their own largest. Signed
    numbers that keep within `HOUNSFIELD` and use negative ones are CT numbers. Floats within [0, 1] that use a quarter
    of it, or leave it by noise to both sides, have 0 and 1; within [-1, 1], these. All others have their own ends: 0
    for the lower one, if they are not far above it. Where few floats lie far from all others, those do not count.
    """
    if dtype == np.bool_:
        return 0.0, 1.0
    if dtype == np.uint8:
        return 0.0, 255.0
    low, high = extent.low, extent.high
    if dtype.kind == "f":
        begin, end = extent.bulk
        if high - low > _OUTLIERS * (end - begin) > 0:
            low, high = begin, end
        if (unit := _unit(low, high, extent.dim)) is not None and not (extent.whole and high > 1):
            return unit
    if low == high:
        return (min(low, 0.0), max(high, 1.0))
    if extent.whole and low >= 0 and high > (0 if dtype == np.uint16 else WHITES[0] / 4):
        white = next((white for white in WHITES if high <= white), None)
        if white is not None:
            return 0.0, float(white)
    if dtype.kind == "i" and HOUNSFIELD[0] <= low < 0 and WHITES[0] < high <= HOUNSFIELD[1]:
        return HOUNSFIELD
    low = 0.0 if 0 <= low < high / 2 else low
    step = 10.0 ** (math.floor(math.log10(high - low)) - _DIGITS + 1)
    # Rounding first keeps an end that is a multiple of the step.
    return math.floor(round(low / step, 6)) * step, math.ceil(round(high / step, 6)) * step


def find_ranges(extents: Iterable[tuple[str, Extent]], told: Told = None) -> dict[str, ValueRange]:
    """Return which values are black and white, as told or found, in all images of each kind of number together.

    Parameters
    ----------
    extents : the values of each image or part of one, with their kind
    """
    joined: dict[str, Extent] = {}
    for kind, extent in extents:
        joined[kind] = joined[kind] | extent if kind in joined else extent
    dtypes = {kind: np.dtype(kind) for kind in joined}
    return {kind: told_of(told, dtypes[kind]) or find_range(dtypes[kind], extent) for kind, extent in joined.items()}


def _unit(low: float, high: float, dim: float) -> ValueRange | None:
    """Return (0, 1) or (-1, 1) for floats that are scaled so, else None."""
    if high - low < _USED:
        return None
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    if low >= -1 and high <= 1 and dim < _NEGATIVE:
        return -1.0, 1.0
    if -_BEYOND <= low < 0 and 0.5 < high <= 1 + _BEYOND and dim >= _NEGATIVE:  # noise that was not clipped
        return 0.0, 1.0
    return None


def shown(value_range: ValueRange) -> str:
    """Return a range as people write it."""
    return " to ".join(f"{end:g}" if abs(end) < 1e6 else f"{end:.0f}" for end in value_range)


def usual_range(dtype: np.dtype[Any]) -> ValueRange:
    """Return the values that are black and white where nothing needs to be said: the type's ends, or 0 and 1."""
    return (0.0, 1.0) if dtype.kind in "bf" else (0.0, float(np.iinfo(dtype).max))


def range_notes(ranges: Ranges, told: Told = None) -> tuple[str, ...]:
    """Say which values were found to be black and white, where they are not those of the type, or 0 and 1."""
    known = ranges if isinstance(told, tuple) else told or {}
    return tuple(
        f"values: {shown(ends)} are black and white in images of {kind}, by what they hold"
        for kind, ends in ranges.items()
        if kind not in known and tuple(ends) != usual_range(np.dtype(kind))
    )


def fill_holes(array: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Give values that are no numbers that of the nearest one, for the run.

    Parameters
    ----------
    array : (H, W) or (H, W, C), any numeric type

    Returns
    -------
    The array, or a filled copy, and where it was filled; None if it was not. Where there is no number at all, 0.
    """
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return array, None
    from scipy.ndimage import distance_transform_edt

    holes = ~np.isfinite(array)
    filled = array.copy()
    planes = [filled] if filled.ndim == 2 else [filled[..., channel] for channel in range(filled.shape[2])]
    for plane in planes:
        missing = ~np.isfinite(plane)
        if missing.all():
            plane[...] = 0
        elif missing.any():
            nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
            plane[...] = plane[tuple(nearest)]
    return filled, holes
