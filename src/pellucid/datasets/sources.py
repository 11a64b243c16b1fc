"""Collections of images that are read when they are needed, so that a data set need not fit in memory."""

from __future__ import annotations

import copy
import operator
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial, reduce
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.datasets.labels import Labels
from pellucid.images import (
    Extent,
    Image,
    Limits,
    Ranges,
    Scale,
    Size,
    Told,
    ValueRange,
    Volume,
    as_channels,
    axes_of,
    files_of,
    fill_holes,
    find_range,
    find_ranges,
    is_zarr,
    kind_of,
    measure_pages,
    needs_look,
    open_rows,
    planes,
    range_notes,
    read_picture,
    scale_batch,
    told_of,
)
from pellucid.noise import Batch

CACHE_BYTES = 2**29
"""Decoded images of a folder are kept in memory up to this many bytes, those that were used last."""

PARTLY = 2**22
"""Where a folder's images do not all fit in there, files of more bytes are read in parts, if their format allows it."""

CHECKED = 2**28
"""Pixels of a folder's files that are decoded at once, so that bad files are found before a training, not after it."""

CHECKED_FILES = 2048
"""Files that are decoded at once, at the most: of small ones, opening them takes longer than decoding."""

LEFT_OUT = 0.5
"""The share of a folder's files that may be bad, and are left out; one always may."""

LARGE = 2**24
"""Bytes of a file, of more of which some evenly spaced pieces stand for its content: a run must begin at once."""

MANY = 8192
"""Files, of more of which so many, evenly spaced, stand for the content, beside the sizes of all."""

_PIECES, _PIECE_SIZE = 16, 2**16
_CHANNELS = 5  # a last axis of an array that is longer is no axis of channels
_NAMED = 3  # bad files whose reasons an error gives
_PIECE = 2**24  # bytes of an array that `content` yields together
_BAND = 2**22  # values of an image that are checked together, where it is read in parts
_OPENED = 64  # files that are read in parts whose headers are kept


class Images(Protocol):
    """A sequence of images, float32 HWC in [0, 1]; `labels` are their classes, if known."""

    channels: int
    labels: Labels | None

    @property
    def ranges(self) -> Ranges:
        """Which values were black and white, by kind of number (see `images.find_range`)."""
        ...

    @property
    def stacks(self) -> NDArray[np.intp]:
        """A number for each image, the same for the planes of one stack, which no split may part."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Image:
        """Return one image, float32 (height, width, channels); of `PairedImages`, twice the channels."""
        ...

    def window(self, index: int, rows: slice, columns: slice) -> Image:
        """Return a part of one image; what lies outside of it is not converted, and not kept."""
        ...

    def size(self, index: int) -> tuple[int, int]:
        """Return the height and width of one image without reading its pixels."""
        ...

    def kept(self, index: int) -> int:
        """Return the bytes that are kept in memory once a part of an image was read; 0 where that need not be minded.

        Where they are more than `CACHE_BYTES` for some images together, the parts of each are best read soon after one
        another: those of images that are not kept any more take long.
        """
        ...

    def subset(self, indices: NDArray[np.intp]) -> Images:
        """Return some of the images, in the order of `indices`."""
        ...

    def content(self) -> Iterator[bytes]:
        """Yield the bytes of the images as they are stored, to recognise them by; one piece for each or for many."""
        ...


def stack(images: Images, indices: Sequence[int] | NDArray[np.intp]) -> Batch:
    """Return images of one size as NHWC float32."""
    if isinstance(images, ArrayImages):
        return images.batch(np.asarray(indices))
    return np.stack([images[int(index)] for index in indices])


def sizes(images: Images) -> set[tuple[int, int]]:
    """Return the different (height, width) that occur."""
    if isinstance(images, ArrayImages):
        return {images.size(0)} if len(images) else set()
    return {images.size(index) for index in range(len(images))}


def evenly(count: int, limit: int) -> NDArray[np.intp]:
    """Return the indices of at most `limit` of `count` things, evenly spaced, the first among them; 0 for all."""
    most = min(count, limit) if limit else count
    return np.arange(most) * count // max(most, 1)


class ArrayImages:
    """Images of one size in an NHW or NHWC array of any numeric type; it may be memory-mapped.

    Parameters
    ----------
    array : the images
    name : what errors call them
    indices : which of them; None for all
    labels : of all images of the array
    value_range : the values that are black and white; None finds them in some of the images

    Raises
    ------
    PellucidError
        For another shape or dtype.
    """

    def __init__(
        self,
        array: NDArray[Any],
        name: str = "images",
        indices: NDArray[np.intp] | None = None,
        labels: Labels | None = None,
        value_range: Told = None,
    ) -> None:
        scale_batch(array[:1], name, (0, 1))
        self._array, self._name = array, name
        self._indices = np.arange(len(array)) if indices is None else indices
        self.channels = 1 if array.ndim == 3 else array.shape[3]
        self.labels = labels.of(self, name) if labels else None
        self._range = told_of(value_range, array.dtype) or find_range(array.dtype, _extent(array))

    @property
    def ranges(self) -> Ranges:
        """See `Images`."""
        return {kind_of(self._array.dtype): self._range}

    @property
    def stacks(self) -> NDArray[np.intp]:
        """See `Images`: each is an image of its own."""
        return np.arange(len(self))

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Image:
        """See `Images`."""
        return np.asarray(self.batch(np.array([index]))[0])

    def window(self, index: int, rows: slice, columns: slice) -> Image:
        """See `Images`."""
        place = self._indices[index]
        part = self._array[place : place + 1, rows, columns]
        return np.asarray(scale_batch(part, self._name, self._range)[0])

    def batch(self, indices: NDArray[np.intp]) -> Batch:
        """Return the images of `indices` as NHWC float32."""
        return scale_batch(self._array[self._indices[indices]], self._name, self._range)

    def size(self, index: int) -> tuple[int, int]:
        """See `Images`."""
        return self._array.shape[1], self._array.shape[2]

    def kept(self, index: int) -> int:
        """See `Images`."""
        return 0

    def subset(self, indices: NDArray[np.intp]) -> ArrayImages:
        """See `Images`."""
        labels = self.labels.subset(indices) if self.labels else None
        return ArrayImages(self._array, self._name, self._indices[indices], labels, self._range)

    def content(self) -> Iterator[bytes]:
        """See `Images`."""
        yield f"{self._array.dtype.str} {self._array.shape[1:]}".encode()
        several = max(1, _PIECE // max(1, self._array[:1].nbytes))
        for start in range(0, len(self), several):
            yield np.ascontiguousarray(self._array[self._indices[start : start + several]]).tobytes()


class FileImages:
    """Image files of any sizes and numbers of planes, each of which is an image.

    Gray files in a colour collection are repeated into three channels.

    Parameters
    ----------
    paths : of the files
    labels : of the files
    value_range : the values that are black and white; None finds them for each kind of number, in the files that are
        decoded at once
    axes : of arrays in `.npy` files, as `images.read_picture` takes them
    checked : how many files are decoded at once, at the most

    Attributes
    ----------
    paths : the file of each image
    left_out : why files that were given are not among the images
    places : of the files of the images among the paths that were given
    ranges : see `Images`

    Raises
    ------
    PellucidError
        If more files than `LEFT_OUT` of them cannot be read. Of many files all headers are read, but only the first
        `CHECKED` pixels, of the first files, are decoded: what fails later raises this when it is read.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        labels: Labels | None = None,
        *,
        value_range: Told = None,
        axes: str | None = None,
        checked: int = CHECKED_FILES,
    ) -> None:
        self._axes = axes
        self._cache, self._opened = _Cache(axes), lru_cache(_OPENED)(partial(open_rows, axes=axes))
        self._told, self.ranges = value_range, dict[str, ValueRange]()
        found: list[list[Size] | PellucidError] = []
        for path in paths:
            try:
                found.append(measure_pages(path, axes=axes))
            except PellucidError as error:
                found.append(error)
        self._stored = {  # bytes of each file's planes: they are decoded together, unless they are read in parts
            path: sum(size.bytes for size in sizes)
            for path, sizes in zip(paths, found, strict=True)
            if isinstance(sizes, list)
        }
        whole = [sum(size.height * size.width for size in sizes) for sizes in found if isinstance(sizes, list)]
        self._fits = sum(self._stored.values()) <= CACHE_BYTES and max(whole, default=0) <= Limits().pixels
        extents: list[tuple[str, Extent]] = []
        pixels = files = self._constant = 0
        for place, (path, sizes) in enumerate(zip(paths, found, strict=True)):
            if isinstance(sizes, list):
                pixels, files = pixels + sum(size.height * size.width for size in sizes), files + 1
                if (pixels <= CHECKED and files <= checked) or files == 1:
                    try:
                        self._look(path, sizes, extents)
                    except PellucidError as error:
                        found[place] = error
        self.ranges |= find_ranges(extents, value_range)
        self._holes = self._cache.holes + sum(extent.holes for _, extent in extents)
        self.left_out = [str(sizes) for sizes in found if not isinstance(sizes, list)]
        bad = len(self.left_out)
        if bad and (bad == len(paths) or bad > max(1, LEFT_OUT * len(paths))):
            raise PellucidError(
                self.reasons
                if bad == len(paths) == 1
                else f"{bad:,} of {len(paths):,} images cannot be used: {self.reasons}"
            )
        every = [
            (place, page, size)
            for place, sizes in enumerate(found)
            if isinstance(sizes, list)
            for page, size in enumerate(sizes)
        ]
        self.places = [place for place, _, _ in every]
        self.paths = tuple(paths[place] for place in self.places)
        self._pages, self._sizes = [page for _, page, _ in every], [size for _, _, size in every]
        self.labels = labels.subset(np.array(self.places, np.intp)) if labels else None
        self.channels = max((size.colours for size in self._sizes), default=1)

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """The (height, width, channels) of the images."""
        return [size[:3] for size in self._sizes]

    @property
    def stacks(self) -> NDArray[np.intp]:
        """See `Images`: a number for each file."""
        return np.asarray(np.unique(self.places, return_inverse=True)[1], dtype=np.intp)

    @property
    def reasons(self) -> str:
        """Why the first of the files that were left out were."""
        return " ".join(self.left_out[:_NAMED])

    @property
    def notes(self) -> tuple[str, ...]:
        """A line on the files that were left out, on stacks, and on the values, where there is something to know."""
        lines = []
        bad, files = len(self.left_out), len(set(self.places))
        if bad:
            more = f" And {bad - _NAMED:,} more." if bad > _NAMED else ""
            lines.append(f"left out {bad:,} of {bad + files:,} images: {self.reasons}{more}")
        if len(self) > files:
            lines.append(f"each of {len(self):,} planes in {files:,} file{'s' * (files != 1)} is an image of its own")
        lines += range_notes(self.ranges, self._told)
        if self._constant:
            lines.append(f"of one value throughout, so nothing can be learned from them: {self._constant:,} images")
        if self._holes:
            lines.append(f"{self._holes:,} values are no numbers (NaN): the nearest ones stand for them")
        return tuple(lines)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Image:
        """See `Images`."""
        return self.window(index, slice(None), slice(None))

    def window(self, index: int, rows: slice, columns: slice) -> Image:
        """See `Images`."""
        path = self.paths[index]
        part = self._part(path, self._pages[index], self._sizes[index], rows, columns)
        if self._in_parts(path, self._sizes[index]):  # others were filled when they were kept
            part = fill_holes(part)[0]
        kind = kind_of(part.dtype)
        if kind not in self.ranges:  # in a file that was not decoded before
            self.ranges[kind] = told_of(self._told, part.dtype) or find_range(part.dtype, Extent.of(part))
        return as_channels(Scale(*self.ranges[kind], inside=False).to_unit(part, str(path)), self.channels)

    def size(self, index: int) -> tuple[int, int]:
        """See `Images`."""
        return self._sizes[index][:2]

    def kept(self, index: int) -> int:
        """See `Images`."""
        size = self._sizes[index]
        return 0 if self._fits or self._in_parts(self.paths[index], size) else size.bytes

    def _in_parts(self, path: Path, size: Size) -> bool:
        return size.parts and self._stored[path] > PARTLY and not self._fits

    def _part(self, path: Path, page: int, size: Size, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a part of an image in its own type; where all files fit in the cache, of the whole that is kept."""
        if self._in_parts(path, size):
            opened = self._opened(path, page=page)
            array, shape = None, opened.shape
        else:
            array = self._cache.read(path, page, size.bytes)
            shape = array.shape
        if shape[:2] != size[:2]:
            raise PellucidError(f"{path} has changed: it was {size.width}x{size.height}, now {shape[1]}x{shape[0]}.")
        if array is not None:
            return array[rows, columns]
        part = opened.window(rows, columns)
        return np.invert(part) if opened.inverted else part

    def _look(self, path: Path, sizes: Sequence[Size], extents: list[tuple[str, Extent]]) -> None:
        """Decode a file, in parts where it is read so, and note which values occur, by kind of number.

        Raises
        ------
        PellucidError
            If it is damaged.
        """
        found: dict[tuple[int, str], Extent] = {}
        for page, values in self._all_parts(path, sizes):
            key, extent = (page, kind_of(values.dtype)), Extent.of(values)
            found[key] = found[key] | extent if key in found else extent
        for (_, kind), extent in found.items():
            extents.append((kind, extent))
            self._constant += extent.low == extent.high

    def holds_gray(self, index: int) -> bool:
        """Read an image, and return whether it has no colours but gray."""
        size = self._sizes[index]
        part = self._part(self.paths[index], self._pages[index], size, slice(None), slice(None))
        return size.colours == 1 or bool((part[..., :3] == part[..., :1]).all())

    def as_gray(self, indices: Sequence[int]) -> FileImages:
        """Return the same images, of which some are taken as gray, whatever colours they have."""
        chosen = copy.copy(self)
        chosen._sizes = list(self._sizes)
        for index in indices:
            chosen._sizes[index] = self._sizes[index]._replace(colours=1)
        chosen.channels = max((size.colours for size in chosen._sizes), default=1)
        return chosen

    def _all_parts(self, path: Path, sizes: Sequence[Size]) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield the values of a file but alpha, each once, with the number of their page; of a large zarr always 0."""
        if self._in_parts(path, sizes[0]) and is_zarr(path):  # whose planes share chunks
            volume = Volume(path, self._axes)
            for block in volume.blocks():
                yield 0, block[..., : sizes[0].colours] if len(volume.plane) == 3 else block
            return
        for page, size in enumerate(sizes):
            depth = max(1, _BAND // size.width) if self._in_parts(path, size) else size.height
            for top in range(0, size.height, depth):
                band = self._part(path, page, size, slice(top, top + depth), slice(None))
                yield page, band[..., : size.colours] if band.ndim == 3 else band

    def subset(self, indices: NDArray[np.intp]) -> FileImages:
        """See `Images`."""
        chosen = copy.copy(self)  # shares the cache and the ranges
        chosen.paths = tuple(self.paths[index] for index in indices)
        chosen._sizes = [self._sizes[index] for index in indices]
        chosen._pages = [self._pages[index] for index in indices]
        chosen.places = [self.places[index] for index in indices]
        chosen.labels = self.labels.subset(indices) if self.labels else None
        return chosen

    def content(self) -> Iterator[bytes]:
        """See `Images`; a file that cannot be read raises PellucidError."""
        files = [file for path in dict.fromkeys(self.paths) for file in files_of(path)]
        if any(self._pages):
            yield np.array(self._pages).tobytes()
        read = set(evenly(len(files), MANY).tolist())
        for place, path in enumerate(files):
            try:
                if place not in read:
                    yield str(path.stat().st_size).encode()
                    continue
                with path.open("rb") as file:
                    size = os.fstat(file.fileno()).st_size
                    yield str(size).encode()
                    for number in range(_PIECES) if size > LARGE else (0,):
                        file.seek(number * (size - _PIECE_SIZE) // (_PIECES - 1))
                        yield file.read(_PIECE_SIZE if size > LARGE else -1)
            except OSError as error:
                raise PellucidError(f"cannot read {path}: {error.strerror}.") from error


def as_images(array: NDArray[Any], axes: str | None, name: str) -> NDArray[Any]:
    """Return an array as images, (count, height, width) or (count, height, width, 3); a view where it can be one.

    Parameters
    ----------
    axes : see `load`; None takes (count, height, width) and (count, height, width, 1 or 3) as they are, and guesses
        others, as one image in (height, width, 1 or 3)
    """
    gray, colour = array.ndim == 3 and array.shape[2] > _CHANNELS, array.ndim == 4 and array.shape[3] in (1, 3)
    if axes is None and (gray or colour or not array.size):
        return array
    images = planes(array, axes_of(axes, array.shape, name))
    return images[0][None] if len(images) == 1 else np.stack(images)


def common_range(arrays: Sequence[NDArray[Any]]) -> ValueRange | None:
    """Return the range of the values of arrays of one type; None if they are of several, or there are none."""
    dtypes = {array.dtype for array in arrays}
    return find_range(dtypes.pop(), reduce(operator.or_, map(_extent, arrays))) if len(dtypes) == 1 else None


def _extent(array: NDArray[Any]) -> Extent:
    """Look at some images of an array, evenly chosen."""
    several = max(1, _BAND // max(1, array[:1].size))
    if not len(array) or not needs_look(array.dtype):
        return Extent(0, 0, (0, 0))
    return Extent.of(array[evenly(len(array), several)])


class _Cache:
    """Decoded files, in their own type (bytes are a quarter of the size of floats), up to `CACHE_BYTES`.

    Those that were used longest ago are given up first. Of a file that is larger than that, it alone is kept: it would
    be decoded again for every patch.

    Attributes
    ----------
    holes : values that were no numbers, and were given that of the nearest one
    """

    def __init__(self, axes: str | None) -> None:
        self._axes, self.holes = axes, 0
        self._kept: dict[Path, tuple[NDArray[Any], ...]] = {}  # in the order of their last use
        self._bytes = 0
        self._lock = Lock()  # batches are made in a thread of their own

    def read(self, path: Path, page: int, expected: int) -> NDArray[Any]:
        """Return a page of a file, of about `expected` bytes."""
        with self._lock:
            pages = self._kept.pop(path, None)
            if pages is not None:
                self._kept[path] = pages
                return pages[page]
            self._make_room(expected)  # at once, so that what goes and what comes are not in memory together
        filled = [fill_holes(one) for one in read_picture(path, axes=self._axes).pages]
        pages = tuple(one for one, _ in filled)
        if all(holes is not None and holes.all() for _, holes in filled):
            raise PellucidError(f"{path} holds no numbers, only NaN or infinite values. Leave it out.")
        self.holes += sum(int(holes.sum()) for _, holes in filled if holes is not None)
        with self._lock:
            if path not in self._kept:
                size = sum(one.nbytes for one in pages)
                self._make_room(size)
                self._kept[path] = pages
                self._bytes += size
        return pages[page]

    def _make_room(self, needed: int) -> None:
        while self._kept and self._bytes + needed > CACHE_BYTES:
            self._bytes -= sum(one.nbytes for one in self._kept.pop(next(iter(self._kept))))
