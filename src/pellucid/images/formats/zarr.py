"""OME-Zarr and plain zarr, version 2 and 3: read and written chunk by chunk; needs the extra `pellucid[zarr]`.

What is written is a copy of the metadata, with other values.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import one_line
from pellucid.images.formats.extras import wanted
from pellucid.images.formats.npy import picture
from pellucid.images.formats.picture import Limits, Picture, Size
from pellucid.images.formats.scratch import Scratch
from pellucid.images.formats.source import Source, decoding
from pellucid.images.formats.zarr_metadata import ZarrArray, ZarrImage, copy_metadata, image_of

_TOGETHER = 2**22  # bytes of small chunks that are read together: each call of zarr takes milliseconds
_OWN = 2**24  # bytes that zarr's threads take besides what they work on
_CACHED = 2**25  # bytes of chunks that are kept for windows

Box = tuple[slice, ...]
"""A part of an array: from where to where, for each of its axes."""


def size(source: Source, limits: Limits, axes: str | None = None) -> list[Size]:
    """Return the size of every plane from the metadata."""
    form = _image(source.path, source.name, axes).array.form
    limits.check_size(source.name, form.plane[1], form.plane[0])  # planes are read one by one
    return form.sizes(parts=True)


def read(source: Source, limits: Limits, axes: str | None = None) -> Picture:
    """Read every plane."""
    image = _image(source.path, source.name, axes)
    image.array.form.check_size(source.name, limits)
    with decoding(source.name):
        values = np.asarray(_open(image.array.path)[...])
    return picture(values, image.array.form, "ZARR")


def _image(path: Path | None, name: str, axes: str | None) -> ZarrImage:
    assert path is not None
    wanted("zarr", name, "OME-Zarr", "zarr")
    with decoding(name):
        return image_of(path, name, axes)


def _open(path: Path, mode: str = "r") -> Any:
    import zarr

    return zarr.open_array(str(path), mode=mode)


class Volume:
    """The planes of a zarr, of which parts are read without the rest.

    Planes that share chunks form a slab. To be read row by row, a slab is unpacked once, into a scratch file.

    Parameters
    ----------
    path : the folder of zarr
    axes : of a plain array, as in `read_picture`

    Attributes
    ----------
    image : what it holds
    plane : the shape of a plane, (height, width) or (height, width, samples)
    dtype : of the values

    Raises
    ------
    PellucidError
        If it is not such a folder, or damaged.
    """

    def __init__(self, path: Path, axes: str | None = None) -> None:
        self.path = path
        self.image = _image(path, one_line(path), axes)
        array = self.image.array
        self.plane, self.dtype = array.form.plane, array.form.dtype
        self._layout = _Layout(array)
        with decoding(one_line(path)):
            self._array = _open(array.path)
        chunk = math.prod(array.chunks) * self.dtype.itemsize
        self._chunk = lru_cache(max(1, _CACHED // chunk))(self._decode)

    def __len__(self) -> int:
        return self._layout.number

    @property
    def held(self) -> int:
        """What it holds in memory at once, at the most, while a slab is read or written, in bytes."""
        array = self.image.array
        unit, chunk = (math.prod(shape) * self.dtype.itemsize for shape in (array.units, array.chunks))
        return _OWN + 4 * max(unit, _TOGETHER) + 10 * max(chunk, _TOGETHER // 4)

    def slabs(self) -> Iterator[list[int]]:
        """Yield the planes that are written together, by their numbers."""
        for slab in self._layout.slabs(self._layout.units):
            yield self._layout.planes_of(slab)

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Yield all of it once, in blocks of chunks: (planes, height, width) or (planes, height, width, samples)."""
        yield from map(self.read, boxes(self._layout.shape, widened(self._layout.chunks, self.dtype)))

    def window(self, page: int, rows: range, columns: range) -> NDArray[Any]:
        """Return a part of a plane; some chunks are kept."""
        layout = self._layout
        part = np.empty((len(rows), len(columns), *self.plane[2:]), self.dtype)
        if not part.size:
            return part
        place = layout.place_of(page)
        high, wide = layout.chunks[-2:]
        slab = tuple(at // step for at, step in zip(place, layout.chunks, strict=False))
        within = layout.number_in(place, layout.slab_at(place, layout.chunks))
        for line, column in itertools.product(
            range(rows.start // high, -(-rows.stop // high)), range(columns.start // wide, -(-columns.stop // wide))
        ):
            block = self._chunk((*slab, line, column))[within]
            top, left = line * high, column * wide
            begin, end = max(rows.start, top), min(rows.stop, top + high)
            low, right = max(columns.start, left), min(columns.stop, left + wide)
            part[begin - rows.start : end - rows.start, low - columns.start : right - columns.start] = block[
                begin - top : end - top, low - left : right - left
            ]
        return part

    def _decode(self, chunk: tuple[int, ...]) -> NDArray[Any]:
        """Read a chunk, (planes, height, width) or (planes, height, width, samples)."""
        layout = self._layout
        return self.read(
            tuple(slice(at * step, (at + 1) * step) for at, step in zip(chunk, layout.chunks, strict=True))
        )

    def read(self, box: Box) -> NDArray[Any]:
        """Read a part of all planes in a box: its ends along the counting axes, of rows and of columns."""
        with decoding(one_line(self.path)):
            return self._layout.to_planes(np.asarray(self._array[self._layout.region(box)]))

    def unpacked(self, folder: Path) -> Unpacked:
        """Return the planes to be read row by row; there is room for a slab in `folder`."""
        return Unpacked(self, self._layout, folder)


class _Layout:
    """The axes of an array in the order of planes: those that count them, then height and width, then samples."""

    def __init__(self, array: ZarrArray) -> None:
        axes = array.form.axes
        counting = [place for place, letter in enumerate(axes) if letter not in "YXS"]
        self._order = (*counting, *(axes.index(letter) for letter in "YXS" if letter in axes))
        places = self._order[: len(counting) + 2]
        self.shape, self.chunks, self.units = (
            tuple(lengths[place] for place in places) for lengths in (array.form.shape, array.chunks, array.units)
        )
        self.lengths = self.shape[:-2]
        self.number = math.prod(self.lengths)

    def slabs(self, step: tuple[int, ...]) -> Iterator[Box]:
        """Yield the slabs of planes of chunks of a shape."""
        yield from boxes(self.lengths, step[:-2])

    def slab_at(self, place: Sequence[int], step: tuple[int, ...]) -> Box:
        """Return the slab in which a plane lies."""
        begins = (at // size * size for at, size in zip(place, step, strict=False))
        return tuple(
            slice(begin, min(begin + size, length))
            for begin, size, length in zip(begins, step, self.lengths, strict=False)
        )

    def place_of(self, page: int) -> tuple[int, ...]:
        """Return where a plane lies along each counting axis."""
        return tuple(map(int, np.unravel_index(page, self.lengths))) if self.lengths else ()

    def number_in(self, place: Sequence[int], slab: Box) -> int:
        """Return which plane of a slab it is."""
        number = 0
        for at, part in zip(place, slab, strict=True):
            number = number * (part.stop - part.start) + at - part.start
        return number

    def planes_of(self, slab: Box) -> list[int]:
        """Return the numbers of the planes of a slab, in its order."""
        numbers: list[int] = np.arange(self.number).reshape(self.lengths)[slab].ravel().tolist()
        return numbers

    def region(self, box: Box) -> Box:
        """Return the part of the array for one in the order of planes."""
        region = dict(zip(self._order, (*box, slice(None)), strict=False))
        return tuple(region[place] for place in range(len(region)))

    def to_planes(self, block: NDArray[Any]) -> NDArray[Any]:
        """Return a block of the array as (planes, height, width) or (planes, height, width, samples)."""
        ordered = block.transpose(self._order)
        return ordered.reshape(-1, *ordered.shape[len(self.lengths) :])

    def from_planes(self, block: NDArray[Any], slab: Box) -> NDArray[Any]:
        """Undo `to_planes`."""
        ordered = block.reshape(*(part.stop - part.start for part in slab), *block.shape[1:])
        return ordered.transpose(np.argsort(self._order))


def boxes(shape: Sequence[int], step: Sequence[int]) -> Iterator[Box]:
    """Cut a shape into boxes of the size `step`; those at the ends are smaller."""
    parts = [
        [slice(begin, min(begin + size, length)) for begin in range(0, length, size)]
        for length, size in zip(shape, step, strict=True)
    ]
    yield from itertools.product(*parts)


def shifted(box: Box, begins: Sequence[int]) -> Box:
    """Return a box that begins elsewhere."""
    return tuple(slice(begin + part.start, begin + part.stop) for begin, part in zip(begins, box, strict=True))


def widened(step: tuple[int, ...], dtype: np.dtype[Any], most: int = _TOGETHER) -> tuple[int, ...]:
    """Return the shape of as many boxes side by side as are handled together, of about `most` bytes."""
    return *step[:-1], step[-1] * max(1, most // (math.prod(step) * dtype.itemsize))


class Unpacked:
    """The planes of a volume, read row by row from the scratch file of the slab that was asked for last."""

    def __init__(self, volume: Volume, layout: _Layout, folder: Path) -> None:
        self._volume, self._layout = volume, layout
        self._step = widened(layout.chunks, volume.dtype)[-2:]
        self._scratch = Scratch(folder, volume.plane, volume.dtype, self._step[1])
        self._slab: Box | None = None

    def close(self) -> None:
        """Delete the scratch file."""
        self._scratch.close()

    def rows(self, page: int, begin: int, end: int) -> NDArray[Any]:
        """Return some rows of a plane."""
        layout = self._layout
        place = layout.place_of(page)
        slab = layout.slab_at(place, layout.chunks)
        if slab != self._slab:
            self._slab = None
            for part in boxes(layout.shape[-2:], self._step):
                rows, columns = part
                for plane, piece in enumerate(self._volume.read((*slab, rows, columns))):
                    self._scratch.write(plane, rows.start, columns.start, piece)
            self._slab = slab
        width = layout.shape[-1]
        return self._scratch.read(layout.number_in(place, slab), range(begin, end), range(width))


class ZarrCopy:
    """A copy of a volume's folder that gets other values, slab by slab; then `finish` makes its pyramid.

    Parameters
    ----------
    target : a folder that does not exist yet; there is room for a slab beside it
    """

    def __init__(self, volume: Volume, target: Path) -> None:
        self._image, self._layout = volume.image, _Layout(volume.image.array)
        self._target = target
        copy_metadata(volume.image, target)
        self._array = _open(self._place(volume.image.array), "r+")
        self._step = widened(self._layout.units, volume.dtype)[-2:]
        self._scratch = Scratch(target.parent, volume.plane, volume.dtype, self._step[1])
        # Zarr writes in a thread of its own, which Ctrl-C does not reach: whoever leaves waits for it, here.
        self._writer = ThreadPoolExecutor(1)

    def __enter__(self) -> ZarrCopy:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.shutdown()
        self._scratch.close()

    def _place(self, array: ZarrArray) -> Path:
        return self._target / array.path.relative_to(self._image.folder)

    def put(self, plane: int, top: int, band: NDArray[Any]) -> None:
        """Take rows of a plane of the slab at hand."""
        self._scratch.write(plane, top, 0, band)

    def write(self, pages: Sequence[int]) -> None:
        """Write the slab at hand, whose planes have these numbers."""
        layout = self._layout
        slab = layout.slab_at(layout.place_of(pages[0]), layout.units)
        for rows, columns in boxes(layout.shape[-2:], self._step):
            across, along = range(rows.start, rows.stop), range(columns.start, columns.stop)
            block = np.stack([self._scratch.read(plane, across, along) for plane in range(len(pages))])
            self._write(self._array, layout.region((*slab, rows, columns)), layout.from_planes(block, slab))

    def _write(self, array: Any, region: Box, block: NDArray[Any]) -> None:
        self._writer.submit(array.__setitem__, region, block).result()

    def finish(self) -> None:
        """Make the smaller levels of the pyramid, each the mean of the one above."""
        arrays = (self._image.array, *self._image.levels)
        for large, small in itertools.pairwise(arrays):
            above, below = _open(self._place(large)), _open(self._place(small), "r+")
            dtype, shape = small.form.dtype, small.form.shape
            factors = [2 if length != half else 1 for length, half in zip(large.form.shape, shape, strict=True)]
            for unit in boxes(shape, widened(small.units, dtype)):
                block = np.empty([part.stop - part.start for part in unit], dtype)
                for inner in boxes(block.shape, widened(small.chunks, dtype, _TOGETHER // 4)):
                    source = tuple(
                        slice(part.start * factor, min(part.stop * factor, length))
                        for part, factor, length in zip(
                            shifted(inner, [part.start for part in unit]), factors, large.form.shape, strict=True
                        )
                    )
                    halve(_part(above, source, large.chunks), block[inner], factors)
                self._write(below, unit, block)


def _part(array: Any, region: Box, chunks: tuple[int, ...]) -> NDArray[Any]:
    """Read a part of an array of zarr, which would decode ten chunks at a time, chunk by chunk."""
    block = np.empty([part.stop - part.start for part in region], array.dtype)
    for piece in boxes(block.shape, widened(chunks, block.dtype)):
        block[piece] = array[shifted(piece, [part.start for part in region])]
    return block


def halve(block: NDArray[Any], result: NDArray[Any], factors: Sequence[int]) -> None:
    """Fill an array with the means of each two neighbours along the axes whose factor is 2.

    The last of an odd number stays as it is, or is left out, as the length of `result` wants it.
    """
    for part in boxes(result.shape, [1] * (result.ndim - 2) + list(result.shape[-2:])):  # floats take more memory
        source = tuple(slice(one.start * factor, one.stop * factor) for one, factor in zip(part, factors, strict=True))
        values: NDArray[Any] = block[source].astype(np.float32 if block.dtype.itemsize <= 2 else np.float64)
        for axis, factor in enumerate(factors):
            if factor == 2:
                even, odd = (values.take(range(begin, values.shape[axis], 2), axis) for begin in (0, 1))
                pairs = even[(*[slice(None)] * axis, slice(odd.shape[axis]))]
                pairs[...] = (pairs + odd) / 2
                values = even
        result[part] = values if block.dtype.kind == "f" else np.rint(values)
