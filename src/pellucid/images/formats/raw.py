"""Files in which the numbers of one array lie between a head and a tail: FITS and MRC."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.images.axes import check_axes, planes
from pellucid.images.formats.npy import ArrayForm, array_of
from pellucid.images.formats.picture import Form, Limits, Picture, Size
from pellucid.images.formats.source import Source


@dataclass(frozen=True)
class Place:
    """Where the array is in the file.

    Attributes
    ----------
    offset, shape, dtype : of the array
    shift : the bit to turn over in its integers, to make signed ones unsigned; 0 leaves them
    order : of the bytes of all numbers in the file
    """

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    shift: int = 0
    order: str = ">"

    @property
    def end(self) -> int:
        """Where the array ends."""
        return self.offset + math.prod(self.shape) * self.dtype.itemsize

    @property
    def axes(self) -> str:
        """The last two are an image."""
        return "Q" * (len(self.shape) - 2) + "YX"

    def check(self, source: Source, limits: Limits) -> None:
        """Raise PellucidError or ValueError if it is no image, is larger than the limits, or ends early."""
        check_axes(self.axes, self.shape, source.name)
        height, width = self.shape[-2:]
        limits.check_size(source.name, width, height, (math.prod(self.shape[:-2]) - 1) * height * width)
        if self.end > source.size:
            raise ValueError("it ends too early")

    def sizes(self) -> list[Size]:
        """Return the size of every plane."""
        height, width = self.shape[-2:]
        return [Size(height, width, 1, self.dtype.itemsize)] * math.prod(self.shape[:-2])


@dataclass(frozen=True)
class RawForm(ArrayForm):
    """The array, and the bytes around it."""

    shift: int = 0
    order: str = ">"
    head: bytes = field(default=b"", repr=False)
    tail: bytes = field(default=b"", repr=False)

    def holds(self, pages: Sequence[NDArray[Any]]) -> bool:
        """Return whether the file can be written with these pages."""
        kind = "u" if self.shift else self.dtype.kind
        same = all((page.dtype.kind, page.itemsize) == (kind, self.dtype.itemsize) for page in pages)
        return same and self.fits(pages)


def read(source: Source, place: Place, kind: str) -> Picture:
    """Read every plane; values are in the machine's byte order."""
    data = source.read()
    stored = np.frombuffer(data, place.dtype, math.prod(place.shape), place.offset).reshape(place.shape)
    array = _shifted(stored.astype(place.dtype.newbyteorder("=")), place.shift)
    form = RawForm(
        axes=place.axes,
        shape=place.shape,
        dtype=place.dtype,
        shift=place.shift,
        order=place.order,
        head=data[: place.offset],
        tail=data[place.end :],
    )
    return Picture(tuple(planes(array, place.axes)), Form(kind=kind, extra=form))


def stored(picture: Picture, form: RawForm) -> NDArray[Any]:
    """Return the array as the file holds it."""
    array = array_of(picture)
    native = _shifted(array.astype(array.dtype.newbyteorder("=")), form.shift)
    return native.astype(form.dtype)


def _shifted(array: NDArray[Any], shift: int) -> NDArray[Any]:
    """Exchange signed and unsigned integers by turning the highest bit over."""
    if not shift:
        return array
    turned: NDArray[Any] = array.view(f"u{array.itemsize}") ^ np.asarray(shift, f"u{array.itemsize}")
    return turned if array.dtype.kind == "i" else turned.view(f"i{array.itemsize}")
