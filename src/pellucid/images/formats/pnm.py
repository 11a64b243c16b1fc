"""PBM, PGM and PPM of up to 16 bits (https://netpbm.sourceforge.net/doc/).

They are read here because Pillow cuts 16-bit colour to 8 bits. Values are spread over the whole range of uint8 or
uint16, and brought back by the same rule to be written: that loses nothing. Plain files, whose values are decimal
numbers, are written as raw ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.images.depths import largest
from pellucid.images.formats.picture import Form, Limits, Picture, Size, channels, squeezed
from pellucid.images.formats.source import Source, decoding

PLAIN = "values written as decimal numbers (plain PNM) are written as binary ones"
_LONGEST_HEADER = 2**16  # comments have no limit of their own
_GAP = rb"(?:\s|#[^\n\r]*[\n\r])+"
_HEADER = re.compile(rb"P([1-6])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})")
_TOP = re.compile(_GAP + rb"(\d{1,5})")
_COMMENT = re.compile(rb"#[^\n\r]*")


@dataclass(frozen=True)
class PnmForm:
    """What only PNM has: `top`, the value that is white."""

    top: int | None = None


@dataclass(frozen=True)
class _Header:
    kind: int
    width: int
    height: int
    top: int
    start: int

    @property
    def samples(self) -> int:
        return 3 if self.kind in (3, 6) else 1


def _header(source: Source, limits: Limits) -> _Header:
    source.file.seek(0)
    start = source.file.read(_LONGEST_HEADER)
    found = _HEADER.match(start)
    if not found:
        raise ValueError("its header is wrong")
    kind, width, height = (int(number) for number in found.groups())
    limits.check_size(source.name, width, height)
    top, end = 1, found.end()
    if kind not in (1, 4):
        said = _TOP.match(start, end)
        if not said or not 0 < int(said[1]) <= largest(np.uint16):
            raise ValueError("its largest value is missing or wrong")
        top, end = int(said[1]), said.end()
    if not start[end : end + 1].isspace():
        raise ValueError("its header does not end")
    return _Header(kind, width, height, top, end + 1)


def size(source: Source, limits: Limits) -> Size:
    """Return the size from the header."""
    with decoding(source.name):
        header = _header(source, limits)
    return Size(header.height, header.width, header.samples, 1 if header.top <= largest(np.uint8) else 2)


def read(source: Source, limits: Limits) -> Picture:
    """Read a PBM, PGM or PPM; a file of several images is refused, because there is data after the first."""
    with decoding(source.name):
        header = _header(source, limits)
        content = source.read()[header.start :]
        shape = (header.height, header.width, 3)[: 3 if header.samples == 3 else 2]
        count = header.width * header.height * header.samples
        form = Form(kind="PNM", extra=PnmForm(header.top), notes=(PLAIN,) if header.kind < 4 else ())
        if header.kind == 4:
            rows = _exactly(content, header.height * -(-header.width // 8), np.dtype(np.uint8))
            values: NDArray[Any] = np.unpackbits(rows.reshape(header.height, -1), axis=1)[:, : header.width]
        elif header.kind < 4:
            values = _plain(content, count, digits=header.kind == 1)
        else:
            values = _exactly(content, count, np.dtype(np.uint8 if header.top <= largest(np.uint8) else ">u2"))
        if values.max() > header.top:
            raise ValueError(f"a value of {values.max()} where {header.top} is the largest")
        values = values.reshape(shape)
        if header.kind in (1, 4):
            return Picture((values == 0,), form)  # 1 is black
        return Picture((_spread(values, header.top),), form)


def _exactly(content: bytes, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    expected = count * dtype.itemsize
    if len(content) < expected:
        raise ValueError(f"{len(content)} bytes of pixels, expected {expected}")
    if content[expected:].strip():
        raise ValueError(f"{len(content) - expected} bytes after the last pixel, expected none")
    return np.frombuffer(content, dtype, count)


def _plain(content: bytes, count: int, digits: bool) -> NDArray[np.uint32]:
    """Read decimal numbers; `digits`: each is one digit, with or without space between them."""
    if count > len(content):  # each number needs a digit
        raise ValueError(f"{len(content)} bytes of digits, expected {count} numbers")
    content = _COMMENT.sub(b"", content)
    words = re.findall(rb"[01]", content) if digits else content.split()
    if len(words) != count or not all(word.isdigit() and len(word) < 6 for word in words):
        raise ValueError(f"{len(words)} numbers, expected {count}")
    return np.array(words).astype(np.uint32)


def _spread(values: NDArray[Any], top: int) -> NDArray[Any]:
    """Scale 0..top to the whole of uint8 or uint16."""
    dtype = np.uint8 if top <= largest(np.uint8) else np.uint16
    if top == largest(dtype):
        return values.astype(dtype)
    table = np.rint(np.arange(top + 1) * (largest(dtype) / top)).astype(dtype)
    return np.asarray(table[values])


def encode(picture: Picture) -> bytes:
    """Return the file's bytes; the one page is bool, or uint8 or uint16 with 1 or 3 channels."""
    page = squeezed(picture.pages[0])
    height, width = page.shape[:2]
    if page.dtype == np.bool_:
        return b"P4\n%d %d\n" % (width, height) + np.packbits(~page, axis=1).tobytes()
    white = largest(page.dtype)
    top = picture.form.extra.top if isinstance(picture.form.extra, PnmForm) else None
    if top is None or (top <= largest(np.uint8)) != (page.dtype == np.uint8):
        top = white
    values = page if top == white else np.rint(page * (top / white)).astype(page.dtype)
    header = b"P%d\n%d %d\n%d\n" % (5 if channels(page) == 1 else 6, width, height, top)
    return header + values.astype(page.dtype.newbyteorder(">")).tobytes()
