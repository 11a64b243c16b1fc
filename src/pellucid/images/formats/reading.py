"""From a file to its pages and its form."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from pellucid.common import PellucidError, one_line
from pellucid.images.formats import (
    avif,
    bmp,
    dicom,
    fits,
    gif,
    jpeg,
    jpeg2000,
    jpegxl,
    mrc,
    npy,
    npz,
    png,
    pnm,
    tiff,
    webp,
    zarr,
)
from pellucid.images.formats.picture import Limits, Picture, Size
from pellucid.images.formats.source import Source, open_source

_LIMITS = Limits()
_READ: dict[str, Callable[[Source, Limits], Picture]] = {
    "PNG": png.read,
    "JPEG": jpeg.read,
    "TIFF": tiff.read,
    "WEBP": webp.read,
    "BMP": bmp.read,
    "PNM": pnm.read,
    "GIF": gif.read,
    "AVIF": avif.read,
    "JPEG2000": jpeg2000.read,
    "JPEGXL": jpegxl.read,
    "DICOM": dicom.read,
    "FITS": fits.read,
    "MRC": mrc.read,
}
_READ_ARRAY = {"NPY": npy.read, "NPZ": npz.read, "ZARR": zarr.read}
_SIZE: dict[str, Callable[[Source, Limits], Size]] = {
    "PNG": png.size,
    "JPEG": jpeg.size,
    "WEBP": webp.size,
    "BMP": bmp.size,
    "PNM": pnm.size,
    "GIF": gif.size,
    "AVIF": avif.size,
    "JPEG2000": jpeg2000.size,
    "JPEGXL": jpegxl.size,
}
_SIZES: dict[str, Callable[[Source, Limits], list[Size]]] = {
    "TIFF": tiff.size,
    "DICOM": dicom.size,
    "FITS": fits.size,
    "MRC": mrc.size,
}
_ARRAY_SIZES = {"NPY": npy.size, "NPZ": npz.size, "ZARR": zarr.size}


def read_picture(
    source: str | os.PathLike[str] | bytes,
    *,
    limits: Limits = _LIMITS,
    name: str | None = None,
    axes: str | None = None,
) -> Picture:
    """Read an image file, with all that is needed to write it back as it came.

    Parameters
    ----------
    source : the path of a regular file, or a file's bytes; its kind is recognised by its content, not by its name
    limits : the most that it may claim to hold, checked before anything is decoded
    name : what error messages call it; the path by default
    axes : those of an array (.npy, .npz), as `images.axes` spells them; None guesses them by its shape

    Returns
    -------
    Picture. Its pages are upright: an orientation is applied to the pixels and not kept. Where 0 is white in a TIFF,
    and where PGM or PPM have another largest value than their type, values are brought to the whole range from black
    to white, and back by `write_picture`. Planes of a stack, and samples of a TIFF that are neither colours nor alpha,
    are pages (see `tiff.TiffForm`). Palettes are resolved to RGB or gray, 2 and 4 bits of gray are spread over uint8, a
    colour that stands for transparent becomes an alpha channel: `form.notes` says what is not written back.

    Raises
    ------
    PellucidError
        If it is missing, not a regular file, damaged, truncated, larger than the limits, animated, or of a kind, a
        colour mode or a type of numbers that pellucid does not read; if an array has other axes than `axes`.
    """
    with open_source(source, limits, name) as opened:
        if opened.kind in _READ_ARRAY:
            return _READ_ARRAY[opened.kind](opened, limits, axes)
        return _READ[opened.kind](opened, limits)


def read_image(path: str | os.PathLike[str], limits: Limits = _LIMITS) -> NDArray[Any]:
    """Read an image file of one page.

    Returns
    -------
    Its page as from `read_picture`: (H, W) gray or (H, W, C); bool, uint8, uint16 or float. From a .npy file it is
    memory-mapped and read-only.

    Raises
    ------
    PellucidError
        As `read_picture`, and if there are several pages.
    """
    picture = read_picture(path, limits=limits)
    if len(picture.pages) != 1:
        raise _several(one_line(path), len(picture.pages))
    return picture.pages[0]


def probe(source: str | os.PathLike[str] | bytes, limits: Limits = _LIMITS) -> tuple[int, int, int]:
    """Return (height, width, colour channels) of an image file of one page from its headers alone, as `measure`."""
    return measure(source, limits)[:3]


def measure(source: str | os.PathLike[str] | bytes, limits: Limits = _LIMITS, *, axes: str | None = None) -> Size:
    """Return the size of an image file of one page, and how it can be read, from its headers alone.

    Parameters
    ----------
    source, limits, axes : as in `read_picture`

    Raises
    ------
    PellucidError
        As `read_image`, for what the headers say.
    """
    pages = measure_pages(source, limits, axes=axes)
    if len(pages) != 1:
        raise _several(one_line("image" if isinstance(source, bytes) else source), len(pages))
    return pages[0]


def measure_pages(
    source: str | os.PathLike[str] | bytes, limits: Limits = _LIMITS, *, axes: str | None = None
) -> list[Size]:
    """Return the same for each page of an image file, in the order of `Picture.pages`.

    Raises
    ------
    PellucidError
        As `read_picture`, for what the headers say.
    """
    with open_source(source, limits) as opened:
        if opened.kind in _SIZE:
            return [_SIZE[opened.kind](opened, limits)]
        if opened.kind in _ARRAY_SIZES:
            return _ARRAY_SIZES[opened.kind](opened, limits, axes)
        return _SIZES[opened.kind](opened, limits)


def _several(name: str, pages: int) -> PellucidError:
    return PellucidError(f"{name} has {pages} pages; expected one image. Save a single page.")
