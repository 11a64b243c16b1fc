"""JPEG 2000 (.jp2, .j2k) of up to 16 bits, decoded and encoded by imagecodecs (OpenJPEG).

It is written without loss, whatever it came as. All boxes of a file but the one with the pixels are written back as
they were: profile, resolution, EXIF, XMP, GeoJP2.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.images.formats import boxes
from pellucid.images.formats.metadata import checked_icc
from pellucid.images.formats.picture import Form, Limits, Picture, Size, channels, squeezed
from pellucid.images.formats.source import Source, decoding, unsupported

SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
CODESTREAM = b"\xff\x4f\xff\x51"
_END = b"\xff\xd9"
_TYPE = boxes.pack(b"ftyp", b"jp2 \0\0\0\0jp2 ")
_SRGB, _GRAY = 16, 17  # colour spaces
_COLOUR, _OPACITY, _WHOLE = 0, 1, 0  # what a channel is, and that it belongs to all


@dataclass(frozen=True)
class Jpeg2000Form:
    """What only JPEG 2000 has.

    Attributes
    ----------
    bits : of a sample
    channels : alpha included
    before, after : the boxes around that of the pixels; without a first one, the file is a bare codestream
    """

    bits: int
    channels: int
    before: bytes = field(default=b"", repr=False)
    after: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class _File:
    height: int
    width: int
    dtype: np.dtype[Any]
    form: Jpeg2000Form
    alpha: bool
    icc: bytes | None
    codestream: bytes


def _opened(source: Source, limits: Limits) -> _File:
    """Return what the headers say, and the codestream.

    Raises
    ------
    ValueError, PellucidError
        If they contradict themselves, claim more than the limits, or are of a kind that is not read.
    """
    data = source.read()
    before, stream, after = b"", data, b""
    header: dict[bytes, bytes] = {}
    if data.startswith(SIGNATURE):
        places = {box.name: box for box in reversed(list(boxes.walk(data)))}  # the first of each counts
        if not {b"jp2h", b"jp2c"} <= set(places):
            raise ValueError("it has no header, or no pixels")
        pixels, inside = places[b"jp2c"], data[places[b"jp2h"].content]
        before, stream, after = data[: pixels.whole.start], data[pixels.content], data[pixels.whole.stop :]
        header = {box.name: inside[box.content] for box in reversed(list(boxes.walk(inside)))}
    height, width, samples, bits, signed = _sizes(source.name, stream)
    limits.check_size(source.name, width, height)
    alpha, icc = _colours(source.name, header, samples)
    dtype = np.dtype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")
    form = Jpeg2000Form(bits, samples, before, after)
    return _File(height, width, dtype, form, alpha, checked_icc(source.name, icc), stream)


def _sizes(name: str, stream: bytes) -> tuple[int, int, int, int, bool]:
    """Return height, width, components, bits, and whether values are signed, from the codestream's first segment."""
    if stream[:4] != CODESTREAM or len(stream) < 42:
        raise ValueError("it holds no pixels")
    right, bottom, left, top = struct.unpack_from(">4I", stream, 8)
    (samples,) = struct.unpack_from(">H", stream, 40)
    each = stream[42 : 42 + 3 * samples]
    if not 1 <= samples <= 4 or len(each) < 3 * samples or right <= left or bottom <= top:
        raise unsupported(name, f"JPEG 2000 of {samples} components; expected gray or RGB, with alpha or without")
    if set(each[1::3] + each[2::3]) != {1} or len(set(each[::3])) != 1:
        raise unsupported(name, "JPEG 2000 with components of different sizes or types")
    bits, signed = (each[0] & 0x7F) + 1, bool(each[0] & 0x80)
    if bits > 16:
        raise unsupported(name, f"JPEG 2000 of {bits} bits; expected at most 16")
    return bottom - top, right - left, samples, bits, signed


def _colours(name: str, header: dict[bytes, bytes], samples: int) -> tuple[bool, bytes | None]:
    """Return whether the last component is alpha, and the ICC profile.

    Raises
    ------
    PellucidError
        If the components are not gray or RGB.
    """
    if b"pclr" in header:
        raise unsupported(name, "JPEG 2000 with a palette")
    icc = None
    colour = header.get(b"colr", b"")
    if colour[:1] in (b"\2", b"\3"):
        icc = colour[3:]
    elif colour[:1] == b"\1" and int.from_bytes(colour[3:7], "big") not in (_SRGB, _GRAY):
        raise unsupported(name, f"JPEG 2000 in the colour space {int.from_bytes(colour[3:7], 'big')}; expected sRGB")
    roles = header.get(b"cdef", b"")[2:]
    named = {struct.unpack_from(">HHH", roles, at) for at in range(0, len(roles) - 5, 6)}
    alpha = (samples - 1, _OPACITY, _WHOLE) in named
    if samples - alpha not in (1, 3):
        raise unsupported(name, f"JPEG 2000 of {samples} components, of which none is named alpha")
    return alpha, icc


def size(source: Source, limits: Limits) -> Size:
    """Return the size from the headers."""
    with decoding(source.name):
        found = _opened(source, limits)
    return Size(found.height, found.width, found.form.channels - found.alpha, found.dtype.itemsize)


def read(source: Source, limits: Limits) -> Picture:
    """Read a JPEG 2000; values are as they are stored, 0 to 4095 if there are 12 bits."""
    with decoding(source.name):
        found = _opened(source, limits)
        if found.codestream[-2:] != _END:  # OpenJPEG would fill what is missing
            raise ValueError("its end is missing")
        import imagecodecs

        page = squeezed(np.asarray(imagecodecs.jpeg2k_decode(found.codestream, planar=False, numthreads=1)))
        if (*page.shape[:2], channels(page), page.dtype) != (
            found.height,
            found.width,
            found.form.channels,
            found.dtype,
        ):
            raise ValueError("its headers contradict each other")
    return Picture((page,), Form(kind="JPEG2000", icc=found.icc, extra=found.form))


def encode(picture: Picture) -> bytes:
    """Return the file's bytes; the one page is of 8 or 16 bits."""
    import imagecodecs

    page = squeezed(picture.pages[0])
    count, bits = channels(page), 8 * page.dtype.itemsize
    own = picture.form.extra
    as_it_came = isinstance(own, Jpeg2000Form) and own.channels == count and bits == (8 if own.bits <= 8 else 16)
    if isinstance(own, Jpeg2000Form) and as_it_came:
        signed = page.dtype.kind == "i"
        low, high = (-(2 ** (own.bits - 1)), 2 ** (own.bits - 1) - 1) if signed else (0, 2**own.bits - 1)
        page, bits = np.clip(page, low, high), own.bits
    stream = bytes(
        imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(page), level=0, codecformat="j2k", bitspersample=bits, reversible=True, numthreads=1
        )
    )
    if isinstance(own, Jpeg2000Form) and as_it_came:
        return own.before + boxes.pack(b"jp2c", stream) + own.after if own.before else stream
    return SIGNATURE + _TYPE + _header(page, bits, picture.form.icc) + boxes.pack(b"jp2c", stream)


def _header(page: NDArray[Any], bits: int, icc: bytes | None) -> bytes:
    """Return the header of a page that came from no JPEG 2000."""
    count = channels(page)
    depth = bits - 1 | (0x80 if page.dtype.kind == "i" else 0)
    content = boxes.pack(b"ihdr", struct.pack(">IIHBBBB", *page.shape[:2], count, depth, 7, 0, 0))
    space = struct.pack(">I", _SRGB if count > 2 else _GRAY)
    content += boxes.pack(b"colr", b"\2\0\0" + icc if icc else b"\1\0\0" + space)
    if count in (2, 4):
        roles = [(number, _COLOUR, number + 1) for number in range(count - 1)] + [(count - 1, _OPACITY, _WHOLE)]
        packed = b"".join(struct.pack(">HHH", *role) for role in roles)
        content += boxes.pack(b"cdef", struct.pack(">H", count) + packed)
    return boxes.pack(b"jp2h", content)
