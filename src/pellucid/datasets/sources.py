"""Collections of images that are read when they are needed, so that a data set need not fit in memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.datasets.labels import Labels
from pellucid.images import Image, as_channels, probe, read_image, scale_batch, to_unit
from pellucid.noise import Batch

CACHE_BYTES = 2**29
"""Decoded images of a folder are kept in memory up to this many bytes; the others are read again each time."""

_PIECE = 2**24  # bytes of an array that `content` yields together


class Images(Protocol):
    """A sequence of images, float32 HWC in [0, 1]; `labels` are their classes, if known."""

    channels: int
    labels: Labels | None

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Image:
        """Return one image, float32 (height, width, channels); of `PairedImages`, twice the channels."""
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

    Raises
    ------
    PellucidError
        When a file is read that is not an image.
    """

    def __init__(self, paths: Sequence[Path], labels: Labels | None = None) -> None:
        self.paths = tuple(paths)
        self.labels = labels
        self.shapes = [probe(path) for path in self.paths]  # height, width, channels
        self.channels = max((channels for *_, channels in self.shapes), default=1)
        self._cache = _Cache()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Image:
        """See `Images`."""
        path, (height, width, _) = self.paths[index], self.shapes[index]
        image = to_unit(self._cache.read(path), str(path))
        if image.shape[:2] != (height, width):
            raise PellucidError(f"{path} has changed: it was {width}x{height}, now {image.shape[1]}x{image.shape[0]}.")
        return as_channels(image, self.channels)

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
                yield path.read_bytes()
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
