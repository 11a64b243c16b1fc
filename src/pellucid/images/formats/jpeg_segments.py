"""The segments of a JPEG file before its pixels (ITU-T T.81, annex B): metadata, and what kind of JPEG it is."""

from __future__ import annotations

import struct
from typing import NamedTuple

from pellucid.common import PellucidError
from pellucid.images.formats.source import Source, unsupported

XMP = b"http://ns.adobe.com/xap/1.0/\0"
XMP_MORE = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP = b"Photoshop 3.0\0"  # IPTC is in it
MPF = b"MPF\0"
_LARGEST_CONTENT = 2**16 - 3  # bytes that a segment holds
_MADE_ANEW = (b"JFIF\0", b"JFXX\0", b"Exif\0", b"ICC_PROFILE\0", b"Adobe")  # or left out, as JFXX: a small preview
_APP1, _COMMENT = 0xE1, 0xFE
_APPLICATION = range(0xE0, 0xF0)
_SCAN, _END = 0xDA, 0xD9
_ALONE = (0x00, 0x01, *range(0xD0, 0xD8))  # markers without a length; 0 is none, but skipped by decoders
_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}  # baseline, extended and progressive, by Huffman or arithmetic codes
_OTHER_FRAMES = dict.fromkeys((0xC3, 0xCB), "lossless") | dict.fromkeys(
    (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical"
)
_LARGEST = 2**26  # bytes of all segments together


class Segment(NamedTuple):
    """One segment: its marker and its content."""

    marker: int
    content: bytes


class Sorted(NamedTuple):
    """The XMP packet (its first part), the segments to write back as they are, and what is said of the others."""

    xmp: bytes | None
    kept: tuple[Segment, ...]
    notes: tuple[str, ...]


def read_segments(source: Source) -> list[Segment]:
    """Return the segments before the pixels.

    Raises
    ------
    ValueError, PellucidError
        If there are no pixels, or the file is a kind of JPEG that pellucid does not read.
    """
    segments: list[Segment] = []
    source.file.seek(2)
    left = _LARGEST
    while (marker := _next_marker(source)) != _SCAN:
        if marker == _END:
            raise ValueError("it has no pixels")
        if marker in _ALONE:
            continue
        length = int.from_bytes(source.file.read(2), "big")
        content = source.file.read(max(length - 2, 0))
        if length < 2 or len(content) < length - 2:
            raise ValueError("it ends within a segment")
        left -= length
        if left < 0:
            raise PellucidError(f"{source.name} has more than {_LARGEST} bytes of metadata. Remove it.")
        _refuse_frame(source.name, marker, content)
        segments.append(Segment(marker, content))
    return segments


def _next_marker(source: Source) -> int:
    lead = source.file.read(1)
    mark = source.file.read(1)
    while mark == b"\xff":  # any number may fill the space between segments
        mark = source.file.read(1)
    if lead != b"\xff" or not mark:
        raise ValueError("it ends before its pixels")
    return mark[0]


def _refuse_frame(name: str, marker: int, content: bytes) -> None:
    if marker in _OTHER_FRAMES:
        raise unsupported(name, f"a {_OTHER_FRAMES[marker]} JPEG")
    if marker in _FRAMES and content[:1] != b"\x08":
        raise unsupported(name, f"a JPEG of {content[0] if content else 0} bits; expected 8")


def sort(segments: list[Segment]) -> Sorted:
    """Tell what is kept from what is not."""
    xmp, kept, notes = None, [], dict[str, None]()
    for segment in segments:
        marker, content = segment
        if content.startswith(XMP):
            xmp = content.removeprefix(XMP)
        elif marker == _COMMENT or content.startswith((XMP_MORE, PHOTOSHOP)):
            kept.append(segment)
        elif content.startswith(MPF):
            notes["further pictures in the file (previews, depth, gain for bright screens) are not kept"] = None
        elif marker in _APPLICATION and not content.startswith(_MADE_ANEW):
            notes[f"data of a program (APP{marker - _APPLICATION[0]}) is not kept"] = None
    return Sorted(xmp, tuple(kept), tuple(notes))


def pack(xmp: bytes | None, segments: tuple[Segment, ...]) -> bytes:
    """Return the bytes of an XMP packet and of segments in a file; a packet that is too large for it is left out."""
    if xmp and len(XMP + xmp) <= _LARGEST_CONTENT:
        segments = (Segment(_APP1, XMP + xmp), *segments)
    heads = (struct.pack(">BBH", 0xFF, marker, len(content) + 2) for marker, content in segments)
    return b"".join(head + content for head, (_, content) in zip(heads, segments, strict=True))
