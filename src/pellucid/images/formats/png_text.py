"""EXIF and XMP in the texts of a PNG: XMP has a keyword of its own, and ImageMagick writes EXIF as digits."""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple

from pellucid.images.formats.metadata import LARGEST_XMP

_XMP = b"XML:com.adobe.xmp"
_RAW = re.compile(rb"Raw profile type (exif|xmp|APP1)", re.IGNORECASE)
_HEAD = re.compile(rb"\s*\w+\s+\d+\s")  # of a raw profile: its name and length
_LARGEST = 2 * LARGEST_XMP + 2**16  # of a raw profile: two digits a byte, and ends of lines


class Texts(NamedTuple):
    """EXIF and XMP, and the chunks without them, as (name, content)."""

    exif: bytes | None
    xmp: bytes | None
    others: list[tuple[bytes, bytes]]


def sort(chunks: list[tuple[bytes, bytes]]) -> Texts:
    """Take EXIF and XMP out of chunks; the first of each counts."""
    exif, xmp = list[bytes](), list[bytes]()
    others = []
    for name, content in chunks:
        keyword, _, rest = content.partition(b"\0")
        found = b""
        if name == b"iTXt" and keyword == _XMP:
            found = _international(rest)
        elif name in (b"tEXt", b"zTXt") and _RAW.fullmatch(keyword):
            found = _raw_profile(_inflated(rest[1:]) if name == b"zTXt" else rest)
        if not found:
            others.append((name, content))
        elif found.startswith((b"Exif\0\0", b"II*\0", b"MM\0*")):
            exif.append(found)
        else:
            xmp.append(found[found.find(b"<") :])
    return Texts(exif[0] if exif else None, xmp[0] if xmp else None, others)


def xmp_chunk(xmp: bytes) -> bytes:
    """Return the content of the iTXt chunk of an XMP packet."""
    return _XMP + bytes(5) + xmp


def _international(rest: bytes) -> bytes:
    """Return the text of an iTXt chunk; `rest` comes after its keyword."""
    _, _, translated = rest[2:].partition(b"\0")
    _, _, text = translated.partition(b"\0")
    return _inflated(text) if rest[:1] == b"\1" else text


def _inflated(stream: bytes) -> bytes:
    """Return what a deflated text holds, or nothing if it is damaged or too long."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(stream, _LARGEST)
    except zlib.error:
        return b""
    return text if unpacker.eof else b""


def _raw_profile(text: bytes) -> bytes:
    """Return the bytes of a profile written in hexadecimal digits, or nothing if they are not such."""
    head = _HEAD.match(text)
    try:
        return bytes.fromhex(text[head.end() :].decode("ascii")) if head else b""
    except ValueError:
        return b""
