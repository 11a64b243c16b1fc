"""JPEG: 8 bits, gray or RGB, read and written by Pillow (libjpeg-turbo).

A file is written with the quantisation tables and the chroma subsampling that it came with, so its quality stays the
same, and with its comments, XMP, IPTC and density. CMYK is brought to RGB by the profile in the file (by LittleCMS).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.images.formats.jpeg_segments import Segment, pack, read_segments, sort
from pellucid.images.formats.metadata import (
    checked_dpi,
    checked_icc,
    pillow_options,
    swapped,
    turned,
    upright,
    upright_dpi,
)
from pellucid.images.formats.picture import Form, Limits, Picture, Size, squeezed
from pellucid.images.formats.source import Source, decoding, open_with

if TYPE_CHECKING:
    from PIL.JpegImagePlugin import JpegImageFile

QUALITY = 95
"""Of images that came from another kind of file."""
_ACCEPTED = {"L": 1, "RGB": 3, "CMYK": 3}  # colour channels by Pillow's mode
_END = b"\xff\xd9"
_DENSITY = slice(13, 18)  # of a file that starts with a JFIF segment: the unit, and two numbers


@dataclass(frozen=True)
class JpegForm:
    """How a JPEG was compressed: its quantisation tables, chroma subsampling, and how it is stored.

    Attributes
    ----------
    density : of JFIF: its unit (0 none, 1 inch, 2 cm), and the horizontal and vertical pixels in it
    segments : to write back as they are
    """

    tables: dict[int, list[int]] = field(repr=False)
    subsampling: int
    progressive: bool = False
    keep_rgb: bool = False
    density: tuple[int, int, int] | None = None
    segments: tuple[Segment, ...] = field(default=(), repr=False)


def _open(source: Source, limits: Limits) -> JpegImageFile:
    from PIL.JpegImagePlugin import JpegImageFile

    return open_with(JpegImageFile, source, limits, _ACCEPTED)


def size(source: Source, limits: Limits) -> Size:
    """Return the size from the header."""
    with decoding(source.name):
        segments = read_segments(source)
        opened = _open(source, limits)
        orientation = upright(opened.info.get("exif"), sort(segments).xmp).orientation
        height, width = swapped((opened.height, opened.width), orientation)
        return Size(height, width, _ACCEPTED[opened.mode])


def read(source: Source, limits: Limits) -> Picture:
    """Read a JPEG of 8 bits."""
    with decoding(source.name):
        segments = sort(read_segments(source))
        opened = _open(source, limits)
        info = opened.info
        orientation, exif, xmp, lost = upright(info.get("exif"), segments.xmp)
        own, odd = _compression(opened, orientation)
        form = Form(
            kind="JPEG",
            dpi=upright_dpi(checked_dpi(*map(float, info.get("dpi", (0, 0)))), orientation),
            icc=checked_icc(source.name, info.get("icc_profile")),
            exif=exif,
            xmp=xmp,
            extra=replace(own, segments=segments.kept),
            notes=(*odd, *lost, *segments.notes),
        )
        if opened.mode == "CMYK":
            page, said = _from_cmyk(opened, form.icc)
            form = replace(form, icc=None, notes=(said, *form.notes))
        else:
            page = np.array(opened)
        source.file.seek(0)
        if _END not in source.read()[-(2**25) :]:
            raise ValueError("its end is missing")
    return Picture((turned(page, orientation),), form)


def _compression(opened: JpegImageFile, orientation: int) -> tuple[JpegForm, tuple[str, ...]]:
    """Return how the file is compressed, and what is said of that which is written otherwise."""
    from PIL.JpegImagePlugin import get_sampling

    info = opened.info
    density = None
    if "jfif_density" in info and "jfif_unit" in info:
        density = (info["jfif_unit"], *swapped(info["jfif_density"], orientation))
    own = JpegForm(
        tables={index: list(table) for index, table in opened.quantization.items()},
        subsampling=get_sampling(opened),
        progressive=bool(info.get("progressive")),
        keep_rgb=opened.mode == "RGB" and info.get("adobe_transform") == 0,
        density=density,
    )
    notes = []
    if opened.mode == "RGB" and own.subsampling < 0:
        notes.append("its unusual subsampling of colours is not kept: they are written in full")
    if not _writable(own.tables):
        notes.append(f"its quantisation tables of 16 bits are not kept: it is written with quality {QUALITY}")
    return own, tuple(notes)


def _writable(tables: dict[int, list[int]]) -> bool:
    return all(0 < value < 256 for table in tables.values() for value in table)


def _from_cmyk(opened: JpegImageFile, icc: bytes | None) -> tuple[NDArray[np.uint8], str]:
    """Return the page as RGB, and what is said of that; a profile that does not work is left aside."""
    from PIL import ImageCms

    if icc:
        try:
            profiles = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
            page = ImageCms.profileToProfile(opened, *profiles, outputMode="RGB")
        except ImageCms.PyCMSError:
            pass
        else:
            return np.array(page), "CMYK is written as RGB (sRGB), by the profile in the file"
    return np.array(opened.convert("RGB")), "CMYK is written as RGB: without a profile, its colours are a guess"


def encode(picture: Picture) -> bytes:
    """Return the file's bytes; the one page is uint8, gray or RGB."""
    from PIL import Image as pillow

    own = picture.form.extra
    image = pillow.fromarray(squeezed(picture.pages[0]))
    options: dict[str, Any] = {"quality": QUALITY, "subsampling": 0}
    if isinstance(own, JpegForm):
        options = {"progressive": own.progressive}
        # Tables of 16 bits are not written.
        if own.tables and _writable(own.tables):
            options |= {"qtables": own.tables}
        else:
            options |= {"quality": QUALITY}
        if image.mode == "RGB":
            options |= {"keep_rgb": True} if own.keep_rgb else {"subsampling": max(own.subsampling, 0)}
    options |= pillow_options(replace(picture.form, xmp=None))
    segments = own.segments if isinstance(own, JpegForm) else ()
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", extra=pack(picture.form.xmp, segments), **options)
    if isinstance(own, JpegForm) and own.density and buffer.getvalue()[6:10] == b"JFIF":
        buffer.getbuffer()[_DENSITY] = struct.pack(">BHH", *own.density)
    return buffer.getvalue()
