"""Planes that do not fit in memory, in a file without a name."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError


class Scratch:
    """Planes of one size, written and read in blocks; the system deletes the file when it is closed, or we die.

    Each plane is stored in strips of columns, so that a block as wide as a strip is one piece of the file.

    Parameters
    ----------
    folder : on whose disk there is room for all planes
    shape : of a plane, (height, width) or (height, width, samples)
    dtype : of its values
    strip : width of a strip
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: np.dtype[Any], strip: int) -> None:
        self.shape, self.dtype, self._strip, self._folder = shape, dtype, strip, folder
        self._pixel = int(np.prod(shape[2:])) * dtype.itemsize
        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed with its owner
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> PellucidError:
        return PellucidError(f"cannot write to {self._folder}: {error.strerror or error}. Choose another place.")

    def close(self) -> None:
        """Delete the file."""
        self._file.close()

    def write(self, plane: int, top: int, left: int, block: NDArray[Any]) -> None:
        """Write a block, (height, width) or (height, width, samples), to its place in a plane."""
        right = left + block.shape[1]
        for begin, end, wide, offset in self._strips(plane, range(left, right)):
            piece = block[:, begin - left : end - left]
            if end - begin == wide:
                self._put(offset + top * wide * self._pixel, piece)
            else:
                for row, line in enumerate(piece, top):
                    self._put(offset + (row * wide + begin % self._strip) * self._pixel, line)

    def read(self, plane: int, rows: range, columns: range) -> NDArray[Any]:
        """Return a block of a plane."""
        block = np.empty((len(rows), len(columns), *self.shape[2:]), self.dtype)
        for begin, end, wide, offset in self._strips(plane, columns):
            piece = np.empty((len(rows), wide, *self.shape[2:]), self.dtype)
            self._file.seek(offset + rows.start * wide * self._pixel)
            view = piece.reshape(-1).view(np.uint8).data
            while view:
                count = self._file.readinto(view)
                if not count:
                    raise OSError(5, "a temporary file ends too early")
                view = view[count:]
            inside = begin % self._strip
            block[:, begin - columns.start : end - columns.start] = piece[:, inside : inside + end - begin]
        return block

    def _strips(self, plane: int, columns: range) -> Iterator[tuple[int, int, int, int]]:
        """Yield the columns of each strip that are wanted, how wide it is, and where it begins in the file."""
        height, width = self.shape[:2]
        for left in range(columns.start // self._strip * self._strip, columns.stop, self._strip):
            wide = min(self._strip, width - left)
            offset = (plane * width + left) * height * self._pixel
            yield max(left, columns.start), min(left + wide, columns.stop), wide, offset

    def _put(self, offset: int, piece: NDArray[Any]) -> None:
        view = np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data
        try:
            self._file.seek(offset)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise self._failed(error) from error
