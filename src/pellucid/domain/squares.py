"""A few small squares that stand for an image of any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 32
"""Side of the squares, in pixels."""

ACROSS = 4
"""Squares along either side of a large image: 16 in all, so that a check costs the same for all sizes."""

Floats = NDArray[np.float32]
ReadRows = Callable[[int, int], NDArray[Any]]
"""Returns the rows `begin` to `end` of an image as it is stored; `begin` rises from call to call."""


def sample(height: int, width: int, rows: ReadRows) -> NDArray[Any]:
    """Return evenly spaced squares of an image, side by side in rows as they lie in it; smaller images whole.

    Returns
    -------
    (A * h, B * w) or (A * h, B * w, C) of the image's own type, with A, B up to `ACROSS` and h, w up to `SIDE`.
    """
    tops, lefts = _starts(height), _starts(width)
    high, wide = min(height, SIDE), min(width, SIDE)
    bands = []
    for top in tops:
        band = rows(top, top + high)
        bands.append(np.concatenate([band[:, left : left + wide] for left in lefts], axis=1))
    return np.concatenate(bands)


def _starts(length: int) -> list[int]:
    count = min(ACROSS, -(-length // SIDE))
    return [(length - SIDE) * place // max(count - 1, 1) if length > SIDE else 0 for place in range(count)]


def squares(mosaic: Floats, height: int, width: int) -> Floats:
    """Cut what `sample` returned, as (A * h, B * w, C), into the planes (count, h, w) of an image of that size."""
    high, wide = min(height, SIDE), min(width, SIDE)
    parts = mosaic.reshape(len(mosaic) // high, high, mosaic.shape[1] // wide, wide, -1)
    return parts.transpose(0, 2, 4, 1, 3).reshape(-1, high, wide)


def half(mosaic: Floats) -> Floats:
    """Return every second square of a large image, as on a chessboard, (H, W, C); of a smaller one all."""
    if mosaic.shape[:2] != (ACROSS * SIDE, ACROSS * SIDE):
        return mosaic
    grid = mosaic.reshape(ACROSS, SIDE, ACROSS, SIDE, -1)
    rows = [grid[row, :, row % 2 :: 2].reshape(SIDE, ACROSS // 2 * SIDE, -1) for row in range(ACROSS)]
    return np.concatenate(rows)
