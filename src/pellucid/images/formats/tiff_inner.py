"""The headers of images inside of a TIFF's strips and tiles: none may claim more pixels than its strip or tile has.

A decoder makes room for what such a header claims; a few bytes can claim any size.

Sources: ISO/IEC 10918-1 (JPEG), 15444-1 (JPEG 2000), 29199-2 (JPEG XR), 18181-1 and -2 (JPEG XL), RFC 9649 (WebP), the
PNG specification, and Esri's `Lerc2.cpp` (LERC).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from pellucid.images.formats import tiff_layout as page_kind
from pellucid.images.formats.source import Source
from pellucid.images.formats.tiff_layout import COMPRESSIONS, Layout, unsupported

_START = 2**16  # bytes in which the header is looked for first
_HEADER = 2**9  # of JPEG XL, at most
_JPEG_XR_TAGS = {0xBC01, 0xBC02, 0xBC04, *range(0xBC80, 0xBC84), *range(0xBCC0, 0xBCC6), 0xEA1C}
_ALPHA, _SPOT, _CFA = 0, 2, 5  # types of JPEG XL's extra channels


class Claim(NamedTuple):
    """What a header claims; `other` says why pellucid does not read it, if so."""

    width: int
    height: int
    channels: int
    other: str = ""


def check_inner_images(source: Source, layout: Layout) -> None:
    """Check the header of every strip or tile of a page.

    Raises
    ------
    PellucidError
        If one is of a kind that pellucid does not read.
    ValueError, struct.error, IndexError
        If one is damaged, or of another size than its strip or tile.
    """
    kind = COMPRESSIONS[layout.compression]
    parse = _PARSERS[kind]
    height, width = layout.tile or (layout.rows, layout.width)
    down = -(-layout.height // height)
    for number, (offset, count) in enumerate(zip(layout.offsets.tolist(), layout.counts.tolist(), strict=True)):
        source.file.seek(offset)
        data = source.file.read(min(count, _START))
        try:
            claim = parse(data, count)
        except (ValueError, struct.error, IndexError):
            if count <= _START:
                raise
            claim = parse(data + source.file.read(count - _START), count)
        if claim.other:
            raise unsupported(
                source.name, f"{kind} compression with {claim.other}", "the usual kind", "Save it with LZW."
            )
        last = layout.tile is None and number % down == down - 1  # which may be shorter
        least = layout.height - (down - 1) * height if last else height
        if not _fits(claim, layout, width, range(least, height + 1)):
            size = f"{claim.width}x{claim.height} pixels in {claim.channels} channels"
            raise ValueError(f"a strip or tile of {width}x{height} pixels holds a {kind} image of {size}")


def _fits(claim: Claim, layout: Layout, width: int, heights: range) -> bool:
    channels = 1 if layout.planar else layout.samples
    opaque = layout.compression == page_kind.WEBP and channels == 4 and claim.channels == 3  # alpha is left out
    # JPEG may be written in whole blocks.
    spare = 15 if layout.compression == page_kind.JPEG else 0
    fits = width <= claim.width <= width + spare and heights.start <= claim.height < heights.stop + spare
    return fits and (claim.channels == channels or opaque)


def _jpeg(data: bytes, _: int) -> Claim:
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            precision, rows, columns, channels = struct.unpack(">BHHB", data[place + 4 : place + 10])
            return Claim(columns, rows, channels, "" if precision == 8 else f"{precision} bits")
        place += 2 + length
    raise ValueError("a strip or tile holds no JPEG")


def _jpeg_2000(data: bytes, count: int) -> Claim:
    place, palette = 0, False
    if data[4:8] == b"jP  ":  # boxes: length, name, content
        while data[place + 4 : place + 8] != b"jp2c":
            length = int.from_bytes(data[place : place + 4], "big")
            palette = palette or (data[place + 4 : place + 8] == b"jp2h" and b"pclr" in data[place : place + length])
            if length < 8 or place + length >= len(data):
                raise ValueError("a strip or tile holds no JPEG 2000")
            place += length
        place += 8
    if data[place : place + 4] != b"\xff\x4f\xff\x51":
        raise ValueError("a strip or tile holds no JPEG 2000")
    x, y, left, top = struct.unpack(">4I", data[place + 8 : place + 24])
    (channels,) = struct.unpack(">H", data[place + 40 : place + 42])
    steps = {tuple(data[place + 43 + 3 * each : place + 45 + 3 * each]) for each in range(channels)}
    other = "a palette" if palette else "fewer samples of colour" if steps != {(1, 1)} else ""
    return Claim(x - left, y - top, channels, other)


def _jpeg_xr(data: bytes, _: int) -> Claim:
    if data[:4] != b"II\xbc\x01":
        raise ValueError("a strip or tile holds no JPEG XR")
    (start,) = struct.unpack("<I", data[4:8])
    (number,) = struct.unpack("<H", data[start : start + 2])
    tags = {}
    for each in range(min(number, 64)):
        name, _kind, _count, value = struct.unpack("<HHII", data[start + 2 + 12 * each : start + 14 + 12 * each])
        tags[name] = value
    if not tags.keys() <= _JPEG_XR_TAGS:  # the decoder would complain on the terminal
        raise ValueError("its JPEG XR has tags of another kind")
    place = tags.get(0xBCC0, -1)
    if place < 0 or data[place : place + 8] != b"WMPHOTO\0":
        raise ValueError("a strip or tile holds no JPEG XR")
    short = data[place + 10] & 0x80
    sizes = struct.unpack(">HH" if short else ">II", data[place + 12 : place + (16 if short else 20)])
    channels = {0: 1, 1: 3, 2: 3, 3: 3, 4: 4, 7: 3}.get(data[place + 11] >> 4, 0)
    alpha = data[place + 10] & 1 or 0xBCC2 in tags
    # The container repeats the size, and the decoder believes it.
    width, height = max(sizes[0] + 1, tags.get(0xBC80, 0)), max(sizes[1] + 1, tags.get(0xBC81, 0))
    return Claim(width, height, channels + bool(alpha), "" if channels else "channels of another kind")


def _webp(data: bytes, _: int) -> Claim:
    kind = data[12:16]
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 30:
        raise ValueError("a strip or tile holds no WebP")
    if kind == b"VP8X":
        animated, channels = data[20] & 2, 4 if data[20] & 16 else 3
        width, height = (int.from_bytes(data[place : place + 3], "little") + 1 for place in (24, 27))
        return Claim(width, height, channels, "several frames" if animated else "")
    if kind == b"VP8L":
        packed = int.from_bytes(data[21:25], "little")
        return Claim((packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1, 4 if packed >> 28 & 1 else 3)
    if kind != b"VP8 ":
        raise ValueError("a strip or tile holds no WebP")
    width, height = struct.unpack("<HH", data[26:30])
    return Claim(width & 0x3FFF, height & 0x3FFF, 3)


def _png(data: bytes, _: int) -> Claim:
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        raise ValueError("a strip or tile holds no PNG")
    width, height, bits, colour = struct.unpack(">IIBB", data[16:26])
    channels = {0: 1, 2: 3, 4: 2, 6: 4}.get(colour, 0)
    return Claim(width, height, channels, "" if channels and bits in (8, 16) else "a palette or few bits")


def _lerc(data: bytes, count: int) -> Claim:
    if data[:6] != b"Lerc2 ":
        return Claim(0, 0, 0, "an old version of LERC")
    (version,) = struct.unpack("<i", data[6:10])
    if not 2 <= version <= 6:
        return Claim(0, 0, 0, f"version {version} of LERC")
    place = 10 if version < 3 else 14
    numbers = struct.unpack("<7i", data[place : place + 28])
    height, width = numbers[:2]
    channels, size = (numbers[2], numbers[5]) if version > 3 else (1, numbers[4])
    # More images could follow the first, each as large.
    return Claim(width, height, channels, "several images" if count - size >= 50 else "")


class _Bits:
    """The bits of a JPEG XL header, from the lowest of each byte on."""

    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data[:_HEADER], "little"), 8 * min(len(data), _HEADER)

    def take(self, count: int) -> int:
        if count > self.left:
            raise ValueError("a strip or tile holds no JPEG XL")
        result = self.value & ((1 << count) - 1)
        self.value >>= count
        self.left -= count
        return result

    def choice(self, *kinds: tuple[int, int]) -> int:
        """Read one of four forms of a number: an offset, and how many bits are added to it."""
        offset, bits = kinds[self.take(2)]
        return offset + self.take(bits)

    def kind(self) -> int:
        """Read a number of an enumeration."""
        return self.choice((0, 0), (1, 0), (2, 4), (18, 6))

    def depth(self) -> None:
        """Pass over the bits of a sample."""
        if self.take(1):  # floats
            self.choice((32, 0), (16, 0), (24, 0), (1, 6))
            self.take(4)
        else:
            self.choice((8, 0), (10, 0), (12, 0), (1, 6))

    def extra(self) -> None:
        """Pass over the description of an extra channel."""
        if self.take(1):  # alpha as usual
            return
        kind = self.kind()
        self.depth()
        self.choice((0, 0), (3, 0), (4, 0), (1, 3))
        self.take(8 * self.choice((0, 0), (0, 4), (16, 5), (48, 10)))
        if kind == _ALPHA:
            self.take(1)
        elif kind == _SPOT:
            self.take(4 * 16)
        elif kind == _CFA:
            self.choice((1, 0), (0, 2), (3, 4), (19, 8))

    def size(self) -> tuple[int, int]:
        """Return (width, height)."""
        small = self.take(1)

        def side() -> int:
            return (self.take(5) + 1) * 8 if small else self.choice((1, 9), (1, 13), (1, 18), (1, 30))

        height = side()
        ratio = self.take(3)
        if not ratio:
            return side(), height
        part, whole = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))[ratio - 1]
        return height * part // whole, height


def _jpeg_xl(data: bytes, _: int) -> Claim:
    place = 0
    if data[4:8] == b"JXL ":  # boxes: length, name, content; a codestream in parts has a number before each
        while data[place + 4 : place + 8] not in (b"jxlc", b"jxlp"):
            length = int.from_bytes(data[place : place + 4], "big")
            if length < 8 or place + length >= len(data):
                raise ValueError("a strip or tile holds no JPEG XL")
            place += length
        place += 8 if data[place + 4 : place + 8] == b"jxlc" else 12
    if data[place : place + 2] != b"\xff\x0a":
        raise ValueError("a strip or tile holds no JPEG XL")
    bits = _Bits(data[place + 2 :])
    width, height = bits.size()
    if bits.take(1):  # all else is as usual: 8 bits, RGB
        return Claim(width, height, 3)
    turned = False
    if bits.take(1):
        turned = bits.take(3) >= 4
        if bits.take(1):
            bits.size()
        if bits.take(2):
            return Claim(width, height, 1, "a preview or several frames")
    bits.depth()
    bits.take(1)  # whether 16 bits suffice inside
    more = bits.choice((0, 0), (1, 0), (2, 4), (1, 12))
    for _ in range(more):
        bits.extra()
    bits.take(1)  # whether it is stored in XYB
    gray = False
    if not bits.take(1):  # whether colours are as usual
        bits.take(1)  # whether there is a profile
        gray = bits.kind() == 1
    return Claim(*((height, width) if turned else (width, height)), (1 if gray else 3) + more)


_PARSERS: dict[str, Callable[[bytes, int], Claim]] = {
    "JPEG": _jpeg,
    "JPEG 2000": _jpeg_2000,
    "JPEG XR": _jpeg_xr,
    "JPEG XL": _jpeg_xl,
    "WebP": _webp,
    "LERC": _lerc,
    "PNG": _png,
}
