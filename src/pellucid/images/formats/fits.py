"""FITS files of one image or stack, with the headers read by astropy; needs the extra `pellucid[fits]`.

Values are those that are stored, before BSCALE and BZERO, but unsigned where these stand for that. Only they are
replaced in what is written: all headers and tables stay as they were. Checksums are blanked, since they would be wrong.
"""

from __future__ import annotations

import re

import numpy as np

from pellucid.images.formats import raw
from pellucid.images.formats.extras import wanted
from pellucid.images.formats.picture import Limits, Picture, Size
from pellucid.images.formats.source import Source, decoding, unsupported

_DTYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}  # by BITPIX
_CHECKSUM = re.compile(rb"(?:CHECKSUM|DATASUM )= .{70}")


def _place(source: Source, limits: Limits) -> raw.Place:
    fits = wanted("astropy.io.fits", source.name, "FITS", "fits")
    source.file.seek(0)
    units = fits.open(source.file, memmap=False)
    try:
        images = [unit for unit in units if unit.is_image and unit.header.get("NAXIS", 0)]
        if len(images) != 1:
            raise unsupported(source.name, f"FITS with {len(images) or 'no'} images; expected one", "Save one alone.")
        if type(images[0]) not in (fits.PrimaryHDU, fits.ImageHDU):
            raise unsupported(source.name, "FITS with a compressed image; expected a plain one")
        header, offset = images[0].header, images[0].fileinfo()["datLoc"]
    finally:
        units.close(closed=False)  # the file is not astropy's
    shape = tuple(int(header[f"NAXIS{number}"]) for number in range(header["NAXIS"], 0, -1))
    dtype = np.dtype(_DTYPES[header["BITPIX"]])
    half = 2 ** (8 * dtype.itemsize - 1)
    unsigned = dtype.kind == "i" and (header.get("BSCALE", 1), header.get("BZERO", 0)) == (1, half)
    place = raw.Place(offset, shape, dtype, half if unsigned else 0)
    place.check(source, limits)
    return place


def size(source: Source, limits: Limits) -> list[Size]:
    """Return the size of every plane from the headers."""
    with decoding(source.name):
        return _place(source, limits).sizes()


def read(source: Source, limits: Limits) -> Picture:
    """Read every plane of the one image."""
    with decoding(source.name):
        return raw.read(source, _place(source, limits), "FITS")


def encode(picture: Picture) -> bytes:
    """Return the file's bytes; it came from a FITS file."""
    form = picture.form.extra
    assert isinstance(form, raw.RawForm)
    head = form.head
    for found in _CHECKSUM.finditer(head):
        if found.start() % 80 == 0:  # a card, not part of another's text
            head = head[: found.start()] + b" " * 80 + head[found.end() :]
    return head + raw.stored(picture, form).tobytes() + form.tail
