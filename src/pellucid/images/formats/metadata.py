"""What belongs to an image besides its pixels: EXIF and XMP with the orientation, resolution, colour profile.

The orientation is applied to the pixels, taken out of the EXIF, and set to 1 in the XMP.
"""

from __future__ import annotations

import re
import warnings
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.images.formats.picture import Form

ORIENTATION = 0x0112
LARGEST_EXIF = 2**16 - 64
"""More than a JPEG segment holds is not camera data; it is dropped."""
LARGEST_ICC = 2**22
"""A larger profile is refused, not dropped: without it the image would look different."""

LARGEST_XMP = 2**22
"""A larger packet is dropped."""

_PREFIX = b"Exif\0\0"
_IN_XMP = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)([1-8])(?=\s*["'<])""")
_T = TypeVar("_T")


class Upright(NamedTuple):
    """The orientation (1..8) in which a page is stored, the EXIF and XMP of it when it is turned, and what is lost."""

    orientation: int
    exif: bytes | None
    xmp: bytes | None
    notes: tuple[str, ...]


def upright(exif: bytes | None, xmp: bytes | None = None) -> Upright:
    """Take the orientation out of EXIF and XMP; that of the EXIF counts if it has one.

    The thumbnail is taken out of the EXIF, too. EXIF that cannot be parsed, and what is larger than `LARGEST_EXIF` or
    `LARGEST_XMP`, is dropped: the pixels are complete without it.
    """
    notes = []
    try:
        orientation, exif = _split_exif(exif)
    except ValueError:
        orientation, exif = None, None
        notes.append("the camera's data (EXIF) is damaged or too large: it is not kept")
    if xmp and len(xmp) > LARGEST_XMP:
        xmp = None
        notes.append("the XMP is too large: it is not kept")
    if xmp:
        said = _IN_XMP.search(xmp)
        if orientation is None and said:
            orientation = int(said[2])
        xmp = _IN_XMP.sub(rb"\g<1>1", xmp)
    return Upright(orientation or 1, exif, xmp or None, tuple(notes))


def _split_exif(raw: bytes | None) -> tuple[int | None, bytes | None]:
    """Return the orientation (1..8) if there is one, and the rest or None if nothing is left.

    Raises
    ------
    ValueError
        If it is too large, or cannot be parsed.
    """
    if not raw:
        return None, None
    if len(raw) > LARGEST_EXIF:
        raise ValueError("too large")
    from PIL import Image as pillow

    exif = pillow.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what it cannot parse
            exif.load(raw if raw.startswith(_PREFIX) else _PREFIX + raw)
            orientation = exif.pop(ORIENTATION, None)
            cleaned = exif.tobytes().removeprefix(_PREFIX) if len(exif) else None
    except MemoryError:
        raise
    except Exception as error:  # parsing hostile bytes raises nearly anything
        raise ValueError("damaged") from error
    if cleaned and len(cleaned) > LARGEST_EXIF:
        raise ValueError("too large")
    return (orientation if orientation in range(1, 9) else None), cleaned


def checked_dpi(x: float, y: float) -> tuple[float, float] | None:
    """Return a resolution that every kind of file can hold, or None."""
    return (x, y) if all(1 <= value < 2**16 for value in (x, y)) else None


def checked_icc(name: str, icc: bytes | None) -> bytes | None:
    """Return the profile, None if it is empty.

    Raises
    ------
    PellucidError
        If it is larger than `LARGEST_ICC`.
    """
    if icc and len(icc) > LARGEST_ICC:
        raise PellucidError(
            f"{name} has an ICC profile of {len(icc)} bytes; expected at most {LARGEST_ICC}. Remove or replace it."
        )
    return icc or None


def pillow_options(form: Form) -> dict[str, Any]:
    """Return the metadata of a form as options for Pillow's `save`; a format ignores those it has no place for."""
    exif = _PREFIX + form.exif if form.exif else None
    options = {"dpi": form.dpi, "icc_profile": form.icc, "exif": exif, "xmp": form.xmp}
    return {name: value for name, value in options.items() if value}


def turned(page: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return the page as the EXIF orientation (1..8) says that it is to be seen (EXIF 2.3, section 4.6.4)."""
    if orientation >= 5:
        page = page.swapaxes(0, 1)
    # Once the axes are exchanged, 5..8 need these flips of rows and columns, too.
    if orientation in (3, 4, 7, 8):
        page = page[::-1]
    if orientation in (2, 3, 6, 7):
        page = page[:, ::-1]
    return np.ascontiguousarray(page)


def swapped(pair: tuple[_T, _T], orientation: int) -> tuple[_T, _T]:
    """Return (width, height), or two values that belong to them, as they are once the page is turned."""
    return pair[::-1] if orientation >= 5 else pair


def upright_dpi(dpi: tuple[float, float] | None, orientation: int) -> tuple[float, float] | None:
    """Return the resolution of the turned page."""
    return swapped(dpi, orientation) if dpi else None
