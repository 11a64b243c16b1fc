"""From pages and their form to a file, which is written whole or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, atomic, one_line
from pellucid.images.formats import avif, bmp, dicom, fits, jpeg, jpeg2000, jpegxl, mrc, npy, npz, png, pnm, tiff, webp
from pellucid.images.formats.dicom import DicomForm
from pellucid.images.formats.picture import Picture, channels
from pellucid.images.formats.raw import RawForm

_KINDS = {
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jfif": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".pgm": "PNM",
    ".ppm": "PNM",
    ".avif": "AVIF",
    ".jp2": "JPEG2000",
    ".j2k": "JPEG2000",
    ".jxl": "JPEGXL",
    ".dcm": "DICOM",
    ".fits": "FITS",
    ".fit": "FITS",
    ".fts": "FITS",
    ".mrc": "MRC",
    ".npy": "NPY",
    ".npz": "NPZ",
    ".zarr": "ZARR",
}
WRITTEN_AS = {".gif": ".png"}
"""The endings of files that are read only, each with that of the kind that holds what was read."""
SUFFIXES = (*(suffix for suffix, kind in _KINDS.items() if kind not in npy.ARRAYS), *WRITTEN_AS)
"""The endings of the names of image files that pellucid reads, besides those of arrays (.npy, .npz)."""

_ENCODE: dict[str, Callable[[Picture], bytes]] = {
    "PNG": png.encode,
    "JPEG": jpeg.encode,
    "WEBP": webp.encode,
    "BMP": bmp.encode,
    "PNM": pnm.encode,
    "AVIF": avif.encode,
    "JPEG2000": jpeg2000.encode,
    "JPEGXL": jpegxl.encode,
    "DICOM": dicom.encode,
    "FITS": fits.encode,
    "MRC": mrc.encode,
}
_WRITE = {"TIFF": tiff.write, "NPY": npy.write, "NPZ": npz.write}
_OWN = ("DICOM", "FITS", "MRC")
"""Kinds that are only written from what was read of a file of the kind: from its other data."""
_SINGLE = tuple(kind for kind in _ENCODE if kind not in _OWN)
_BYTES = {("uint8", 1), ("uint8", 3)}
_NUMBERS = (
    *(f"{kind}{bits}" for kind in ("uint", "int") for bits in (8, 16, 32, 64)),
    *("float16", "float32", "float64"),
)
_HOLDS = {  # the pairs of dtype and channels that a kind of file can hold
    "PNG": {("bool", 1), *((dtype, count) for dtype in ("uint8", "uint16") for count in (1, 2, 3, 4))},
    "TIFF": {("bool", 1), *((dtype, count) for dtype in _NUMBERS for count in (1, 2, 3, 4))},
    "WEBP": {("uint8", 4), *_BYTES},
    "AVIF": {("uint8", 4), *_BYTES},
    "JPEG2000": {(dtype, count) for dtype in ("uint8", "uint16", "int8", "int16") for count in (1, 2, 3, 4)},
    "JPEGXL": {(dtype, count) for dtype in ("uint8", "uint16", "float16", "float32") for count in (1, 2, 3, 4)},
    "BMP": {("bool", 1), *_BYTES},
    "JPEG": _BYTES,
    "PNM": {("bool", 1), ("uint16", 1), ("uint16", 3), *_BYTES},
}
_LONGEST_SIDE = {"JPEG": 65500, "WEBP": 16383, "AVIF": 16384}  # pixels; their encoders would complain on the terminal
_PROMISED = {".pgm": 1, ".ppm": 3}  # the channels that an ending promises


def write_picture(
    target: str | os.PathLike[str] | BinaryIO, picture: Picture, suffix: str | None = None, *, durable: bool = True
) -> None:
    """Write a picture in the form it came in, as far as the kind of file has a place for it (see `Form.notes`).

    Parameters
    ----------
    target : a path, which gets the whole file or stays as it was; or a binary stream, written to in one piece
    picture : its pages may be other arrays than those that were read, of the same type and channels
    suffix : chooses the kind of file, as '.png'; by default that of the path or, for a stream, the kind that was read
    durable : wait until the file is on disk (see `common.atomic`)

    Raises
    ------
    PellucidError
        If the ending is not known, the kind of file cannot hold the pages, or the place cannot be written.
    """
    path = Path(target) if isinstance(target, str | os.PathLike) else None
    name = "the image" if path is None else one_line(path)
    if suffix is None and path is not None:
        suffix = path.suffix
    kind = picture.form.kind if suffix is None else _KINDS.get(suffix.lower(), "")
    if (suffix or "").lower() in WRITTEN_AS:
        raise PellucidError(
            f"cannot write {name}: {suffix} is read, but not written. Use {WRITTEN_AS[(suffix or '').lower()]}."
        )
    if not kind:
        raise PellucidError(f"cannot write {name}: the ending {suffix!r} is not one of {' '.join(_KINDS)}.")
    _refuse_unheld(name, kind, picture, (suffix or "").lower())
    if path is None:
        assert not isinstance(target, str | os.PathLike)
        buffer = io.BytesIO()
        _write(buffer, kind, picture, name)
        target.write(buffer.getbuffer())
        return
    with atomic(path, durable=durable) as temporary, temporary.open("w+b") as file:
        _write(file, kind, picture, name)


def _write(file: BinaryIO, kind: str, picture: Picture, name: str) -> None:
    try:
        if kind in _WRITE:
            _WRITE[kind](picture, file)
        else:
            file.write(_ENCODE[kind](picture))
    except OSError as error:
        if error.errno is not None:
            raise
        raise PellucidError(f"cannot write {name}: {one_line(error)}. Use .tiff or .npy.") from error


def _refuse_unheld(name: str, kind: str, picture: Picture, suffix: str) -> None:
    if len(picture.pages) != 1 and kind in _SINGLE:
        raise PellucidError(f"cannot write {name}: it holds one page, not {len(picture.pages)}. Use .tiff.")
    if kind == "ZARR":
        raise PellucidError(f"cannot write {name}: a zarr is only written from a zarr. Use .tiff or .npy.")
    if kind in _OWN and not (picture.form.kind == kind and _holds(picture)):
        raise PellucidError(
            f"cannot write {name}: {kind} is only written as it was read, with other values. Use .tiff or .npy."
        )
    if kind in (*npy.ARRAYS, *_OWN) and len({(page.shape, page.dtype) for page in picture.pages}) != 1:
        raise PellucidError(f"cannot write {name}: an array holds pages of one size and type. Use .tiff.")
    for page in picture.pages:
        count = channels(page)
        held = kind in (*npy.ARRAYS, *_OWN) or (page.ndim in (2, 3) and (page.dtype.name, count) in _HOLDS[kind])
        if suffix in _PROMISED and picture.form.kind != "PNM":
            held = held and (page.dtype == np.bool_ or count == _PROMISED[suffix])
        longest = _LONGEST_SIDE.get(kind, 2**31 - 1)
        if not held or page.size == 0 or max(page.shape[:2]) > longest:
            raise PellucidError(
                f"cannot write {name}: the format does not hold {page.dtype} of shape {page.shape}. Use .tiff or .npy."
            )


def _holds(picture: Picture) -> bool:
    own = picture.form.extra
    return isinstance(own, RawForm | DicomForm) and own.holds(picture.pages)


def write_image(path: str | os.PathLike[str], array: NDArray[Any]) -> None:
    """Write an array, as from `read_image`, in the format that the name's ending says; whole or not at all.

    Raises
    ------
    PellucidError
        As `write_picture`.
    """
    write_picture(path, Picture((array,)))
