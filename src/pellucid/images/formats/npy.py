"""NumPy's array files. Nothing in them is ever unpickled."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, one_line
from pellucid.images.formats.picture import Form, Limits, Picture, Size
from pellucid.images.formats.source import Source, decoding

LONGEST_HEADER = 2**16
"""Bytes at the start of a file that `parse_header` is given."""


def read_array(path: Path) -> NDArray[Any]:
    """Open a .npy file of any shape memory-mapped.

    Raises
    ------
    PellucidError
        If it is not such a file, is truncated, or holds Python objects.
    """
    try:
        with path.open("rb") as file:
            parse_header(file.read(LONGEST_HEADER))
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        reason = one_line(" ".join(str(error).split())).rstrip(".")
        raise PellucidError(f"{one_line(path)} is not a NumPy array file that pellucid reads: {reason}.") from error


def parse_header(start: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return shape, whether columns come first, dtype, and where the data starts, from the first bytes of a file.

    A header may claim a length of 4 GB, which NumPy would read; so it is given `LONGEST_HEADER` bytes, not the file.

    Raises
    ------
    ValueError, EOFError
        If they are not such a header.
    """
    file = io.BytesIO(start)
    major, _ = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, columns_first, dtype = read_header(file)
    return shape, columns_first, dtype, file.tell()


def _header(source: Source, limits: Limits) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    source.file.seek(0)
    shape, columns_first, dtype, offset = parse_header(source.file.read(LONGEST_HEADER))
    if dtype.hasobject:
        raise PellucidError(f"{source.name} holds Python objects; expected numbers. Save it with a numeric type.")
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 2, 3, 4)):
        raise PellucidError(
            f"{source.name} has the shape {shape}; expected (height, width) or (height, width, channels) with 1 to 4 "
            "channels. Save one image in a file."
        )
    limits.check_size(source.name, shape[1], shape[0])
    if not (dtype == np.bool_ or dtype.newbyteorder("=") in (np.uint8, np.uint16) or dtype.kind == "f"):
        raise PellucidError(
            f"{source.name} has the type {dtype}; expected bool, uint8, uint16, or floats in [0, 1]. Convert it first."
        )
    return shape, columns_first, dtype, offset


def size(source: Source, limits: Limits) -> Size:
    """Return the size from the header."""
    with decoding(source.name):
        shape, columns_first, dtype, _ = _header(source, limits)
    colours = 3 if len(shape) == 3 and shape[2] > 2 else 1
    return Size(shape[0], shape[1], colours, dtype.itemsize, not columns_first and dtype.isnative)


def read(source: Source, limits: Limits) -> Picture:
    """Read one image; from a path, it is memory-mapped and read-only. The byte order becomes the machine's."""
    with decoding(source.name):
        shape, _, dtype, offset = _header(source, limits)
        if source.size < offset + int(np.prod(shape)) * dtype.itemsize:
            raise ValueError("it ends too early")
        if source.path is not None:
            array = np.load(source.path, mmap_mode="r", allow_pickle=False)
        else:
            array = np.load(io.BytesIO(source.read()), allow_pickle=False)
        if array.shape != shape:
            raise ValueError("it changed while it was read")
    return Picture((array.astype(array.dtype.newbyteorder("="), copy=False),), Form(kind="NPY"))


def encode(picture: Picture) -> bytes:
    """Return the file's bytes."""
    buffer = io.BytesIO()
    np.save(buffer, picture.pages[0], allow_pickle=False)
    return buffer.getvalue()
