"""The directories of a TIFF or BigTIFF file, read strictly: every size, offset and count is checked before use.

Source: TIFF 6.0 (Adobe, 1992), BigTIFF (https://www.awaresystems.be/imaging/tiff/bigtiff.html).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.images.formats.metadata import LARGEST_ICC

MOST_TAGS = 1024
MOST_SEGMENTS = 2**22
MOST_SAMPLES = 2**12
LONGEST_TEXT = 2**24
LARGEST_KEPT = 2**24
"""Bytes of a tag that is carried over; a larger one is left out."""
SHARED = 2**26
"""Bytes of tags that pages may share; without this limit, many small pages could all refer to one large tag."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_RATIONAL, _BYTES, _DIRECTORIES = 5, (1, 2, 7), (13, 18)

WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, DESCRIPTION = 256, 257, 258, 259, 262, 266, 270
STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_COUNTS = 273, 274, 277, 278, 279
X_RESOLUTION, Y_RESOLUTION, PLANAR, RESOLUTION_UNIT, PREDICTOR, COLOUR_MAP = 282, 283, 284, 296, 317, 320
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS, EXTRA_SAMPLES, SAMPLE_FORMAT = 322, 323, 324, 325, 338, 339
JPEG_TABLES, DEPTH, TILE_DEPTH, ICC, SUBFILE = 347, 32997, 32998, 34675, 254
SUBSAMPLING, T4_OPTIONS, LERC_PARAMETERS = 530, 292, 50674
PLANES = 33629  # of MetaMorph: it has a value for each plane; they follow the first without directories
SMALLER, EXIF, METAMORPH, LSM = 330, (400, 34665, 34853, 40965), (33628, PLANES, 33630, 33631), 34412
_BULK = (STRIP_OFFSETS, STRIP_COUNTS, TILE_OFFSETS, TILE_COUNTS)
_ONE = (
    *(WIDTH, LENGTH, COMPRESSION, PHOTOMETRIC, FILL_ORDER, ORIENTATION, SAMPLES, ROWS_PER_STRIP, PLANAR, PREDICTOR),
    *(TILE_WIDTH, TILE_LENGTH, RESOLUTION_UNIT, DEPTH, TILE_DEPTH, SUBFILE, T4_OPTIONS),
)
_FEW = (BITS, SAMPLE_FORMAT, EXTRA_SAMPLES, SUBSAMPLING, LERC_PARAMETERS)
_TEXTS = {DESCRIPTION: LONGEST_TEXT, ICC: LARGEST_ICC + 1, JPEG_TABLES: 2**16}
_MOST = dict.fromkeys((*_ONE, X_RESOLUTION, Y_RESOLUTION), 1) | dict.fromkeys(_FEW, MOST_SAMPLES) | _TEXTS
_MOST |= dict.fromkeys(_BULK, MOST_SEGMENTS) | {COLOUR_MAP: 3 * 256}

_POINTERS = (SMALLER, *EXIF, *METAMORPH, LSM)
_STORAGE = {
    *_MOST,
    *_POINTERS,
    *(255, 263, 264, 265, 288, 289, 293, 326, 327, 328, 529, 531, 532),  # subfile, dithering, free bytes, fax, YCbCr
    *range(512, 522),  # JPEG of TIFF 6.0
    *(32995, 32996, 33421, 33422),  # SGI's forms of tags above, mosaics of cameras
}
"""Tags about how pixels are stored, and tags that hold places in the file: a copy of them would say what is not so."""

Rational = tuple[int, int]


class Tag(NamedTuple):
    """A tag that is carried over as it is: its number, its type, and its bytes in the order of the file."""

    number: int
    kind: int
    content: bytes


@dataclass(frozen=True)
class Directory:
    """The tags of one page: one number as int, a few as tuple, offsets and counts as arrays, text as bytes.

    Attributes
    ----------
    tags : those that matter to pellucid, by number; descriptions, of which there may be two, as a tuple
    kept : those that say nothing of how pixels are stored
    left : the numbers of those that cannot be carried over
    offset : its place in the file
    """

    tags: dict[int, Any]
    kept: tuple[Tag, ...] = ()
    left: frozenset[int] = frozenset()
    offset: int = 0

    @property
    def descriptions(self) -> tuple[bytes, ...]:
        """The texts, without the zeros after them."""
        return tuple(filter(None, (text.split(b"\0")[0] for text in self.tags.get(DESCRIPTION, ()))))

    def one(self, tag: int, default: int) -> int:
        """Return a tag that holds a single number."""
        return int(self.tags.get(tag, default))

    def many(self, tag: int) -> tuple[int, ...]:
        """Return a tag that holds a few numbers; empty if it is not there."""
        return tuple(self.tags.get(tag, ()))

    def bulk(self, tag: int) -> NDArray[np.uint64]:
        """Return a tag that holds a number for each strip or tile; empty if it is not there."""
        return np.asarray(self.tags.get(tag, ()), np.uint64)


@dataclass(frozen=True)
class Directories:
    """All pages of a file, whether it is big-endian, and whether it is a BigTIFF."""

    pages: tuple[Directory, ...]
    big_endian: bool
    big: bool


def read_directories(file: BinaryIO, size: int) -> Directories:
    """Follow the chain of directories.

    Raises
    ------
    ValueError, struct.error
        If anything lies outside the file, occurs twice, or has another type or count than the standard says.
    """
    file.seek(0)
    start = file.read(16)
    order = "<" if start[:2] == b"II" else ">"
    big = struct.unpack(order + "H", start[2:4])[0] == 43
    if big and struct.unpack(order + "HH", start[4:8]) != (8, 0):
        raise ValueError("its BigTIFF header is wrong")
    reader = _Reader(file, size, order, big)
    offset = struct.unpack(order + ("Q" if big else "I"), start[8:16] if big else start[4:8])[0]
    pages, seen = [], set[int]()
    while offset:
        if offset in seen:
            raise ValueError("its directories form a loop")
        seen.add(offset)
        place = offset
        page, offset = reader.directory(place)
        pages.append(replace(page, offset=place))
    if not pages:
        raise ValueError("it has no pages")
    return Directories(tuple(pages), order == ">", big)


@dataclass
class _Reader:
    file: BinaryIO
    size: int
    order: str
    big: bool
    used: int = field(default=0, init=False)

    def _bytes(self, offset: int, count: int) -> bytes:
        if offset + count > self.size:
            raise ValueError(f"{count} bytes at {offset} lie outside the file")
        self.used += count
        if self.used > self.size + SHARED:
            raise ValueError("its pages share their tags")
        self.file.seek(offset)
        return self.file.read(count)

    def directory(self, offset: int) -> tuple[Directory, int]:
        counter, entry, pointer = ("Q", "HHQ8s", "Q") if self.big else ("H", "HHI4s", "I")
        head, step = struct.calcsize(self.order + counter), struct.calcsize(self.order + entry)
        (count,) = struct.unpack(self.order + counter, self._bytes(offset, head))
        if not 0 < count <= MOST_TAGS:
            raise ValueError(f"a directory has {count} tags")
        table = self._bytes(offset + head, count * step)
        tags: dict[int, Any] = {}
        kept: dict[int, Tag] = {}
        left = set[int]()
        for tag, kind, number, value in struct.iter_unpack(self.order + entry, table):
            length = _SIZES.get(kind, 0) * number
            place = 0 if length <= len(value) else struct.unpack(self.order + pointer, value)[0]
            if place + length > self.size:
                raise ValueError(f"the tag {tag} lies outside the file")
            if tag == DESCRIPTION and kind in _BYTES and 0 < number <= LONGEST_TEXT:  # tifffile writes two
                tags[tag] = (*tags.get(tag, ()), self._content(length, value, place))
            elif tag in _MOST and tag != DESCRIPTION:
                if tag in tags:
                    raise ValueError(f"the tag {tag} occurs twice")
                tags[tag] = self._value(tag, kind, number, self._content(length, value, place))
            elif tag == PLANES:
                tags[tag] = number
                left.add(tag)
            elif tag in _POINTERS or kind in _DIRECTORIES or length > LARGEST_KEPT:
                left.add(tag)
            elif tag not in _STORAGE and length and tag not in kept:
                kept[tag] = Tag(tag, kind, self._content(length, value, place))
        end = self._bytes(offset + head + count * step, struct.calcsize(self.order + pointer))
        return Directory(tags, tuple(kept.values()), frozenset(left)), struct.unpack(self.order + pointer, end)[0]

    def _content(self, length: int, inline: bytes, place: int) -> bytes:
        return inline[:length] if length <= len(inline) else self._bytes(place, length)

    def _value(self, tag: int, kind: int, count: int, content: bytes) -> Any:
        """Return the value of a tag that matters."""
        if not 0 < count <= _MOST[tag]:
            raise ValueError(f"the tag {tag} holds {count} values")
        if tag in _TEXTS and kind in _BYTES:
            return content
        if tag in (X_RESOLUTION, Y_RESOLUTION) and kind == _RATIONAL:
            return struct.unpack(self.order + "II", content)
        if tag in (*_TEXTS, X_RESOLUTION, Y_RESOLUTION) or kind not in _INTEGERS:
            raise ValueError(f"the tag {tag} has the type {kind}")
        values = np.frombuffer(content, self.order + _INTEGERS[kind])
        if tag in _BULK:
            return values
        return int(values[0]) if tag in _ONE else tuple(values.tolist())
