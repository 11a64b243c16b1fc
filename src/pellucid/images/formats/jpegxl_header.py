"""The header of a JPEG XL codestream (ISO/IEC 18181-1, annex D), as far as it says what is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.images.formats.source import unsupported

CODESTREAM = b"\xff\x0a"
LONGEST = 4096
"""Bytes at the start of a codestream that `read_header` is given."""
_RATIOS = (None, (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # of width to height
_RGB, _GRAY, _D65, _SRGB = 0, 1, 1, 1
_TRANSFER = (8, 13)  # linear, as floats are written, and sRGB
_ALPHA = 0


@dataclass(frozen=True)
class Header:
    """Height and width as they are stored, the orientation, what a sample is, and the channels."""

    height: int
    width: int
    orientation: int = 1
    bits: int = 8
    floating: bool = False
    colours: int = 3
    alpha: bool = False


class _Bits:
    """A stream of bits, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise ValueError("its header ends too early")
        value = self._value & (1 << count) - 1
        self._value >>= count
        self._left -= count
        return value

    def flag(self) -> bool:
        return self.take(1) == 1

    def choose(self, *ways: tuple[int, int]) -> int:
        """Take one of four numbers, each an offset and the bits that are added to it."""
        offset, count = ways[self.take(2)]
        return offset + self.take(count)

    def enum(self) -> int:
        return self.choose((0, 0), (1, 0), (2, 4), (18, 6))

    def size(self) -> tuple[int, int]:
        """Return height and width."""
        small = self.flag()

        def length() -> int:
            return 8 * (1 + self.take(5)) if small else self.choose((1, 9), (1, 13), (1, 18), (1, 30))

        height = length()
        ratio = _RATIOS[self.take(3)]
        return height, height * ratio[0] // ratio[1] if ratio else length()

    def depth(self) -> tuple[int, bool]:
        """Return the bits of a sample, and whether it is a float."""
        if not self.flag():
            return self.choose((8, 0), (10, 0), (12, 0), (1, 6)), False
        bits = self.choose((32, 0), (16, 0), (24, 0), (1, 6))
        self.take(4)  # of the exponent
        return bits, True


def read_header(name: str, start: bytes) -> Header:
    """Return what the first bytes of a codestream say.

    Raises
    ------
    ValueError, PellucidError
        If they are no header, or of a kind that could not be written back.
    """
    if start[:2] != CODESTREAM:
        raise ValueError("it holds no pixels")
    bits = _Bits(start[2:LONGEST])
    height, width = bits.size()
    if bits.flag():  # all else is as usual
        return Header(height, width)
    orientation = 1
    if bits.flag():
        orientation += bits.take(3)
        if bits.flag():
            bits.size()  # to be shown in
        if bits.flag():
            raise unsupported(name, "JPEG XL with a preview")
        if bits.flag():
            raise unsupported(name, "animated, several frames", "Save its frames as files.")
    depth, floating = bits.depth()
    bits.take(1)  # about buffers of the decoder
    alpha = _alpha(name, bits)
    bits.take(1)  # how colours are coded, not what they are
    return Header(height, width, orientation, depth, floating, _colours(name, bits), alpha)


def _alpha(name: str, bits: _Bits) -> bool:
    count = bits.choose((0, 0), (1, 0), (2, 4), (1, 12))
    if count == 0:
        return False
    if count == 1:
        if bits.flag():
            return True
        kind = bits.enum()
        bits.depth()
        bits.choose((0, 0), (3, 0), (4, 0), (1, 3))  # a smaller size
        bits.take(8 * bits.choose((0, 0), (0, 4), (16, 5), (48, 10)))  # a name
        if kind == _ALPHA and not bits.flag():  # not multiplied into the colours
            return True
    raise unsupported(name, "JPEG XL with other channels than gray, RGB and unassociated alpha")


def _colours(name: str, bits: _Bits) -> int:
    """Return the number of colour channels, if they are gray or sRGB: imagecodecs gives and takes no profile."""
    if bits.flag():
        return 3
    profile, space = bits.flag(), bits.enum()
    if not profile and space in (_RGB, _GRAY) and bits.enum() == _D65 and (space == _GRAY or bits.enum() == _SRGB):
        gamma = bits.flag()
        if not gamma and bits.enum() in _TRANSFER:
            return 1 if space == _GRAY else 3
    raise unsupported(name, "JPEG XL with a colour profile, or of other colours than sRGB", "Convert it to sRGB first.")
