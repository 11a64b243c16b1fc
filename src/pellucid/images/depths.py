"""Which value is white in an unsigned integer type."""

from __future__ import annotations

from typing import Any

import numpy as np


def largest(dtype: np.dtype[Any] | type) -> int:
    """Return the largest value of an unsigned integer type: its white."""
    return int(np.iinfo(dtype).max)
