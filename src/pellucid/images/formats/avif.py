"""AVIF of 8 bits: gray, RGB or RGBA, read and written by Pillow (libavif), which checks the size before it decodes.

A file does not say what quality it was made with.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pellucid.images.formats.metadata import checked_icc, pillow_options, swapped, turned, upright
from pellucid.images.formats.picture import Form, Limits, Picture, Size, squeezed
from pellucid.images.formats.source import Source, animated, decoding, open_with, unsupported

if TYPE_CHECKING:
    from PIL.AvifImagePlugin import AvifImageFile

QUALITY = 95
_MODES = {"L": 1, "RGB": 3, "RGBA": 3}  # colour channels by Pillow's mode
_CONFIGURATION = re.compile(rb"av1C..(.)", re.DOTALL)
_DEEP, _DEEPER, _HALF_WIDTH, _HALF_HEIGHT = 0x40, 0x20, 0x08, 0x04  # flags in it
_LONGEST_HEADER = 2**20


@dataclass(frozen=True)
class AvifForm:
    """The chroma subsampling, in Pillow's words."""

    subsampling: str


def _open(source: Source, limits: Limits) -> tuple[AvifImageFile, AvifForm]:
    from PIL import AvifImagePlugin

    if not AvifImagePlugin.SUPPORTED:
        raise unsupported(source.name, "AVIF: this Pillow was built without it")
    source.file.seek(0)
    said = _CONFIGURATION.search(source.file.read(_LONGEST_HEADER))
    flags = said[1][0] if said else 0
    if flags & _DEEP:
        raise unsupported(source.name, f"AVIF of {12 if flags & _DEEPER else 10} bits; expected 8")
    opened = open_with(AvifImagePlugin.AvifImageFile, source, limits, _MODES)
    if opened.n_frames != 1:
        raise animated(source.name, opened.n_frames)
    height = "2:0" if flags & _HALF_HEIGHT else "2:2"
    return opened, AvifForm(f"4:{height}" if flags & _HALF_WIDTH else "4:4:4")


def size(source: Source, limits: Limits) -> Size:
    """Return the size from the headers."""
    with decoding(source.name):
        opened, _ = _open(source, limits)
        orientation = upright(opened.info.get("exif"), opened.info.get("xmp")).orientation
        return Size(*swapped((opened.height, opened.width), orientation), _MODES[opened.mode])


def read(source: Source, limits: Limits) -> Picture:
    """Read an AVIF; an animated one is refused, and one of more than 8 bits."""
    with decoding(source.name):
        opened, own = _open(source, limits)
        orientation, exif, xmp, lost = upright(opened.info.get("exif"), opened.info.get("xmp"))
        icc = checked_icc(source.name, opened.info.get("icc_profile"))
        page = np.array(opened)
    form = Form(kind="AVIF", icc=icc, exif=exif, xmp=xmp, extra=own, notes=lost)
    return Picture((turned(page, orientation),), form)


def encode(picture: Picture) -> bytes:
    """Return the file's bytes; the one page is uint8."""
    from PIL import Image as pillow

    own = picture.form.extra if isinstance(picture.form.extra, AvifForm) else AvifForm("4:4:4")
    image = pillow.fromarray(squeezed(picture.pages[0]))
    subsampling = "4:0:0" if image.mode == "L" else own.subsampling
    buffer = io.BytesIO()
    image.save(buffer, "AVIF", quality=QUALITY, subsampling=subsampling, **pillow_options(picture.form))
    return buffer.getvalue()
