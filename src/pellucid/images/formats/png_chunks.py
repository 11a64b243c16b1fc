"""The chunks of a PNG file, checked: lengths, checksums, and how much their deflate stream can hold."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from pellucid.common import PellucidError
from pellucid.images.formats.metadata import LARGEST_ICC
from pellucid.images.formats.picture import Limits
from pellucid.images.formats.source import Source, animated

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type
LARGEST_PALETTE = 3 * 256  # bytes
KEPT = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"pHYs": 9, b"tIME": 7}
"""Chunks to keep, with their length."""
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
LARGEST_REST = 2**22
"""Bytes of texts and of chunks that are not known, together."""
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_DEFLATE_RATIO = 1032  # no stream expands further (zlib's technical notes)
_ADAM7 = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1))
"""First row, step of rows, first column, step of columns of each pass of an interlaced image."""


@dataclass(frozen=True)
class Header:
    """What IHDR says; `raw` is its content."""

    width: int
    height: int
    depth: int
    colour_type: int
    interlaced: bool
    raw: bytes

    @property
    def stream_length(self) -> int:
        """The length in bytes of all rows, each with its filter, when they are inflated."""
        passes = _ADAM7 if self.interlaced else ((0, 1, 0, 1),)
        bits = self.depth * SAMPLES[self.colour_type]
        sizes = [(-(-(self.height - y) // dy), -(-(self.width - x) // dx)) for y, dy, x, dx in passes]
        return sum(rows * (1 + -(-columns * bits // 8)) for rows, columns in sizes if rows > 0 and columns > 0)


def walk(source: Source) -> Iterator[tuple[bytes, int]]:
    """Yield each chunk's name and length; the file is then at the start of its content."""
    source.file.seek(8)
    offset = 8
    while True:
        head = source.file.read(8)
        if len(head) < 8:
            raise ValueError("it ends before its last chunk")
        length, name = struct.unpack(">I4s", head)
        if offset + 12 + length > source.size:
            raise ValueError("it ends within a chunk")
        yield name, length
        if name == b"IEND":
            return
        offset += 12 + length
        source.file.seek(offset)


def read_header(source: Source, name: bytes, content: bytes, limits: Limits) -> Header:
    """Return what the first chunk says.

    Raises
    ------
    ValueError, PellucidError
        If it is not a header, contradicts itself, or claims more than the limits.
    """
    if name != b"IHDR" or len(content) != 13:
        raise ValueError("its header is missing")
    width, height, depth, colour_type, *methods = struct.unpack(">IIBBBBB", content)
    if depth not in _DEPTHS.get(colour_type, ()) or methods[:2] != [0, 0] or methods[2] > 1:
        raise ValueError(f"depth {depth}, colour type {colour_type} and methods {methods} do not go together")
    limits.check_size(source.name, width, height)
    return Header(width, height, depth, colour_type, methods[2] == 1, content)


@dataclass(frozen=True)
class Chunks:
    """What is in a file.

    Attributes
    ----------
    header : what IHDR says
    named : the chunks that matter, by name
    rest : (name, content) of texts, and of others that the specification lets be copied by those who do not know them
    complete : whether `rest` has all of these
    pixels : the pieces of the pixels' stream
    """

    header: Header
    named: dict[bytes, bytes]
    rest: list[tuple[bytes, bytes]]
    complete: bool
    pixels: list[bytes]


def read_chunks(source: Source, limits: Limits) -> Chunks:
    """Return what is in the chunks; checksums are checked."""
    header, named, rest, pixels = None, dict[bytes, bytes](), list[tuple[bytes, bytes]](), list[bytes]()
    wanted = {b"PLTE", b"tRNS", b"iCCP", b"eXIf", b"bKGD", b"sBIT", *KEPT}
    left = LARGEST_REST
    complete = True
    for name, length in walk(source):
        if name == b"acTL":
            _refuse_frames(source, length)
        if name == b"fdAT":  # a frame beside the image, whatever number was said
            raise animated(source.name, 2)
        critical = not name[0] & 0x20
        if name in wanted and length > LARGEST_ICC:
            raise PellucidError(
                f"{source.name} has {length} bytes of {name.decode()} data; expected at most {LARGEST_ICC}. Remove it."
            )
        if not critical and name not in wanted:
            if not name[3] & 0x20:  # it may contradict other pixels
                continue
            left -= length
            if left < 0:
                complete = False
                continue
        content = source.file.read(length)
        if source.file.read(4) != zlib.crc32(content, zlib.crc32(name)).to_bytes(4, "big"):
            raise ValueError(f"the checksum of a chunk {name!r} is wrong")
        if header is None:
            header = read_header(source, name, content, limits)
        elif name == b"IDAT":
            pixels.append(content)
        elif name in wanted:
            named.setdefault(name, content)
        elif not critical:
            rest.append((name, content))
        elif name != b"IEND":
            raise ValueError(f"unknown chunk {name!r}")
    if header is None:  # the first chunk sets it or raises
        raise ValueError("it has no chunks")
    length = sum(map(len, pixels))
    if header.stream_length > _DEFLATE_RATIO * length:
        raise ValueError(f"{length} bytes cannot hold {header.width}x{header.height} pixels")
    return Chunks(header, named, rest, complete, pixels)


def _refuse_frames(source: Source, length: int) -> None:
    frames = int.from_bytes(source.file.read(min(length, 4)), "big")
    if frames != 1:
        raise animated(source.name, frames)


def check_stream(header: Header, pixels: list[bytes]) -> None:
    """Inflate the pixels once, to check that there are as many as claimed: libpng would complain on the terminal.

    Raises
    ------
    ValueError, zlib.error
        If there are fewer or more.
    """
    unpacker = zlib.decompressobj()
    left = header.stream_length
    for piece in pixels:
        while piece and left >= 0:
            left -= len(unpacker.decompress(piece, 2**20))
            piece = unpacker.unconsumed_tail
    if left or not unpacker.eof or unpacker.unused_data:
        raise ValueError("it has more or fewer pixels than it claims")


def pack(name: bytes, content: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + name + content + zlib.crc32(content, zlib.crc32(name)).to_bytes(4, "big")
