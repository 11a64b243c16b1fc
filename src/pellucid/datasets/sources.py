"""Collections of images that are read when they are needed, so that a data set need not fit in memory."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, one_line
from pellucid.datasets.labels import Labels
from pellucid.images import Image, Size, as_channels, measure, open_rows, read_image, scale_batch, to_unit
from pellucid.noise import Batch

CACHE_BYTES = 2**29
"""Decoded images of a folder are kept in memory up to this many bytes, those that were used last."""

PARTLY = 2**22
"""Where a folder's images do not all fit in there, those of more bytes are read in parts, if their format allows it."""

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
_NAMED = 3  # bad files whose reasons an error gives
_PIECE = 2**24  # bytes of an array that `content` yields together
_BAND = 2**22  # values of an image that are checked together, where it is read in parts
_OPENED = 64  # files that are read in parts whose headers are kept


class Images(Protocol):
    """A sequence of images, float32 HWC in [0, 1]; `labels` are their classes, if known."""

    channels: int
    labels: Labels | None

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
    """Images of one size in an NHW or NHWC array of uint8, uint16, bool or float; it may be memory-mapped.

    Raises
    ------
    PellucidError
        For another shape or dtype. Values of floats are checked as they are read.
    """

    def __init__(
        self,
        array: NDArray[Any],
        name: str = "images",
        indices: NDArray[np.intp] | None = None,
        labels: Labels | None = None,
    ) -> None:
        scale_batch(array[:1], name)
        self._array, self._name = array, name
        self._indices = np.arange(len(array)) if indices is None else indices
        self.channels = 1 if array.ndim == 3 else array.shape[3]
        self.labels = labels.of(self, name) if labels else None

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Image:
        """See `Images`."""
        return np.asarray(self.batch(np.array([index]))[0])

    def window(self, index: int, rows: slice, columns: slice) -> Image:
        """See `Images`."""
        place = self._indices[index]
        return np.asarray(scale_batch(self._array[place : place + 1, rows, columns], self._name)[0])

    def batch(self, indices: NDArray[np.intp]) -> Batch:
        """Return the images of `indices` as NHWC float32."""
        return scale_batch(self._array[self._indices[indices]], self._name)

    def size(self, index: int) -> tuple[int, int]:
        """See `Images`."""
        return self._array.shape[1], self._array.shape[2]

    def kept(self, index: int) -> int:
        """See `Images`."""
        return 0

    def subset(self, indices: NDArray[np.intp]) -> ArrayImages:
        """See `Images`."""
        labels = self.labels.subset(indices) if self.labels else None
        return ArrayImages(self._array, self._name, self._indices[indices], labels)

    def content(self) -> Iterator[bytes]:
        """See `Images`."""
        yield f"{self._array.dtype.str} {self._array.shape[1:]}".encode()
        several = max(1, _PIECE // max(1, self._array[:1].nbytes))
        for start in range(0, len(self), several):
            yield np.ascontiguousarray(self._array[self._indices[start : start + several]]).tobytes()


class FileImages:
    """Image files of any sizes. Gray files in a colour collection are repeated into three channels.

    Attributes
    ----------
    paths : of the images
    left_out : why files that were given are not among the images
    places : of the images among the paths that were given

    Raises
    ------
    PellucidError
        If more files than `LEFT_OUT` of them cannot be read. Of many files all headers are read, but only the first
        `CHECKED` pixels, of the first `CHECKED_FILES`, are decoded: what fails later raises this when it is read.
    """

    def __init__(self, paths: Sequence[Path], labels: Labels | None = None) -> None:
        self._cache, self._opened = _Cache(), lru_cache(_OPENED)(open_rows)
        sizes: list[Size | PellucidError] = []
        for path in paths:
            try:
                sizes.append(measure(path))
            except PellucidError as error:
                sizes.append(error)
        self._fits = sum(size.bytes for size in sizes if isinstance(size, Size)) <= CACHE_BYTES
        pixels = files = 0
        for place, (path, size) in enumerate(zip(paths, sizes, strict=True)):
            if isinstance(size, Size):
                pixels, files = pixels + size.height * size.width, files + 1
                if pixels <= CHECKED and files <= CHECKED_FILES:
                    try:
                        self._check(path, size)
                    except PellucidError as error:
                        sizes[place] = error
        self.left_out = [str(size) for size in sizes if not isinstance(size, Size)]
        self.places = [place for place, size in enumerate(sizes) if isinstance(size, Size)]
        bad = len(self.left_out)
        if bad and (bad == len(paths) or bad > max(1, LEFT_OUT * len(paths))):
            raise PellucidError(
                self.reasons
                if bad == len(paths) == 1
                else f"{bad:,} of {len(paths):,} images cannot be used: {self.reasons}"
            )
        self.paths = tuple(paths[place] for place in self.places)
        self._sizes = [size for size in sizes if isinstance(size, Size)]
        self.labels = labels.subset(np.array(self.places, np.intp)) if labels else None
        self.channels = max((size.colours for size in self._sizes), default=1)

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """The (height, width, channels) of the images."""
        return [size[:3] for size in self._sizes]

    @property
    def reasons(self) -> str:
        """Why the first of the files that were left out were."""
        return " ".join(self.left_out[:_NAMED])

    @property
    def notes(self) -> tuple[str, ...]:
        """A line on the files that were left out; nothing if there are none."""
        bad = len(self.left_out)
        if not bad:
            return ()
        more = f" And {bad - _NAMED:,} more." if bad > _NAMED else ""
        given = bad + len(self.places)
        return (f"left out {bad:,} of {given:,} images: {self.reasons}{more}",)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Image:
        """See `Images`."""
        return self.window(index, slice(None), slice(None))

    def window(self, index: int, rows: slice, columns: slice) -> Image:
        """See `Images`."""
        path = self.paths[index]
        return as_channels(to_unit(self._part(path, self._sizes[index], rows, columns), str(path)), self.channels)

    def size(self, index: int) -> tuple[int, int]:
        """See `Images`."""
        return self._sizes[index][:2]

    def kept(self, index: int) -> int:
        """See `Images`."""
        size = self._sizes[index]
        return 0 if self._fits or self._in_parts(size) else size.bytes

    def _in_parts(self, size: Size) -> bool:
        return size.parts and size.bytes > PARTLY and not self._fits

    def _part(self, path: Path, size: Size, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a part of an image in its own type; where all files fit in the cache, of the whole that is kept."""
        if self._in_parts(size):
            opened = self._opened(path)
            array, shape = None, opened.shape
        else:
            array = self._cache.read(path, size.bytes)
            shape = array.shape
        if shape[:2] != size[:2]:
            raise PellucidError(f"{path} has changed: it was {size.width}x{size.height}, now {shape[1]}x{shape[0]}.")
        if array is not None:
            return array[rows, columns]
        part = opened.window(rows, columns)
        return np.invert(part) if opened.inverted else part

    def _check(self, path: Path, size: Size) -> None:
        """Decode an image, band by band where it is read in parts; raise PellucidError if it is damaged."""
        depth = max(1, _BAND // size.width) if self._in_parts(size) else size.height
        for top in range(0, size.height, depth):
            band = self._part(path, size, slice(top, top + depth), slice(None))
            if np.issubdtype(band.dtype, np.floating):  # whose values may be none
                to_unit(band, one_line(path))

    def subset(self, indices: NDArray[np.intp]) -> FileImages:
        """See `Images`."""
        chosen = copy.copy(self)  # shares the cache
        chosen.paths = tuple(self.paths[index] for index in indices)
        chosen._sizes = [self._sizes[index] for index in indices]
        chosen.labels = self.labels.subset(indices) if self.labels else None
        return chosen

    def content(self) -> Iterator[bytes]:
        """See `Images`; a file that cannot be read raises PellucidError."""
        read = set(evenly(len(self), MANY).tolist())
        for place, path in enumerate(self.paths):
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


class _Cache:
    """Decoded files, in their own type (bytes are a quarter of the size of floats), up to `CACHE_BYTES`.

    Those that were used longest ago are given up first. Of a file that is larger than that, it alone is kept: it would
    be decoded again for every patch.
    """

    def __init__(self) -> None:
        self._kept: dict[Path, NDArray[Any]] = {}  # in the order of their last use
        self._bytes = 0
        self._lock = Lock()  # batches are made in a thread of their own

    def read(self, path: Path, expected: int) -> NDArray[Any]:
        """Return a file's page, of about `expected` bytes."""
        with self._lock:
            array = self._kept.pop(path, None)
            if array is not None:
                self._kept[path] = array
                return array
            self._make_room(expected)  # at once, so that what goes and what comes are not in memory together
        array = read_image(path)
        with self._lock:
            if path not in self._kept:
                self._make_room(array.nbytes)
                self._kept[path] = array
                self._bytes += array.nbytes
        return array

    def _make_room(self, needed: int) -> None:
        while self._kept and self._bytes + needed > CACHE_BYTES:
            self._bytes -= self._kept.pop(next(iter(self._kept))).nbytes
