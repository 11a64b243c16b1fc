"""Cutting, turning, and changing the channels of images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.images.contract import Image


def middle(image: Image, side: int) -> Image:
    """Return the square of `side` pixels in the middle of `image`, or as much of it as there is; a view."""
    top, left = (max(0, length - side) // 2 for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def as_channels(image: Image, channels: int) -> Image:
    """Return `image` with 1 channel (the mean of its colours) or 3 (its gray repeated)."""
    if image.shape[-1] == channels:
        return image
    if channels == 1:
        return np.asarray(image.mean(axis=-1, keepdims=True, dtype=np.float32))
    return np.repeat(image, channels, axis=-1)


def turned(array: NDArray[Any], way: int, axes: tuple[int, int] = (0, 1)) -> NDArray[Any]:
    """Mirror and turn: one of the eight ways (0 to 7, of which 0 changes nothing) to lay a square on itself.

    Parameters
    ----------
    array : any shape
    way : the sum of 1 to mirror the first axis, 2 to mirror the second, 4 to exchange them in the end
    axes : height and width

    Returns
    -------
    A view.
    """
    for bit, axis in enumerate(axes):
        if way >> bit & 1:
            array = np.flip(array, axis)
    return array.swapaxes(*axes) if way & 4 else array


def turned_back(array: NDArray[Any], way: int, axes: tuple[int, int] = (0, 1)) -> NDArray[Any]:
    """Undo `turned`."""
    return turned(array.swapaxes(*axes) if way & 4 else array, way & 3, axes)
