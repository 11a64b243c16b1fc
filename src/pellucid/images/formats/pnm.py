"""PBM, PGM and PPM, plain and raw, of up to 16 bits (https://netpbm.sourceforge.net/doc/).

Pillow cuts 16-bit colour to 8 bits, so this is read here. Levels are spread over the whole range of uint8 or uint16,
and brought back by the same rule: that loses nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.images.formats.picture import Form, Limits, Picture, channels, squeezed
from pellucid.images.formats.source import Source, decoding

_LONGEST_HEADER = 2**16  # comments have no limit of their own
_GAP = rb"(?:\s|#[^\n\r]*[\n\r])+"
_HEADER = re.compile(rb"P([1-6])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})")
_LARGEST = re.compile(_GAP + rb"(\d{1,5})")
_COMMENT = re.compile(rb"#[^\n\r]*")


@dataclass(frozen=True)
class PnmForm:
    """The largest value, and whether the samples are written as decimal numbers."""

    largest: int | None = None
    plain: bool = False


@dataclass(frozen=True)
class _Header:
    kind: int
    width: int
    height: int
    largest: int
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
    largest, end = 1, found.end()
    if kind not in (1, 4):
        depth = _LARGEST.match(start, end)
        if not depth or not 0 < int(depth[1]) < 2**16:
            raise ValueError("its largest value is missing or wrong")
        largest, end = int(depth[1]), depth.end()
    if not start[end : end + 1].isspace():
        raise ValueError("its header does not end")
    return _Header(kind, width, height, largest, end + 1)


def size(source: Source, limits: Limits) -> tuple[int, int, int]:
    """Return height, width and channels from the header."""
    with decoding(source.name):
        header = _header(source, limits)
    return header.height, header.width, header.samples


def read(source: Source, limits: Limits) -> Picture:
    """Read a PBM, PGM or PPM; only the first image of several is refused, as data after the end."""
    with decoding(source.name):
        header = _header(source, limits)
        content = source.read()[header.start :]
        count = header.width * header.height * header.samples
        if header.kind == 4:
            rows = _exactly(content, header.height * -(-header.width // 8), np.dtype(np.uint8))
            bits = np.unpackbits(rows.reshape(header.height, -1), axis=1)[:, : header.width]
            return Picture((bits == 0,), Form(kind="PNM", extra=PnmForm()))  # 1 is black
        if header.kind < 4:
            levels = _plain(content, count, digits=header.kind == 1)
        else:
            levels = _exactly(content, count, np.dtype(np.uint8 if header.largest < 256 else ">u2"))
        if levels.max() > header.largest:
            raise ValueError(f"a value of {levels.max()} where {header.largest} is the largest")
        form = Form(kind="PNM", extra=PnmForm(header.largest, plain=header.kind < 4))
        if header.kind == 1:
            return Picture((levels.reshape(header.height, header.width) == 0,), form)
        shape = (header.height, header.width, 3)[: 3 if header.samples == 3 else 2]
        return Picture((_spread(levels, header.largest).reshape(shape),), form)


def _exactly(content: bytes, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    expected = count * dtype.itemsize
    if len(content) < expected:
        raise ValueError(f"{len(content)} bytes of pixels, expected {expected}")
    if content[expected:].strip():
        raise ValueError(f"{len(content) - expected} bytes after the last pixel, expected none")
    return np.frombuffer(content, dtype, count)


def _plain(content: bytes, count: int, digits: bool) -> NDArray[np.uint16]:
    if count > len(content):  # each sample needs a digit
        raise ValueError(f"{len(content)} bytes of digits, expected {count} numbers")
    content = _COMMENT.sub(b"", content)
    words = re.findall(rb"[01]", content) if digits else content.split()
    if len(words) != count or not all(word.isdigit() and len(word) < 6 for word in words):
        raise ValueError(f"{len(words)} numbers, expected {count}")
    return np.array(words).astype(np.uint32).clip(max=2**16 - 1).astype(np.uint16)


def _spread(levels: NDArray[Any], largest: int) -> NDArray[Any]:
    """Scale 0..largest to the whole of uint8 or uint16."""
    dtype, top = (np.uint8, 2**8 - 1) if largest < 2**8 else (np.uint16, 2**16 - 1)
    if largest == top:
        return levels.astype(dtype)
    table = np.rint(np.arange(largest + 1) * (top / largest)).astype(dtype)
    return np.asarray(table[levels])


def encode(picture: Picture) -> bytes:
    """Return the file's bytes; the one page is bool, or uint8 or uint16 with 1 or 3 channels."""
    page = squeezed(picture.pages[0])
    own = picture.form.extra if isinstance(picture.form.extra, PnmForm) else PnmForm()
    height, width = page.shape[:2]
    if page.dtype == np.bool_:
        if own.plain:
            return b"P1\n%d %d\n" % (width, height) + _numbers(~page, height)
        return b"P4\n%d %d\n" % (width, height) + np.packbits(~page, axis=1).tobytes()
    top = int(np.iinfo(page.dtype).max)
    largest = own.largest if own.largest and (own.largest < 256) == (top == 255) else top
    levels = page if largest == top else np.rint(page * (largest / top)).astype(page.dtype)
    kind = (2 if channels(page) == 1 else 3) + (0 if own.plain else 3)
    header = b"P%d\n%d %d\n%d\n" % (kind, width, height, largest)
    return header + (_numbers(levels, height) if own.plain else levels.astype(page.dtype.newbyteorder(">")).tobytes())


def _numbers(levels: NDArray[Any], height: int) -> bytes:
    rows = levels.reshape(height, -1).astype(np.uint16)
    return b"\n".join(b" ".join(b"%d" % value for value in row) for row in rows.tolist()) + b"\n"
