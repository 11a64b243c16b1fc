"""Digests: whether arrays are the same, without keeping them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def digest(arrays: Iterable[tuple[str, NDArray[Any]]], text: str = "") -> str:
    """Return the sha256, as 64 hexadecimal digits, of a text and of arrays with their names, dtypes and shapes.

    Parameters
    ----------
    arrays : names and arrays; their order counts. Each is looked at once, so they need not fit in memory together.
    text : anything else that counts
    """
    found = hashlib.sha256(text.encode())
    for name, array in arrays:
        found.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        found.update(array.tobytes())
    return found.hexdigest()
