"""GIF, read by Pillow: a still becomes a PNG, since 256 colours do not hold a denoised image.

Format: https://www.w3.org/Graphics/GIF/spec-gif89a.txt
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pellucid.images.formats import palette
from pellucid.images.formats.picture import Form, Limits, Picture, Size
from pellucid.images.formats.png import PngForm
from pellucid.images.formats.source import Source, animated, decoding, open_with

if TYPE_CHECKING:
    from PIL.GifImagePlugin import GifImageFile

NOTE = "a GIF is written as PNG, since it holds no more than 256 colours"
_MODES = ("L", "P")  # Pillow's
_EXTENSION, _IMAGE, _END = b"\x21", b"\x2c", b"\x3b"


def _frames(source: Source, limits: Limits) -> int:
    """Walk over the blocks and return the number of images; the whole must hold each of them."""
    file = source.file
    file.seek(6)
    whole_width, whole_height = struct.unpack("<HH", file.read(4))
    _skip_colours(source)
    file.seek(2, io.SEEK_CUR)
    frames = 0
    while (block := file.read(1)) != _END and not (frames and not block):  # the last one is often missing
        if block == _EXTENSION:
            file.seek(1, io.SEEK_CUR)
        elif block == _IMAGE:
            frames += 1
            left, top, width, height = struct.unpack("<4H", file.read(8))
            limits.check_size(source.name, max(whole_width, left + width), max(whole_height, top + height))
            _skip_colours(source)
            file.seek(1, io.SEEK_CUR)
        else:
            raise ValueError("it ends before its last block" if not block else "it has an unknown block")
        while length := file.read(1)[0]:
            file.seek(length, io.SEEK_CUR)
    return frames


def _skip_colours(source: Source) -> None:
    """Read the byte that says whether a palette follows and how long it is, and skip the palette."""
    flags = source.file.read(1)[0]
    if flags & 0x80:
        source.file.seek(3 * 2 ** (1 + (flags & 7)), io.SEEK_CUR)


def _open(source: Source, limits: Limits) -> GifImageFile:
    from PIL.GifImagePlugin import GifImageFile

    try:
        frames = _frames(source, limits)
    except (IndexError, struct.error) as error:  # of an empty read
        raise ValueError("it ends within a block") from error
    if frames != 1:
        raise animated(source.name, frames)
    return open_with(GifImageFile, source, limits, _MODES)


def _colours(opened: GifImageFile) -> NDArray[np.uint8]:
    """Return the palette (256, 3), as gray where Pillow does without one, and black where it ends."""
    if opened.mode == "L" or opened.palette is None:
        return np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    stored = np.frombuffer(bytes(opened.palette.palette), np.uint8).reshape(-1, 3)
    return np.pad(stored, ((0, 256 - len(stored)), (0, 0)))


def size(source: Source, limits: Limits) -> Size:
    """Return the size from the headers."""
    with decoding(source.name):
        opened = _open(source, limits)
        return Size(opened.height, opened.width, 1 if palette.is_gray(_colours(opened)) else 3)


def read(source: Source, limits: Limits) -> Picture:
    """Read a still; one with several frames is refused."""
    with decoding(source.name):
        opened = _open(source, limits)
        colours = _colours(opened)
        indices = np.array(opened)
        clear = opened.info.get("transparency")
        if isinstance(clear, int) and (indices == clear).any():
            alpha = np.where(np.arange(256) == clear, 0, 255).astype(np.uint8)
            colours = np.column_stack([colours, alpha])
        page = palette.resolve(indices, colours)
        comment = bytes(opened.info.get("comment", b""))
    texts = ((b"tEXt", b"Comment\0" + comment),) if comment else ()
    return Picture((page,), Form(kind="PNG", extra=PngForm(texts), notes=(NOTE,)))
