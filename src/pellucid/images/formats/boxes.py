"""The boxes of which JPEG 2000 and JPEG XL files are made (ISO/IEC 15444-1, annex I)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_MOST = 2**16  # boxes that follow one another


class Box(NamedTuple):
    """One box: its type, and where its content and the whole of it are."""

    name: bytes
    content: slice
    whole: slice


def walk(data: bytes) -> Iterator[Box]:
    """Yield the boxes that follow one another in `data`.

    Raises
    ------
    ValueError
        If one is cut short, or there are too many.
    """
    offset = 0
    for _ in range(_MOST):
        if offset == len(data):
            return
        if len(data) < offset + 8:
            raise ValueError("it ends within a box")
        length, name = struct.unpack_from(">I4s", data, offset)
        start = 8
        if length == 1 and len(data) >= offset + 16:
            (length,) = struct.unpack_from(">Q", data, offset + 8)
            start = 16
        elif length == 0:
            length = len(data) - offset
        if length < start or offset + length > len(data):
            raise ValueError("it ends within a box")
        yield Box(name, slice(offset + start, offset + length), slice(offset, offset + length))
        offset += length
    raise ValueError(f"it has more than {_MOST} boxes")


def pack(name: bytes, content: bytes) -> bytes:
    """Return a box of at most 4 GB."""
    return struct.pack(">I4s", 8 + len(content), name) + content
