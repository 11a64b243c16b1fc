"""WebP: 8 bits, RGB or RGBA, lossy or lossless, read and written by Pillow (libwebp).

The chunks are checked here first, since Pillow's decoder allocates memory for the whole image when it opens a file
(format: https://developers.google.com/speed/webp/docs/riff_container).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.images.formats.metadata import (
    LARGEST_EXIF,
    LARGEST_ICC,
    LARGEST_XMP,
    checked_icc,
    pillow_options,
    swapped,
    turned,
    upright,
)
from pellucid.images.formats.picture import Form, Limits, Picture, Size, squeezed, without_idle_alpha
from pellucid.images.formats.source import Source, animated, decoding

QUALITY = 95
"""Of lossy files: they do not say what quality they were made with."""


@dataclass(frozen=True)
class WebpForm:
    """Whether the file is lossless."""

    lossless: bool


@dataclass(frozen=True)
class _Header:
    width: int
    height: int
    lossless: bool
    icc: bytes | None
    exif: bytes | None
    xmp: bytes | None


def _header(source: Source, limits: Limits) -> _Header:
    """Walk over the chunks of the RIFF file."""
    source.file.seek(4)
    end = 8 + struct.unpack("<I", source.file.read(4))[0]
    if end > source.size:
        raise ValueError("it ends too early")
    seen: dict[bytes, bytes] = {}
    largest = {b"ICCP": LARGEST_ICC, b"EXIF": LARGEST_EXIF, b"XMP ": LARGEST_XMP}
    frames = 0
    offset = 12
    while offset + 8 <= end:
        source.file.seek(offset)
        name, length = struct.unpack("<4sI", source.file.read(8))
        if offset + 8 + length > end:
            raise ValueError("it ends within a chunk")
        frames += name == b"ANMF"
        if name == b"ICCP" and length > LARGEST_ICC:
            checked_icc(source.name, bytes(length))
        if name in (b"VP8 ", b"VP8L", b"VP8X"):
            seen.setdefault(name, source.file.read(min(length, 10)))
        elif length <= largest.get(name, -1):
            seen.setdefault(name, source.file.read(length))
        offset += 8 + length + length % 2
    if frames:
        raise animated(source.name, frames)
    sizes = [_frame(name, start) for name, start in seen.items() if name in (b"VP8 ", b"VP8L")]
    if len(sizes) != 1 or (b"VP8X" in seen and _canvas(seen[b"VP8X"]) != sizes[0]):
        raise ValueError("it does not hold one image")
    limits.check_size(source.name, *sizes[0])
    return _Header(*sizes[0], b"VP8L" in seen, seen.get(b"ICCP"), seen.get(b"EXIF"), seen.get(b"XMP "))


def _canvas(start: bytes) -> tuple[int, int]:
    return 1 + int.from_bytes(start[4:7], "little"), 1 + int.from_bytes(start[7:10], "little")


def _frame(name: bytes, start: bytes) -> tuple[int, int]:
    if name == b"VP8L":
        bits = int.from_bytes(start[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(start[6:8], "little") & 0x3FFF, int.from_bytes(start[8:10], "little") & 0x3FFF


def size(source: Source, limits: Limits) -> Size:
    """Return the size from the headers: WebP has no gray."""
    with decoding(source.name):
        header = _header(source, limits)
    height, width = swapped((header.height, header.width), upright(header.exif, header.xmp).orientation)
    return Size(height, width, 3)


def read(source: Source, limits: Limits) -> Picture:
    """Read a WebP; an animated one is refused."""
    with decoding(source.name):
        header = _header(source, limits)
        from PIL.WebPImagePlugin import WebPImageFile

        with WebPImageFile(io.BytesIO(source.read())) as opened:
            page = np.array(opened.convert("RGB") if opened.mode == "RGBX" else opened)
        page = without_idle_alpha(page)  # libwebp would not write it
        if page.shape[:2] != (header.height, header.width):
            raise ValueError("its headers contradict each other")
    orientation, exif, xmp, lost = upright(header.exif, header.xmp)
    icc = checked_icc(source.name, header.icc)
    form = Form(kind="WEBP", icc=icc, exif=exif, xmp=xmp, extra=WebpForm(header.lossless), notes=lost)
    return Picture((turned(page, orientation),), form)


def encode(picture: Picture) -> bytes:
    """Return the file's bytes; the one page is uint8. Gray comes back as three equal channels."""
    from PIL import Image as pillow

    form = picture.form
    lossless = isinstance(form.extra, WebpForm) and form.extra.lossless
    options: dict[str, Any] = {"lossless": True} if lossless else {"quality": QUALITY}
    buffer = io.BytesIO()
    pillow.fromarray(squeezed(picture.pages[0])).save(buffer, "WEBP", exact=True, **options, **pillow_options(form))
    return buffer.getvalue()
