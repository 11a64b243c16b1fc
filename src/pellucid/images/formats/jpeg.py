"""JPEG: 8 bits, gray or RGB, read and written by Pillow (libjpeg-turbo).

Further pictures in the file (previews, depth maps) are dropped. A file is written with the quantisation tables and the
chroma subsampling that it came with, so its quality stays the same.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.images.formats.metadata import (
    checked_dpi,
    checked_icc,
    pillow_options,
    split_exif,
    swapped,
    turned,
    upright_dpi,
)
from pellucid.images.formats.picture import Form, Limits, Picture, Size, squeezed
from pellucid.images.formats.source import Source, decoding, open_with

if TYPE_CHECKING:
    from PIL.JpegImagePlugin import JpegImageFile

QUALITY = 95
"""Of images that came from another kind of file."""
_ACCEPTED = {"L": 1, "RGB": 3}  # colour channels by Pillow's mode
_END = b"\xff\xd9"


@dataclass(frozen=True)
class JpegForm:
    """How a JPEG was compressed: its quantisation tables, chroma subsampling, and how it is stored."""

    tables: dict[int, list[int]] = field(repr=False)
    subsampling: int
    progressive: bool = False
    keep_rgb: bool = False


def _open(source: Source, limits: Limits) -> JpegImageFile:
    from PIL.JpegImagePlugin import JpegImageFile

    return open_with(JpegImageFile, source, limits, _ACCEPTED)


def size(source: Source, limits: Limits) -> Size:
    """Return the size from the header."""
    with decoding(source.name):
        opened = _open(source, limits)
        orientation, _ = split_exif(opened.info.get("exif"))
        height, width = swapped((opened.height, opened.width), orientation)
        return Size(height, width, _ACCEPTED[opened.mode])


def read(source: Source, limits: Limits) -> Picture:
    """Read a gray or RGB JPEG; CMYK, YCCK and 12 bits are refused."""
    with decoding(source.name):
        opened = _open(source, limits)
        info = opened.info
        orientation, exif = split_exif(info.get("exif"))
        form = Form(
            kind="JPEG",
            dpi=upright_dpi(checked_dpi(*map(float, info.get("dpi", (0, 0)))), orientation),
            icc=checked_icc(source.name, info.get("icc_profile")),
            exif=exif,
            extra=_compression(opened),
        )
        page = np.array(opened)
        source.file.seek(0)
        if _END not in source.read()[-(2**25) :]:
            raise ValueError("its end is missing")
    return Picture((turned(page, orientation),), form)


def _compression(opened: JpegImageFile) -> JpegForm:
    from PIL.JpegImagePlugin import get_sampling

    info = opened.info
    return JpegForm(
        tables={index: list(table) for index, table in opened.quantization.items()},
        subsampling=get_sampling(opened),
        progressive=bool(info.get("progressive")),
        keep_rgb=opened.mode == "RGB" and info.get("adobe_transform") == 0,
    )


def encode(picture: Picture) -> bytes:
    """Return the file's bytes; the one page is uint8, gray or RGB."""
    from PIL import Image as pillow

    own = picture.form.extra
    image = pillow.fromarray(squeezed(picture.pages[0]))
    options: dict[str, Any] = {"quality": QUALITY, "subsampling": 0}
    if isinstance(own, JpegForm):
        options = {"progressive": own.progressive}
        # Tables of 16 bits are not written.
        if own.tables and all(0 < value < 256 for table in own.tables.values() for value in table):
            options |= {"qtables": own.tables}
        else:
            options |= {"quality": QUALITY}
        if image.mode == "RGB":
            options |= {"keep_rgb": True} if own.keep_rgb else {"subsampling": max(own.subsampling, 0)}
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options, **pillow_options(picture.form))
    return buffer.getvalue()
