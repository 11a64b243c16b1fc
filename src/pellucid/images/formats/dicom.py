"""DICOM images, uncompressed or RLE, gray or RGB, read and written by pydicom; needs the extra `pellucid[dicom]`.

Values are those that are stored, before the rescale slope and intercept; where 0 is white (MONOCHROME1) they are
inverted, and again when they are written. Only the pixels are replaced in what is written; those of RLE are
uncompressed then.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import one_line
from pellucid.images.formats.extras import wanted
from pellucid.images.formats.picture import Form, Limits, Picture, Size
from pellucid.images.formats.source import Source, decoding, unsupported

NOTE = "a DICOM is written with the identifiers of the original: give it new ones before it goes into an archive"
_DEFLATED = b"1.2.840.10008.1.2.1.99"  # its length is not known before it is unpacked
_COLOURS = {"MONOCHROME1": 1, "MONOCHROME2": 1, "RGB": 3}
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


@dataclass(frozen=True)
class DicomForm:
    """How to write a DICOM.

    Attributes
    ----------
    data : the data set without its pixels
    element : which of its elements holds them
    shape, dtype : of all frames together
    low, high : the least and the greatest value, of integers
    inverted : whether 0 is white
    """

    data: Any = field(repr=False)
    element: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    low: int
    high: int
    inverted: bool

    def holds(self, pages: Sequence[NDArray[Any]]) -> bool:
        """Return whether the file can be written with these pages."""
        kinds = {(page.shape, page.dtype) for page in pages}
        return len(pages) == self.shape[0] and kinds == {(self.shape[1:], self.dtype)}


def _opened(source: Source, limits: Limits) -> tuple[Any, Size, int]:
    """Return the data set, and the size and number of its frames."""
    pydicom = wanted("pydicom", source.name, "DICOM", "dicom")
    source.file.seek(0)
    if _DEFLATED in source.file.read(4096):
        raise unsupported(source.name, "a deflated DICOM", "Save it uncompressed.")
    source.file.seek(0)
    data = pydicom.dcmread(source.file)
    syntax = data.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise ValueError("it does not say how it is stored")
    if syntax.is_encapsulated and syntax != pydicom.uid.RLELossless:
        raise unsupported(source.name, f"a DICOM compressed as {_short(syntax.name)}", "Save it uncompressed.")
    kind = data.get("PhotometricInterpretation")
    if not any(name in data for name in _PIXELS):
        raise unsupported(source.name, "a DICOM without an image", "Name one that holds an image.")
    if kind not in _COLOURS:
        raise unsupported(source.name, f"a DICOM whose pixels are {_short(kind)}; expected {', '.join(_COLOURS)}")
    frames = int(data.get("NumberOfFrames") or 1)
    samples, bits = data.SamplesPerPixel, data.BitsAllocated
    if samples != _COLOURS[kind] or bits not in (8, 16, 32, 64) or frames < 1:
        raise unsupported(source.name, f"a DICOM with {_short(samples)} samples of {_short(bits)} bits")
    limits.check_size(source.name, data.Columns, data.Rows, before=(frames - 1) * data.Columns * data.Rows)
    return data, Size(data.Rows, data.Columns, samples, bits // 8), frames


def _short(value: object) -> str:
    """Return what a stranger's file says, fit for a message."""
    return one_line(str(value)[:40])


def size(source: Source, limits: Limits) -> list[Size]:
    """Return the size of every frame."""
    with decoding(source.name):
        _, each, frames = _opened(source, limits)
    return [each] * frames


def read(source: Source, limits: Limits) -> Picture:
    """Read every frame."""
    with decoding(source.name):
        data, each, frames = _opened(source, limits)
        array = np.asarray(data.pixel_array)
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        shape = (each.height, each.width) if each.colours == 1 else (each.height, each.width, 3)
        pages = array.reshape(frames, *shape)
        element = next(name for name in _PIXELS if name in data)
        own = _form(data, element, pages)
        delattr(data, element)
    return Picture(tuple(_inverted(page, own) for page in pages), Form(kind="DICOM", extra=own, notes=(NOTE,)))


def _form(data: Any, element: str, pages: NDArray[Any]) -> DicomForm:
    integers = pages.dtype.kind in "iu"
    bits = data.BitsStored if integers else 1
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if pages.dtype.kind == "i" else (0, 2**bits - 1)
    inverted = data.PhotometricInterpretation == "MONOCHROME1" and integers
    return DicomForm(data, element, pages.shape, pages.dtype, low, high, inverted)


def _inverted(page: NDArray[Any], form: DicomForm) -> NDArray[Any]:
    """Exchange black and white if 0 is white."""
    return np.asarray(page.dtype.type(form.low + form.high) - page) if form.inverted else page


def encode(picture: Picture) -> bytes:
    """Return the file's bytes; it came from a DICOM.

    Raises
    ------
    OSError
        If its other data is damaged.
    """
    from pydicom.uid import ExplicitVRLittleEndian

    form = picture.form.extra
    assert isinstance(form, DicomForm)
    pages = np.stack(picture.pages)
    if pages.dtype.kind in "iu":
        pages = np.clip(pages, form.low, form.high)
    data = copy.deepcopy(form.data)
    syntax = data.file_meta.TransferSyntaxUID
    stored = _inverted(pages, form).astype(pages.dtype.newbyteorder("<" if syntax.is_little_endian else ">")).tobytes()
    setattr(data, form.element, stored + b"\0" * (len(stored) % 2))
    if form.element == "PixelData":
        data["PixelData"].VR = "OB" if pages.itemsize == 1 else "OW"
    if data.SamplesPerPixel > 1:
        data.PlanarConfiguration = 0
    if syntax.is_encapsulated:
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    try:
        data.save_as(buffer)
    except Exception as error:  # writing what was hostile raises nearly anything
        raise OSError("data of the DICOM besides the pixels is damaged") from error
    return buffer.getvalue()
