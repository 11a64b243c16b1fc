"""From images to the noise in them: `inspect`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.images import Ranges, Scale, Told, fill_holes, find_ranges, kind_of, layout_of
from pellucid.noise.findings import Inspection
from pellucid.noise.impulses import NO_IMPULSES, Ends, Impulses, candidates, decide, repair
from pellucid.noise.level import UNCLEAR, Brightness, Interval, Level, Part, estimate_level, shared_correlation
from pellucid.noise.patches import flat_patches
from pellucid.noise.stripes import blocking, find_wave, remove_rows
from pellucid.noise.values import Tally, combine

Floats = NDArray[np.float64]

SIDE = 512
"""Of larger images, only the middle square of this side is measured; values are counted in the whole image."""

_AGAIN = 5  # times that noise which neighbours share is measured again at most, with the correlation found before
_SAME = 0.01  # correlations that differ by less need no other time
_FEW = 4  # fewer images than this are measured in quarters, to have an interval
_LEAST_SIDE = 32  # of an image that is quartered, in pixels
_COARSE = range(3, 16)  # numbers of different values with which impulses cannot be recognised: all lie far apart
_APART, _APART_SMALL = 1.3, 10.0  # one level measured twice differs by up to the first + the second / sqrt(pixels)


@dataclass(frozen=True)
class _Seen:
    """The measurements of one image: `wave` and `blocking` in its first colour, the others in all."""

    parts: tuple[Part, ...]
    rows: float
    columns: float
    wave: tuple[float, float] | None
    blocking: float
    pixels: int


def inspect(images: Iterable[NDArray[Any]], value_range: Told = None) -> Inspection:
    """Estimate the noise in images.

    Parameters
    ----------
    images : each (H, W) or (H, W, C) with C in 1..4 (of 2 and 4 the last is alpha and left out), of any numeric type;
        only the middle of each is kept in memory
    value_range : the values that are black and white; None finds them (see `images.find_range`)

    Returns
    -------
    Inspection. Levels are relative to the range from black to white.

    Raises
    ------
    PellucidError
        If there are no images, or one cannot be used (see `images.to_unit`).

    Notes
    -----
    Every kind of noise is fitted to every image. The kind that fits best over all images is taken, and the level is the
    median over the images. The result depends on the pixels alone; nothing is random.
    """
    crops, tallies, sides = [], [], []
    for number, image in enumerate(images, 1):
        array = _colours(np.asarray(image), f"image {number}")
        crops.append(_crop(array))
        tallies.append(Tally.of(array, crops[-1]))
        sides.append(min(array.shape[:2]))
    if not crops:
        raise PellucidError("there are no images to inspect; expected at least one.")
    ranges = find_ranges([(kind_of(one.dtype), one.extent) for one in tallies], value_range)
    values = combine(tallies, ranges, value_range)
    few = len(crops) < _FEW
    found = [[candidates(plane) for plane in _planes(crop, ranges)] for crop in crops]
    impulses = NO_IMPULSES if values.levels in _COARSE else decide([ends for image in found for ends in image])

    def measure(correlation: tuple[float, float]) -> list[_Seen]:
        pairs = zip(crops, found, strict=True)
        return [_measure(_planes(crop, ranges), ends, impulses, few, correlation) for crop, ends in pairs]

    correlation, seen = (0.0, 0.0), measure((0.0, 0.0))
    waves = [image.wave for image in seen if image.wave]
    wave = waves[len(waves) // 2] if 2 * len(waves) > len(seen) else None
    for _ in range(0 if wave else _AGAIN):  # a wave correlates neighbours in another way
        before, correlation = correlation, shared_correlation([image.parts for image in seen])
        if np.abs(np.subtract(before, correlation)).max() < _SAME:
            break
        seen = measure(correlation)
    if values.levels == 2:
        level = Level(UNCLEAR)
    else:
        level = estimate_level([image.parts for image in seen], _brightness(crops, ranges), not values.outside)
    pixels = sum(image.pixels for image in seen)
    return Inspection(
        images=len(seen),
        pixels=pixels,
        side=int(np.median(sides)),
        values=values,
        ranges=ranges,
        clipped=not values.outside,
        impulses=impulses,
        rows=float(np.median([image.rows for image in seen])),
        columns=float(np.median([image.columns for image in seen])),
        wave=wave,
        blocking=float(np.median([image.blocking for image in seen])),
        differ=_differ(level.sigma_interval, pixels / sum(len(image.parts) for image in seen)),
        level=level,
    )


def _colours(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Check an array, and return it without alpha, (H, W, 1) or (H, W, 3), in its own type."""
    colours = layout_of(array.shape, array.dtype, name).colours
    if array.dtype.kind == "f" and not np.isfinite(array).any():
        raise PellucidError(f"{name} holds no numbers, only NaN or infinite values. Leave it out.")
    return fill_holes(array[..., None] if array.ndim == 2 else array[..., :colours])[0]


def _crop(array: NDArray[Any]) -> NDArray[Any]:
    """Return a copy of the square in the middle; it begins at the corner of one of JPEG's blocks."""
    top, left = (max(0, length - SIDE) // 2 // 8 * 8 for length in array.shape[:2])
    return array[top : top + SIDE, left : left + SIDE].copy()


def _planes(crop: NDArray[Any], ranges: Ranges) -> list[Floats]:
    """Return the colours of an image, where black is 0 and white 1."""
    unit = Scale(*ranges[kind_of(crop.dtype)], inside=False).to_unit(crop)
    return list(np.moveaxis(unit.astype(np.float64), 2, 0))


def _measure(
    planes: Sequence[Floats],
    found: Sequence[Ends],
    impulses: Impulses,
    quartered: bool,
    correlation: tuple[float, float],
) -> _Seen:
    planes = [repair(plane, ends, impulses) for plane, ends in zip(planes, found, strict=True)]
    flats = []
    rows = columns = 0.0
    for plane in planes:
        row, without = remove_rows(plane)
        column, without = remove_rows(without.T)
        rows, columns = max(rows, row), max(columns, column)
        flats.append([flat_patches(piece, correlation) for piece in _pieces(without.T, quartered)])
    return _Seen(
        parts=tuple(zip(*flats, strict=True)),
        rows=rows,
        columns=columns,
        wave=find_wave(planes[0]),
        blocking=blocking(planes[0]),
        pixels=planes[0].size,
    )


def _pieces(plane: Floats, quartered: bool) -> list[Floats]:
    if not quartered or min(plane.shape) < _LEAST_SIDE:
        return [plane]
    return [piece for half in np.array_split(plane, 2) for piece in np.array_split(half, 2, axis=1)]


def _brightness(crops: Sequence[NDArray[Any]], ranges: Ranges) -> Brightness:
    sums = np.zeros(3)
    for crop in crops:
        for plane in _planes(crop, ranges):
            sums += plane.size, plane.sum(), np.square(plane).sum()
    return Brightness(max(float(sums[1] / sums[0]), 0.0), float(sums[2] / sums[0]))


def _differ(interval: Interval | None, pixels: float) -> bool:
    """Return whether levels, each measured on `pixels` pixels, are too far apart to be one."""
    return interval is not None and bool(interval[1] > (_APART + _APART_SMALL / np.sqrt(pixels)) * interval[0])
