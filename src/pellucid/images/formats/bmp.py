"""BMP: 1-bit, palette, gray, RGB and RGBA; read and written by Pillow.

Pillow writes no alpha channel, so RGBA is written only where nothing is transparent, as RGB. Files of 16 bits a pixel
(5 or 6 a colour) come back with 24.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pellucid.images.formats import palette
from pellucid.images.formats.metadata import checked_dpi, pillow_options
from pellucid.images.formats.picture import Form, Limits, Picture, Size, squeezed, without_idle_alpha
from pellucid.images.formats.source import Source, decoding, open_with

if TYPE_CHECKING:
    from PIL.BmpImagePlugin import BmpImageFile

_ACCEPTED = {"1": 1, "L": 1, "P": 3, "RGB": 3, "RGBA": 3}  # colour channels by Pillow's mode


def _open(source: Source, limits: Limits) -> BmpImageFile:
    from PIL.BmpImagePlugin import BmpImageFile

    return open_with(BmpImageFile, source, limits, _ACCEPTED)


def _colours(opened: BmpImageFile) -> NDArray[np.uint8]:
    """Return the palette (N, 3), which Pillow has read with the header."""
    stored = opened.palette
    if stored is None or stored.rawmode not in ("BGR", "BGRX"):
        raise ValueError("its palette is missing")
    return np.frombuffer(bytes(stored.palette), np.uint8).reshape(-1, len(stored.rawmode))[:, 2::-1]


def size(source: Source, limits: Limits) -> Size:
    """Return the size from the header."""
    with decoding(source.name):
        opened = _open(source, limits)
        gray = opened.mode == "P" and palette.is_gray(_colours(opened))
        return Size(opened.height, opened.width, 1 if gray else _ACCEPTED[opened.mode])


def read(source: Source, limits: Limits) -> Picture:
    """Read a BMP."""
    with decoding(source.name):
        opened = _open(source, limits)
        notes: tuple[str, ...] = ()
        if opened.mode == "P":
            colours = _colours(opened)  # before the pixels: they use the palette up
            page, notes = palette.resolve(np.array(opened), colours), (palette.note(colours),)
        else:
            page = without_idle_alpha(np.array(opened))
        dpi = checked_dpi(*opened.info.get("dpi", (0, 0)))
    return Picture((page,), Form(kind="BMP", dpi=dpi, notes=notes))


def encode(picture: Picture) -> bytes:
    """Return the file's bytes; the one page is bool or uint8, gray or RGB."""
    from PIL import Image as pillow

    buffer = io.BytesIO()
    pillow.fromarray(squeezed(picture.pages[0])).save(buffer, "BMP", **pillow_options(picture.form))
    return buffer.getvalue()
