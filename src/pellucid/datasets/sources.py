"""Collections of images that are read when they are needed, so that a data set need not fit in memory."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, one_line
from pellucid.datasets.labels import Labels
from pellucid.images import Image, as_channels, probe, read_image, scale_batch, to_unit
from pellucid.noise import Batch

CACHE_BYTES = 2**29
"""Decoded images of a folder are kept in memory up to this many bytes; the others are read again each time."""
CHECKED = 2**28
"""Pixels of a folder's files that are decoded at once, so that bad files are found before a training, not after it."""

LEFT_OUT = 0.5
"""The share of a folder's files that may be bad, and are left out; one always may."""

LARGE = 2**24
"""Bytes of a file, of more of which some evenly spaced pieces stand for its content: a run must begin at once."""

_PIECES, _PIECE_SIZE = 16, 2**16
_NAMED = 3  # bad files whose reasons an error gives
_PIECE = 2**24  # bytes of an array that `content` yields together


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
    paths, shapes : of the images, and their (height, width, channels)
    left_out : why files that were given are not among the images
    kept : the places of the images among the paths that were given

    Raises
    ------
    PellucidError
        If more files than `LEFT_OUT` of them cannot be read. Of many files all headers are read, but only the first
        `CHECKED` pixels are decoded: what fails later raises this when it is read.
    """

    def __init__(self, paths: Sequence[Path], labels: Labels | None = None) -> None:
        self._cache = _Cache()
        self.left_out: list[str] = []
        self.kept: list[int] = []
        self.shapes: list[tuple[int, int, int]] = []
        pixels = 0
        for place, path in enumerate(paths):
            try:
                shape = probe(path)
                pixels += shape[0] * shape[1]
                if pixels <= CHECKED:
                    array = self._cache.read(path)
                    if np.issubdtype(array.dtype, np.floating):  # whose values may be none
                        to_unit(array, one_line(path))
            except PellucidError as error:
                self.left_out.append(str(error))
            else:
                self.kept.append(place)
                self.shapes.append(shape)
        bad = len(self.left_out)
        if bad and (bad == len(paths) or bad > max(1, LEFT_OUT * len(paths))):
            raise PellucidError(
                self.reasons
                if bad == len(paths) == 1
                else f"{bad:,} of {len(paths):,} images cannot be used: {self.reasons}"
            )
        self.paths = tuple(paths[place] for place in self.kept)
        self.labels = labels.subset(np.array(self.kept, np.intp)) if labels else None
        self.channels = max((channels for *_, channels in self.shapes), default=1)

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
        given = bad + len(self.kept)
        return (f"left out {bad:,} of {given:,} images: {self.reasons}{more}",)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Image:
        """See `Images`."""
        return self.window(index, slice(None), slice(None))

    def window(self, index: int, rows: slice, columns: slice) -> Image:
        """See `Images`."""
        path, (height, width, _) = self.paths[index], self.shapes[index]
        array = self._cache.read(path)
        if array.shape[:2] != (height, width):
            raise PellucidError(f"{path} has changed: it was {width}x{height}, now {array.shape[1]}x{array.shape[0]}.")
        return as_channels(to_unit(array[rows, columns], str(path)), self.channels)

    def size(self, index: int) -> tuple[int, int]:
        """See `Images`."""
        return self.shapes[index][:2]

    def subset(self, indices: NDArray[np.intp]) -> FileImages:
        """See `Images`."""
        chosen = copy.copy(self)  # shares the cache
        chosen.paths = tuple(self.paths[index] for index in indices)
        chosen.shapes = [self.shapes[index] for index in indices]
        chosen.labels = self.labels.subset(indices) if self.labels else None
        return chosen

    def content(self) -> Iterator[bytes]:
        """See `Images`; a file that cannot be read raises PellucidError."""
        for path in self.paths:
            try:
                with path.open("rb") as file:
                    size = os.fstat(file.fileno()).st_size
                    yield str(size).encode()
                    for place in range(_PIECES) if size > LARGE else (0,):
                        file.seek(place * (size - _PIECE_SIZE) // (_PIECES - 1))
                        yield file.read(_PIECE_SIZE if size > LARGE else -1)
            except OSError as error:
                raise PellucidError(f"cannot read {path}: {error.strerror}.") from error


class _Cache:
    """Decoded files, in their own type (bytes are a quarter of the size of floats), up to `CACHE_BYTES`."""

    def __init__(self) -> None:
        self._kept: dict[Path, NDArray[Any]] = {}
        self._free = CACHE_BYTES

    def read(self, path: Path) -> NDArray[Any]:
        array = self._kept.get(path)
        if array is None:
            array = read_image(path)
            if array.nbytes <= self._free:
                self._free -= array.nbytes
                self._kept[path] = array
        return array
