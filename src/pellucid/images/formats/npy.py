"""NumPy's array files. Nothing in them is ever unpickled."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, one_line
from pellucid.images.axes import axes_of, from_planes, planes
from pellucid.images.formats.picture import Form, Limits, Picture, Size
from pellucid.images.formats.source import Source, decoding, unsupported

ARRAYS = ("NPY", "NPZ")
"""The kinds of file that hold an array, whose axes may be told."""
LONGEST_HEADER = 2**16
"""Bytes at the start of a file that `parse_header` is given."""
_MOST_PLANES = 2**20


@dataclass(frozen=True)
class ArrayForm:
    """An array: its axes (see `images.axes`), shape, dtype; in a .npz, also its name and whether it is compressed."""

    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    member: str = "arr_0.npy"
    compressed: bool = False

    @property
    def plane(self) -> tuple[int, ...]:
        """The shape of one plane."""
        return tuple(self.shape[self.axes.index(letter)] for letter in "YXS" if letter in self.axes)

    @property
    def number(self) -> int:
        """How many planes there are."""
        return math.prod(length for letter, length in zip(self.axes, self.shape, strict=True) if letter not in "YXS")

    def sizes(self, *, parts: bool) -> list[Size]:
        """Return the size of every plane; `parts`: whether it can be read in parts."""
        height, width, *samples = self.plane
        colours = 3 if samples and samples[0] > 2 else 1
        return [Size(height, width, colours, self.dtype.itemsize, parts)] * self.number

    def check_size(self, name: str, limits: Limits) -> None:
        """Raise PellucidError, which calls the array `name`, if it is larger than the limits."""
        height, width = self.plane[:2]
        limits.check_size(name, width, height, before=(self.number - 1) * width * height)

    def fits(self, pages: Sequence[NDArray[Any]]) -> bool:
        """Return whether an array of this shape can hold the pages."""
        held = math.prod(self.plane)
        same = all((page.shape[:2], page.size) == (self.plane[:2], held) for page in pages)
        return same and len(pages) * held == math.prod(self.shape)


def read_array(path: Path) -> NDArray[Any]:
    """Open a .npy file of any shape memory-mapped.

    Raises
    ------
    PellucidError
        If it is not such a file, is truncated, or holds Python objects.
    """
    try:
        with path.open("rb") as file:
            parse_header(file.read(LONGEST_HEADER))
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        reason = one_line(" ".join(str(error).split())).rstrip(".")
        raise PellucidError(f"{one_line(path)} is not a NumPy array file that pellucid reads: {reason}.") from error


def parse_header(start: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return shape, whether columns come first, dtype, and where the data starts, from the first bytes of a file.

    A header may claim a length of 4 GB, which NumPy would read; so it is given `LONGEST_HEADER` bytes, not the file.

    Raises
    ------
    ValueError, EOFError
        If they are not such a header.
    """
    file = io.BytesIO(start)
    major, _ = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, columns_first, dtype = read_header(file)
    return shape, columns_first, dtype, file.tell()


class Header(NamedTuple):
    """What is known of an array before it is read.

    Attributes
    ----------
    form : how to write it
    columns_first : whether it is stored in Fortran's order
    offset : where its numbers begin
    """

    form: ArrayForm
    columns_first: bool
    offset: int

    @property
    def end(self) -> int:
        """Where its numbers end."""
        return self.offset + math.prod(self.form.shape) * self.form.dtype.itemsize

    def sizes(self, *, parts: bool) -> list[Size]:
        """Return the size of every plane; `parts`: whether the kind of file could be read in parts."""
        parts = parts and not self.columns_first and self.form.dtype.isnative
        return self.form.sizes(parts=parts and self.form.axes.endswith(("YX", "YXS")))


def check_header(name: str, start: bytes, limits: Limits, axes: str | None) -> Header:
    """Return what the first bytes of a file say of its array.

    Raises
    ------
    ValueError, EOFError, PellucidError
        If they are no header, or say that pellucid does not read it.
    """
    shape, columns_first, dtype, offset = parse_header(start)
    form = check_array(name, shape, dtype, axes)
    form.check_size(name, limits)
    return Header(form, columns_first, offset)


def check_array(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], axes: str | None) -> ArrayForm:
    """Return the form of an array of images; without `axes`, they are guessed.

    Raises
    ------
    PellucidError
        If it holds no numbers, has other axes, or too many planes.
    """
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        what = "Python objects" if dtype.hasobject else f"the type {one_line(str(dtype)[:60])}"
        raise unsupported(name, f"{what}; expected integers or floats of up to 64 bits")
    axes = axes_of(axes, shape, name)
    form = ArrayForm(axes, shape, dtype)
    if form.number > _MOST_PLANES:
        height, width = form.plane[:2]
        raise PellucidError(
            f"{name} has {form.number} planes of {width}x{height} pixels ({axes}); expected at most {_MOST_PLANES}. "
            "Name its axes, or cut it up.",
            argument="axes",
        )
    return form


def _header(source: Source, limits: Limits, axes: str | None) -> Header:
    source.file.seek(0)
    return check_header(source.name, source.file.read(LONGEST_HEADER), limits, axes)


def size(source: Source, limits: Limits, axes: str | None = None) -> list[Size]:
    """Return the size of every plane from the header."""
    with decoding(source.name):
        return _header(source, limits, axes).sizes(parts=True)


def read(source: Source, limits: Limits, axes: str | None = None) -> Picture:
    """Read every plane; from a path, the array is memory-mapped and read-only, unless its byte order is another's."""
    with decoding(source.name):
        header = _header(source, limits, axes)
        if source.size < header.end:
            raise ValueError("it ends too early")
        if source.path is not None:
            array = np.load(source.path, mmap_mode="r", allow_pickle=False)
        else:
            array = np.load(io.BytesIO(source.read()), allow_pickle=False)
        if array.shape != header.form.shape:
            raise ValueError("it changed while it was read")
    return picture(np.asarray(array), header.form, "NPY")


def picture(array: NDArray[Any], form: ArrayForm, kind: str) -> Picture:
    """Return the planes of an array as pages, in the machine's byte order."""
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    return Picture(tuple(planes(native, form.axes)), Form(kind=kind, extra=form))


def array_of(picture: Picture) -> NDArray[Any]:
    """Return the pages as one array: of the shape, axes and byte order that they came with, or else stacked.

    The pages are of one shape and dtype.
    """
    pages, own = picture.pages, picture.form.extra
    if not isinstance(own, ArrayForm) or not own.fits(pages):
        return pages[0] if len(pages) == 1 else np.stack(pages)
    array = from_planes([page.reshape(own.plane) for page in pages], own.axes, own.shape)
    return array.astype(array.dtype.newbyteorder(own.dtype.byteorder), copy=False)


def write(picture: Picture, stream: BinaryIO) -> None:
    """Write all pages as one array."""
    np.lib.format.write_array(stream, array_of(picture), allow_pickle=False)
