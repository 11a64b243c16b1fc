"""The IDX format of MNIST: a magic number, the sizes, then bytes; gzipped or not."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file of bytes: images (count, height, width) or labels (count,), uint8.

    Raises
    ------
    PellucidError
        If the file is missing, not IDX, of another type than bytes, truncated, or longer than its header says.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            return _parse(cast(BinaryIO, file), path)
    except (OSError, EOFError, zlib.error) as error:
        raise PellucidError(f"cannot read {path} as an IDX file: {error}.") from error


def _parse(file: BinaryIO, path: Path) -> NDArray[np.uint8]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] != 8 or magic[3] not in (1, 3):
        raise PellucidError(f"{path} is not an IDX file of images or labels in bytes; it begins with {magic!r}.")
    header = file.read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        raise PellucidError(f"{path} is truncated within its header.")
    shape = struct.unpack(f">{magic[3]}I", header)
    expected = math.prod(shape)
    chunks, got = [], 0
    while got <= expected and (chunk := file.read(2**20)):  # in pieces: the header may lie
        chunks.append(chunk)
        got += len(chunk)
    if got != expected:
        more = "more" if got > expected else f"{got:,}"
        raise PellucidError(f"{path} says it holds {expected:,} bytes of data, but holds {more}. Get it again.")
    return np.frombuffer(b"".join(chunks), dtype=np.uint8).reshape(shape)
