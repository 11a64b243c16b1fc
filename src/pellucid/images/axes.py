"""The axes of arrays: which two are an image, and which count its planes.

Axes are a word of one letter for each, as tifffile spells them: Y and X are the height and width of an image, S its
samples (gray or RGB, and alpha), and any other letter counts planes: Z depth, T time, C channel, Q what is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError

_CHANNELS = (1, 2, 4, 5)  # lengths of a last axis that is taken for channels
_EXAMPLES = "YX, YXS (RGB), CYX or TZCYX"


def guess_axes(shape: tuple[int, ...], name: str = "array") -> str:
    """Guess the axes of an array by its shape alone.

    A last axis after a longer one holds RGB samples if its length is 3, and channels if it is 1, 2, 4 or 5: a second or
    fourth channel of an array is not taken for alpha. Otherwise the last two axes are an image. All axes before
    the image count planes.

    Parameters
    ----------
    shape : at least two axes
    name : how error messages call the array

    Raises
    ------
    PellucidError
        If there are fewer than two axes, or one has the length 0.

    Examples
    --------
    >>> guess_axes((480, 640, 3)), guess_axes((20, 480, 640)), guess_axes((480, 640, 2))
    ('YXS', 'QYX', 'YXC')
    """
    if len(shape) < 2:
        raise PellucidError(f"{name} has the shape {shape}; expected an image, of two axes or more.")
    axes = "YX"
    if len(shape) > 2 and max(shape[-3:-1]) > shape[-1]:  # an image may be a pixel wide
        axes = "YXS" if shape[-1] == 3 else "YXC" if shape[-1] in _CHANNELS else axes
    axes = "Q" * (len(shape) - len(axes)) + axes
    check_axes(axes, shape, name)
    return axes


def check_axes(axes: str, shape: tuple[int, ...], name: str = "array") -> None:
    """Raise PellucidError, which names the array, unless `axes` are those of images in an array of this shape."""
    counted = axes.replace("Q", "")
    if not (axes.isascii() and axes.isalpha() and axes.isupper()) or len(set(counted)) != len(counted):
        raise PellucidError(
            f"the axes {axes!r} are not different capital letters; expected a word such as {_EXAMPLES}.",
            argument="axes",
        )
    if not {"Y", "X"} <= set(axes):
        raise PellucidError(
            f"the axes {axes!r} name no image: Y and X are its height and width. Expected a word such as {_EXAMPLES}.",
            argument="axes",
        )
    if len(axes) != len(shape):
        raise PellucidError(
            f"{name} has the shape {shape}; expected {len(axes)} axes, {axes}. Name the axes that it has.",
            argument="axes",
        )
    if 0 in shape:
        raise PellucidError(f"{name} is empty: its shape is {shape}. Give at least one pixel.")
    samples = dict(zip(axes, shape, strict=True)).get("S", 1)
    if samples > 4:
        raise PellucidError(
            f"{name} has the shape {shape}, of which S has the length {samples}; expected 1 (gray), 3 (RGB), or one "
            "more with alpha. Name an axis of channels C.",
            argument="axes",
        )


def axes_of(axes: str | None, shape: tuple[int, ...], name: str = "array") -> str:
    """Return the axes of an array, as told and checked, or guessed if they are None; see `check_axes`, `guess_axes`."""
    if axes is None:
        return guess_axes(shape, name)
    check_axes(axes, shape, name)
    return axes


def planes(array: NDArray[Any], axes: str) -> list[NDArray[Any]]:
    """Return every plane of an array, as a view.

    Parameters
    ----------
    array : any shape and dtype
    axes : those of the array, as `check_axes` accepts them

    Returns
    -------
    Each (H, W), or (H, W, S) if there are samples, in the order of the array: its last counting axis runs fastest.
    """
    counting = [place for place, letter in enumerate(axes) if letter not in "YXS"]
    image = [axes.index(letter) for letter in "YXS" if letter in axes]
    ordered = array.transpose(*counting, *image)
    return [ordered[index] for index in np.ndindex(*ordered.shape[: len(counting)])]


def from_planes(images: Sequence[NDArray[Any]], axes: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Undo `planes`: put planes of one dtype together to an array of the given axes and shape, C-ordered."""
    array = np.empty(shape, images[0].dtype)
    for place, image in zip(planes(array, axes), images, strict=True):
        place[...] = image
    return array
