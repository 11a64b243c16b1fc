"""The image contract.

Inside pellucid an image is float32, nominally in [0, 1], laid out HWC (several: NHWC), with 1 or 3 channels. Other
types and ranges live at the edges: `to_unit` brings an array in, `from_unit` gives it back as it came.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.images.values import Extent, ValueRange, check_range, fill_holes, find_range, needs_look

Image = NDArray[np.float32]
"""One image: float32, (height, width, channels), channels 1 or 3, nominally in [0, 1]."""

UNIT = (0.0, 1.0)
"""Black and white inside."""


class Layout(NamedTuple):
    """What the axes of one image are: its size in pixels, its colour channels (1 or 3), and whether alpha follows."""

    height: int
    width: int
    colours: int
    alpha: bool


def layout_of(shape: tuple[int, ...], dtype: np.dtype[Any], name: str = "image") -> Layout:
    """Return the layout of an array of one image, by its shape and dtype alone.

    Parameters
    ----------
    shape : (H, W) or (H, W, C) with C in 1..4, of which 2 and 4 mean that the last channel is alpha
    dtype : bool, or any integer or float
    name : how error messages call it

    Raises
    ------
    PellucidError
        For another shape or dtype, or zero size.
    """
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 2, 3, 4)):
        raise PellucidError(
            f"{name} has the shape {shape}; expected (height, width) or (height, width, channels) with 1 to 4 "
            "channels. Give one image at a time, or say what its axes are."
        )
    if 0 in shape:
        raise PellucidError(f"{name} is empty: its shape is {shape}. Give an image with at least one pixel.")
    _check_dtype(dtype, name)
    channels = shape[2] if len(shape) == 3 else 1
    return Layout(shape[0], shape[1], 1 if channels < 3 else 3, channels in (2, 4))


@dataclass(frozen=True)
class Scale:
    """How the values of one image are brought to [0, 1] and back: the same for all of its parts.

    Attributes
    ----------
    low, high : the values that are black and white
    inside : whether the image keeps within them; then its result does, too
    """

    low: float
    high: float
    inside: bool

    @classmethod
    def of(cls, image: NDArray[Any], value_range: ValueRange | None = None, name: str = "image") -> Scale:
        """Find the scale of an image, (H, W) or (H, W, C) as `layout_of` has it; alpha does not count.

        Parameters
        ----------
        value_range : if it is known; None finds it (see `values.find_range`)
        """
        return cls.over([image], value_range, name)

    @classmethod
    def over(cls, images: Sequence[NDArray[Any]], value_range: ValueRange | None = None, name: str = "image") -> Scale:
        """Find one scale for images of one type, such as the planes of a stack."""
        layouts = [layout_of(image.shape, image.dtype, name) for image in images]

        def look() -> Extent:
            extents = [Extent.of(_colours(*pair)) for pair in zip(images, layouts, strict=True)]
            extent = reduce(operator.or_, extents)
            if extent.holes == sum(image.size for image in images):
                raise PellucidError(f"{name} holds no numbers, only NaN or infinite values. Get another copy.")
            return extent

        return cls.by(images[0].dtype, look, value_range)

    @classmethod
    def by(cls, dtype: np.dtype[Any], look: Callable[[], Extent], value_range: ValueRange | None = None) -> Scale:
        """The same for images of a type; `look` finds the extent of their values, where it matters."""
        if value_range is not None:
            check_range(value_range)
        if not needs_look(dtype) and value_range is None:
            return cls(*find_range(dtype, Extent(0, 0, (0, 0))), inside=True)
        extent = look()
        chosen = value_range or find_range(dtype, extent)
        return cls(*chosen, inside=extent.within(chosen))

    @property
    def range(self) -> ValueRange:
        """The values that are black and white."""
        return self.low, self.high

    def to_unit(self, image: NDArray[Any], name: str = "image") -> Image:
        """Bring an image, or a part of it, into the contract, without its alpha; see `to_unit`."""
        return _scaled(_colours(image, layout_of(image.shape, image.dtype, name)), self.range)

    def from_unit(self, image: Image, like: NDArray[Any]) -> NDArray[Any]:
        """Give `image` back as `like` came; see `from_unit`."""
        given = _colours(like, layout_of(like.shape, like.dtype))
        floats = like.dtype.kind == "f"
        exact = (floats and self.range == UNIT and like.dtype.itemsize <= 4) or (
            not floats and like.dtype.itemsize <= 2
        )
        if like.dtype == np.bool_:
            result: NDArray[Any] = image >= 0.5
        elif exact:
            result = image * np.float32(self.high - self.low) + np.float32(self.low)
        else:  # float32 has fewer digits: what is not changed comes back exactly
            change = image.astype(np.float64) - _scaled(given, self.range)
            result = given.astype(np.float64) + change * (self.high - self.low)
        if like.dtype.kind in "iu":
            limits = np.iinfo(like.dtype)
            result = np.rint(result)
            low, high = (self.low, self.high) if self.inside else (limits.min, limits.max)
            # A float cannot hold the largest of 64 bits: the next one below can be converted.
            highest = min(high, float(np.nextafter(np.float64(limits.max), 0)) if like.dtype.itemsize == 8 else high)
            result = np.clip(result, max(low, limits.min), min(highest, limits.max)).astype(like.dtype)
            if not exact and like.dtype.itemsize == 8:  # neither has float64 all of their digits
                result = np.where(change == 0, given, result)
        elif like.dtype.kind == "f":
            result = (np.clip(result, self.low, self.high) if self.inside else result).astype(like.dtype)
        if like.ndim == 2:
            return np.asarray(result[..., 0])
        if like.shape[2] in (2, 4):
            return np.concatenate([result, like[..., -1:]], axis=2)
        return np.asarray(result)


def to_unit(array: NDArray[Any], name: str = "image", value_range: ValueRange | None = None) -> Image:
    """Bring one image into the contract, without its alpha.

    Parameters
    ----------
    array : (H, W) or (H, W, C) with C in 1..4, bool, or any integer or float
        C of 2 or 4 means that the last channel is alpha.
    name : how error messages call the image
    value_range : the values that become 0 and 1; None finds them by type and content (see `values.find_range`)

    Returns
    -------
    float32, (H, W, 1) or (H, W, 3). Values beyond the range are below 0 and above 1; those that are no numbers become
    that of the nearest one. Never a view of `array`.

    Raises
    ------
    PellucidError
        For another shape or dtype, zero size, or a value range that does not rise.
    """
    array = np.asarray(array)
    layout_of(array.shape, array.dtype, name)
    return Scale.of(array, value_range, name).to_unit(fill_holes(array)[0], name)


def from_unit(image: Image, like: NDArray[Any], value_range: ValueRange | None = None) -> NDArray[Any]:
    """Give `image` back as `like` came: same dtype and shape, alpha of `like` untouched.

    Integers are rounded to the nearest and kept within their type; where `like` keeps within the range of black and
    white, so does the result. `image` has as many channels as `like` has colour channels; `value_range` is that which
    `to_unit` was given.
    """
    return Scale.of(like, value_range).from_unit(image, like)


def scale_batch(
    array: NDArray[Any], name: str = "images", value_range: ValueRange | None = None
) -> NDArray[np.float32]:
    """Scale an NHW or NHWC array of images as `to_unit` does, to float32 NHWC with 1 or 3 channels."""
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] not in (1, 3)):
        raise PellucidError(
            f"{name} has the shape {array.shape}; expected (count, height, width) or (count, height, width, channels) "
            "with 1 or 3 channels."
        )
    if 0 in array.shape[1:]:
        raise PellucidError(f"{name} holds images of zero size: its shape is {array.shape}.")
    _check_dtype(array.dtype, name)
    batch = array[..., None] if array.ndim == 3 else array
    if not batch.size:
        return batch.astype(np.float32)
    if array.dtype.kind == "f" and not np.isfinite(batch).all():
        batch = np.stack([fill_holes(image)[0] for image in batch])
    return _scaled(batch, value_range or find_range(array.dtype, Extent.of(batch)))


def _check_dtype(dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind not in "biuf":
        raise PellucidError(f"{name} has the type {dtype}; expected bool, integers or floats. Convert it first.")


def _colours(array: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Return a view without alpha, (H, W, 1) or (H, W, 3)."""
    return array[..., None] if array.ndim == 2 else array[..., : layout.colours]


def _scaled(array: NDArray[Any], value_range: ValueRange) -> NDArray[np.float32]:
    """Scale an array of any shape to float32, so that a range of values becomes [0, 1]."""
    low, high = value_range
    if array.dtype == np.bool_ or (array.dtype.kind == "f" and value_range == UNIT):
        return array.astype(np.float32)
    if array.dtype.itemsize <= 2:
        unit = array.astype(np.float32)
        return (unit - np.float32(low) if low else unit) * np.float32(1 / (high - low))
    return ((array.astype(np.float64) - low) / (high - low)).astype(np.float32)
