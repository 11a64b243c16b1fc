"""How many bits the values of integer images use, and which value is white."""

from __future__ import annotations

from typing import Any

import numpy as np

CAMERA_BITS = (8, 10, 12, 14)
"""Bits that cameras use whose frames are kept in 16."""


def largest(dtype: np.dtype[Any] | type) -> int:
    """Return the largest value of an unsigned integer type: its white."""
    return int(np.iinfo(dtype).max)


def camera_white(highest: float, dtype: np.dtype[Any] | type) -> int:
    """Return which value is probably white in images whose highest value is `highest`.

    For uint16 it is the white of the fewest `CAMERA_BITS` that reach so high, as 4095 for 12 bits. For other types,
    and where nothing is known because all values are 0, it is the largest value of the type.
    """
    white = largest(dtype)
    if white != 2**16 - 1 or highest <= 0:
        return white
    return next((2**bits - 1 for bits in CAMERA_BITS if highest < 2**bits), white)
