"""JPEG XL of up to 16 bits or floats, in sRGB or gray, decoded and encoded by imagecodecs (libjxl).

It is written without loss, whatever it came as, with the EXIF, XMP and other boxes that it had.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.images.formats import boxes
from pellucid.images.formats.jpegxl_header import CODESTREAM, Header, read_header
from pellucid.images.formats.metadata import swapped
from pellucid.images.formats.picture import Form, Limits, Picture, Size, channels, squeezed
from pellucid.images.formats.source import Source, decoding, unsupported

SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
_OF_PIXELS = (b"JXL ", b"ftyp", b"jxll", b"jxli", b"jxlc", b"jxlp", b"jbrd")  # boxes that are made anew, or dropped


@dataclass(frozen=True)
class JpegXlForm:
    """The bits of a sample, and the boxes to keep."""

    bits: int
    boxes: bytes = field(default=b"", repr=False)


def _opened(source: Source, limits: Limits) -> tuple[Header, np.dtype[Any], JpegXlForm]:
    data = source.read()
    kept, start = b"", data
    if not data.startswith(CODESTREAM):
        every = list(boxes.walk(data))
        kept = b"".join(data[box.whole] for box in every if box.name not in _OF_PIXELS)
        # A codestream may be in parts, each after its number.
        skipped = {b"jxlc": 0, b"jxlp": 4}
        start = b"".join(data[box.content][skipped[box.name] :] for box in every if box.name in skipped)
    header = read_header(source.name, start)
    limits.check_size(source.name, header.width, header.height)
    if header.bits not in ((16, 32) if header.floating else range(1, 17)):
        kind = "floats" if header.floating else "integers"
        raise unsupported(source.name, f"JPEG XL of {kind} of {header.bits} bits; expected up to 16, or floats of 32")
    dtype = np.dtype(f"f{header.bits // 8}" if header.floating else f"u{1 if header.bits <= 8 else 2}")
    return header, dtype, JpegXlForm(header.bits, kept)


def size(source: Source, limits: Limits) -> Size:
    """Return the size from the headers."""
    with decoding(source.name):
        header, dtype, _ = _opened(source, limits)
    return Size(*swapped((header.height, header.width), header.orientation), header.colours, dtype.itemsize)


def read(source: Source, limits: Limits) -> Picture:
    """Read a JPEG XL; values are as they are stored, 0 to 4095 if there are 12 bits."""
    with decoding(source.name):
        header, dtype, own = _opened(source, limits)
        import imagecodecs

        page = squeezed(np.asarray(imagecodecs.jpegxl_decode(source.read(), numthreads=1)))
        expected = swapped((header.height, header.width), header.orientation)
        if (page.shape[:2], channels(page), page.dtype) != (expected, header.colours + header.alpha, dtype):
            raise ValueError("its headers contradict each other")
    return Picture((page,), Form(kind="JPEGXL", extra=own))


def encode(picture: Picture) -> bytes:
    """Return the file's bytes; the one page is uint8, uint16, float16 or float32."""
    import imagecodecs

    page, own = squeezed(picture.pages[0]), picture.form.extra
    bits = 8 * page.dtype.itemsize
    if isinstance(own, JpegXlForm) and page.dtype.kind == "u" and bits == (8 if own.bits <= 8 else 16):
        page, bits = np.minimum(page, 2**own.bits - 1), own.bits
    data = bytes(imagecodecs.jpegxl_encode(np.ascontiguousarray(page), lossless=True, bitspersample=bits, numthreads=1))
    if not isinstance(own, JpegXlForm) or not own.boxes:
        return data
    if data.startswith(CODESTREAM):
        return SIGNATURE + boxes.pack(b"ftyp", b"jxl \0\0\0\0jxl ") + own.boxes + boxes.pack(b"jxlc", data)
    return data + own.boxes
