"""The image contract.

Inside pellucid an image is float32 in [0, 1], laid out HWC (several: NHWC), with 1 or 3 channels. Integer types live
at the edges: `to_unit` brings an array in, `from_unit` gives it back as it came.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.images.depths import largest

Image = NDArray[np.float32]
"""One image: float32, (height, width, channels), channels 1 or 3, nominally in [0, 1]."""

_FLOAT_LIMITS = (-8.0, 9.0)  # unclipped noise may leave [0, 1]; an image in 0..255 leaves this too


ValueRange = tuple[float, float]
"""The values of an integer image that are black and white."""


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
    dtype : bool, uint8, uint16 or float
    name : how error messages call it

    Raises
    ------
    PellucidError
        For another shape or dtype, or zero size.
    """
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 2, 3, 4)):
        raise PellucidError(
            f"{name} has the shape {shape}; expected (height, width) or (height, width, channels) with 1 to 4 "
            "channels. Give one image at a time."
        )
    if 0 in shape:
        raise PellucidError(f"{name} is empty: its shape is {shape}. Give an image with at least one pixel.")
    _check_dtype(dtype, name)
    channels = shape[2] if len(shape) == 3 else 1
    return Layout(shape[0], shape[1], 1 if channels < 3 else 3, channels in (2, 4))


def to_unit(array: NDArray[Any], name: str = "image", value_range: ValueRange | None = None) -> Image:
    """Bring one image into the contract, without its alpha.

    Parameters
    ----------
    array : (H, W) or (H, W, C) with C in 1..4, of dtype bool, uint8, uint16 or float
        C of 2 or 4 means that the last channel is alpha. Floats must already be scaled to [0, 1]; unclipped noise
        may leave that range a little.
    name : how error messages call the image
    value_range : the values of an integer image that are black and white; None takes those of its type

    Returns
    -------
    float32, (H, W, 1) or (H, W, 3); integers are divided by the largest value of their type. Never a view of `array`.

    Raises
    ------
    PellucidError
        For another shape or dtype, zero size, NaN, infinities, floats that are clearly not in [0, 1], a value range
        for floats, or one that does not rise.
    """
    array = np.asarray(array)
    layout = layout_of(array.shape, array.dtype, name)
    unit = _scale(array[..., None] if array.ndim == 2 else array[..., : layout.colours], name)
    if value_range is None:
        return unit
    low, high = _ends(array.dtype, value_range, name)
    return (unit - low) / (high - low)


def check_range(value_range: ValueRange) -> None:
    """Raise PellucidError for a range of values that does not rise, or has no end."""
    low, high = value_range
    if not low < high or not math.isfinite(high - low):
        raise PellucidError(f"a range of values must rise, as in 0-4095; got {low:g}-{high:g}.", argument="value_range")


def _ends(dtype: np.dtype[Any], value_range: ValueRange, name: str) -> tuple[np.float32, np.float32]:
    """Return the values that are black and white, as parts of the largest value of the integer type."""
    check_range(value_range)
    if not np.issubdtype(dtype, np.unsignedinteger):
        raise PellucidError(
            f"a range of values applies to integer images; {name} is {dtype}. Scale it to [0, 1].",
            argument="value_range",
        )
    low, high = (np.float32(value / largest(dtype)) for value in value_range)
    return low, high


def _check_dtype(dtype: np.dtype[Any], name: str) -> None:
    if dtype not in (np.bool_, np.uint8, np.uint16) and not np.issubdtype(dtype, np.floating):
        raise PellucidError(
            f"{name} has the type {dtype}; expected bool, uint8, uint16, or floats in [0, 1]. Convert it first."
        )


def _scale(array: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Scale an array of any shape to float32 in [0, 1] by its dtype alone."""
    _check_dtype(array.dtype, name)
    if array.dtype == np.bool_:
        return array.astype(np.float32)
    if array.dtype in (np.uint8, np.uint16):
        return array.astype(np.float32) * np.float32(1 / largest(array.dtype))
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise PellucidError(f"{name} holds NaN or infinite values; expected numbers. Replace them first.")
    if low < _FLOAT_LIMITS[0] or high > _FLOAT_LIMITS[1]:
        raise PellucidError(
            f"{name} holds floats from {low:g} to {high:g}; expected the range [0, 1]. "
            "Divide by the largest possible value."
        )
    return array.astype(np.float32)


def scale_batch(array: NDArray[Any], name: str = "images") -> NDArray[np.float32]:
    """Scale an NHW or NHWC array of images as `to_unit` does, to float32 NHWC with 1 or 3 channels."""
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] not in (1, 3)):
        raise PellucidError(
            f"{name} has the shape {array.shape}; expected (count, height, width) or (count, height, width, channels) "
            "with 1 or 3 channels."
        )
    if 0 in array.shape[1:]:
        raise PellucidError(f"{name} holds images of zero size: its shape is {array.shape}.")
    batch = array[..., None] if array.ndim == 3 else array
    return _scale(batch, name) if batch.size else batch.astype(np.float32)


def from_unit(image: Image, like: NDArray[Any], value_range: ValueRange | None = None) -> NDArray[Any]:
    """Give `image` back as `like` came: same dtype and shape, alpha of `like` untouched.

    Values are clipped to those of the type and integers rounded to the nearest. `image` has as many channels as `like`
    has colour channels; `value_range` is that which `to_unit` was given.
    """
    if value_range is not None:
        low, high = _ends(like.dtype, value_range, "image")
        image = image * (high - low) + low
    if np.issubdtype(like.dtype, np.floating):
        result = np.clip(image, 0, 1).astype(like.dtype)
    elif like.dtype == np.bool_:
        result = image >= 0.5
    else:
        result = np.rint(np.clip(image, 0, 1) * largest(like.dtype)).astype(like.dtype)
    if like.ndim == 2:
        return np.asarray(result[..., 0])
    if like.shape[2] in (2, 4):
        return np.concatenate([result, like[..., -1:]], axis=2)
    return np.asarray(result)
