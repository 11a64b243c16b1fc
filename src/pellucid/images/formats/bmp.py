"""BMP: 1-bit, palette, gray, RGB and RGBA; read by Pillow, and written by it but for RGBA.

Files of 16 bits a pixel (5 or 6 a colour) come back with 24, and a palette with 8 bits an index.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.images.formats.metadata import checked_dpi
from pellucid.images.formats.palette import requantise, resolve
from pellucid.images.formats.picture import Form, Limits, Picture, channels, squeezed
from pellucid.images.formats.source import Source, decoding

if TYPE_CHECKING:
    from PIL.BmpImagePlugin import BmpImageFile

_ACCEPTED = {"1": 1, "L": 1, "P": 3, "RGB": 3, "RGBA": 3}
_INCHES = 0.0254


def _open(source: Source, limits: Limits) -> BmpImageFile:
    from PIL.BmpImagePlugin import BmpImageFile

    source.file.seek(0)
    opened = BmpImageFile(source.file)
    limits.check_size(source.name, opened.width, opened.height)
    if opened.mode not in _ACCEPTED:
        raise PellucidError(f"{source.name} has the colour mode {opened.mode}; expected gray or RGB. Convert it first.")
    return opened


def size(source: Source, limits: Limits) -> tuple[int, int, int]:
    """Return height, width and colour channels from the header."""
    with decoding(source.name):
        opened = _open(source, limits)
        return opened.height, opened.width, _ACCEPTED[opened.mode]


def read(source: Source, limits: Limits) -> Picture:
    """Read a BMP."""
    with decoding(source.name):
        opened = _open(source, limits)
        page = np.array(opened)
        bits = None
        if opened.mode == "P":
            bits = 8
            page = resolve(page, np.asarray(opened.getpalette("RGB"), np.uint8).reshape(-1, 3))
        dpi = checked_dpi(*opened.info.get("dpi", (0, 0)))
    return Picture((page,), Form(kind="BMP", palette_bits=bits, dpi=dpi))


def encode(picture: Picture) -> bytes:
    """Return the file's bytes; the one page is bool or uint8, gray, RGB or RGBA."""
    from PIL import Image as pillow

    form, page = picture.form, squeezed(picture.pages[0])
    if channels(page) == 4:
        return _encode_alpha(page, form.dpi)
    image = pillow.fromarray(page)
    if form.palette_bits and channels(page) == 3:
        indices, colours = requantise(page, 2**form.palette_bits)
        # From the last to the first, and at least two: a rising ramp of grays would be read as no palette.
        image = pillow.fromarray(len(colours) - 1 - indices).convert("P")
        image.putpalette(np.concatenate([colours[::-1], colours[:1]])[:256].tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "BMP", **({"dpi": form.dpi} if form.dpi else {}))
    return buffer.getvalue()


def _encode_alpha(page: NDArray[Any], dpi: tuple[float, float] | None) -> bytes:
    """Write the header of version 4, which says that there is alpha; Pillow's does not."""
    height, width = page.shape[:2]
    x, y = (round(value / _INCHES) for value in dpi or (0, 0))
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    srgb = 0x73524742
    header = struct.pack("<IiiHHIIiiII4II48x", 108, width, height, 1, 32, 3, page.size, x, y, 0, 0, *masks, srgb)
    start = struct.pack("<2sIHHI", b"BM", 14 + len(header) + page.size, 0, 0, 14 + len(header))
    return start + header + page[::-1, :, [2, 1, 0, 3]].tobytes()
