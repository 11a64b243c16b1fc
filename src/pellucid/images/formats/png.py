"""PNG: 1 to 16 bits, gray, colour, palette, alpha (https://www.w3.org/TR/png-3/).

The chunks are read and checked here. Pillow or, for several channels of 16 bits, imagecodecs is given only the header,
the palette and the pixels. Written are gray, RGB and alpha of 1, 8 or 16 bits; a note says what else came.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.images.depths import largest
from pellucid.images.formats import palette, png_text
from pellucid.images.formats.metadata import (
    LARGEST_EXIF,
    LARGEST_ICC,
    checked_dpi,
    checked_icc,
    swapped,
    turned,
    upright,
)
from pellucid.images.formats.picture import Form, Limits, Picture, Size, channels, squeezed
from pellucid.images.formats.png_chunks import (
    KEPT,
    LARGEST_PALETTE,
    LARGEST_REST,
    SAMPLES,
    SIGNATURE,
    TEXTS,
    Header,
    check_stream,
    pack,
    read_chunks,
    read_header,
    walk,
)
from pellucid.images.formats.source import Source, decoding

_INCH = 0.0254  # metres


@dataclass(frozen=True)
class PngForm:
    """What only PNG has: chunks to keep, as (name, content)."""

    chunks: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)


def size(source: Source, limits: Limits) -> Size:
    """Return the size; of the chunks, only IHDR, PLTE and those that tell the orientation are read."""
    header, seen, texts = None, dict[bytes, bytes](), list[tuple[bytes, bytes]]()
    largest_wanted = {b"PLTE": LARGEST_PALETTE, b"eXIf": LARGEST_EXIF}
    left = LARGEST_REST
    with decoding(source.name):
        for name, length in walk(source):
            if header is None:
                header = read_header(source, name, source.file.read(min(length, 14)), limits)
            elif name not in seen and length <= largest_wanted.get(name, -1):
                seen[name] = source.file.read(length)
            elif name in TEXTS and length <= left:
                left -= length
                texts.append((name, source.file.read(length)))
        if header is None:
            raise ValueError("it has no chunks")
        gray = palette.is_gray(_colours(seen.get(b"PLTE"))) if header.colour_type == 3 else header.colour_type in (0, 4)
    found = png_text.sort(texts)
    orientation = upright(seen.get(b"eXIf") or found.exif, found.xmp).orientation
    height, width = swapped((header.height, header.width), orientation)
    return Size(height, width, 1 if gray else 3, 2 if header.depth == 16 else 1)


def read(source: Source, limits: Limits) -> Picture:
    """Read a PNG; an animated one is refused."""
    with decoding(source.name):
        chunks = read_chunks(source, limits)
        header, named = chunks.header, chunks.named
        transparent = named.get(b"tRNS")
        page = _decode(header, named.get(b"PLTE"), chunks.pixels)
        notes = [] if chunks.complete else [f"texts are kept up to {LARGEST_REST} bytes: some are left out"]
        colours = None
        if header.colour_type == 0 and (header.depth in (2, 4) or (header.depth == 1 and transparent)):
            notes.append(f"gray of {header.depth} bit{'s' * (header.depth > 1)} is written with 8")
        if header.colour_type == 3:
            colours = _colours(named.get(b"PLTE"), transparent)
            page = palette.resolve(page, colours)
            notes.append(palette.note(colours))
        elif transparent is not None and header.colour_type in (0, 2):
            key = struct.unpack(f">{SAMPLES[header.colour_type]}H", transparent)
            page = _with_alpha(page, _spread(header, key))
            notes.append("the colour that stands for transparent is written as an alpha channel")
        icc = _profile(source.name, named.get(b"iCCP"))
    texts = png_text.sort(chunks.rest)
    orientation, exif, xmp, lost = upright(named.get(b"eXIf") or texts.exif, texts.xmp)
    kept = {name: named[name] for name, length in KEPT.items() if len(named.get(name, b"")) == length}
    if b"pHYs" in kept:
        x, y, unit = struct.unpack(">4s4sc", kept[b"pHYs"])
        kept[b"pHYs"] = b"".join(swapped((x, y), orientation)) + unit
    kept |= _as_written(header, named, colours, page)
    form = Form(
        kind="PNG",
        dpi=_dpi(kept.get(b"pHYs")),
        icc=icc,
        exif=exif,
        xmp=xmp,
        extra=PngForm((*kept.items(), *texts.others)),
        notes=(*notes, *lost),
    )
    return Picture((turned(page, orientation),), form)


def _spread(header: Header, values: tuple[int, ...]) -> tuple[int, ...]:
    """Return samples of less than 8 bits spread over 8, as those of the page are; bits above the depth do not count."""
    factor = 255 // (2**header.depth - 1) if header.depth < 8 else 1
    return tuple(value % 2**header.depth * factor for value in values)


def _as_written(
    header: Header, named: dict[bytes, bytes], colours: NDArray[np.uint8] | None, page: NDArray[Any]
) -> dict[bytes, bytes]:
    """Return the significant bits (sBIT) and the background (bKGD) as they are said of the page that is written."""
    count = 1 if channels(page) < 3 else 3
    written = {}
    bits = named.get(b"sBIT", b"")
    if len(bits) == (SAMPLES[header.colour_type] if colours is None else 3):
        bits = bytes([max(bits)]) if colours is not None and count == 1 else bits
        alpha = bytes([8 * page.dtype.itemsize]) * (channels(page) - len(bits))
        written[b"sBIT"] = bits + alpha
    background = named.get(b"bKGD", b"")
    if colours is not None and len(background) == 1 and background[0] < len(colours):
        written[b"bKGD"] = struct.pack(f">{count}H", *colours[background[0], :count].tolist())
    elif colours is None and len(background) == 2 * count:
        values = struct.unpack(f">{count}H", background)
        written[b"bKGD"] = background if page.dtype == np.bool_ else struct.pack(f">{count}H", *_spread(header, values))
    return written


def _decode(header: Header, colours: bytes | None, pixels: list[bytes]) -> NDArray[Any]:
    """Return bool, uint8 or uint16 samples; for colour type 3, indices.

    The decoder is given a new file that holds only what has been checked.
    """
    chunks = [(b"IHDR", header.raw), *((b"IDAT", piece) for piece in pixels), (b"IEND", b"")]
    if header.colour_type == 3 and colours:
        chunks.insert(1, (b"PLTE", colours))
    fresh = SIGNATURE + b"".join(pack(name, content) for name, content in chunks)
    if header.depth == 16 and header.colour_type:  # Pillow would cut it to 8 bits
        import imagecodecs

        check_stream(header, pixels)
        return np.asarray(imagecodecs.png_decode(fresh))
    from PIL import PngImagePlugin

    with PngImagePlugin.PngImageFile(io.BytesIO(fresh)) as opened:
        return np.array(opened)


def _colours(content: bytes | None, transparent: bytes | None = None) -> NDArray[np.uint8]:
    """Return the palette (N, 3), or (N, 4) with alpha, from the contents of PLTE and tRNS."""
    if content is None or len(content) % 3 or len(content) > LARGEST_PALETTE:
        raise ValueError("its palette is missing or wrong")
    colours = np.frombuffer(content, np.uint8).reshape(-1, 3)
    if transparent is None:
        return colours
    alpha = np.full(len(colours), 255, np.uint8)
    alpha[: len(transparent)] = np.frombuffer(transparent, np.uint8)[: len(colours)]
    return np.column_stack([colours, alpha])


def _with_alpha(page: NDArray[Any], key: tuple[int, ...]) -> NDArray[Any]:
    """Append an alpha channel in which the pixels of the colour `key` are transparent."""
    if page.dtype == np.bool_:
        page = page * np.uint8(255)
    colours = page if page.ndim == 3 else page[..., None]
    seen = (colours != np.asarray(key, np.uint16)).any(axis=2, keepdims=True)
    return np.concatenate([colours, seen * np.asarray(largest(page.dtype), page.dtype)], axis=2)


def _profile(name: str, chunk: bytes | None) -> bytes | None:
    """Unpack an iCCP chunk: a name, a zero, the method, and the deflated profile."""
    if chunk is None:
        return None
    _, _, rest = chunk.partition(b"\0")
    unpacker = zlib.decompressobj()
    return checked_icc(name, unpacker.decompress(rest[1:], LARGEST_ICC + 1))


def _dpi(density: bytes | None) -> tuple[float, float] | None:
    if density is None or density[8] != 1:  # 0: a shape of pixels, without a unit
        return None
    x, y = struct.unpack(">II", density[:8])
    return checked_dpi(x * _INCH, y * _INCH)


def encode(picture: Picture) -> bytes:
    """Return the file's bytes; the one page is bool, uint8 or uint16 with 1 to 4 channels."""
    form = picture.form
    page = squeezed(picture.pages[0])
    lengths = {b"sBIT": channels(page), b"bKGD": 2 if channels(page) < 3 else 6}
    own = form.extra.chunks if isinstance(form.extra, PngForm) else ()
    chunks = [(name, content) for name, content in own if len(content) == lengths.get(name, len(content))]
    if form.dpi and b"pHYs" not in dict(chunks):
        chunks.append((b"pHYs", struct.pack(">IIB", *(round(value / _INCH) for value in form.dpi), 1)))
    if form.icc:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(form.icc)))
    if form.exif:
        chunks.append((b"eXIf", form.exif))
    if form.xmp:
        chunks.append((b"iTXt", png_text.xmp_chunk(form.xmp)))
    body = _encode(page)
    after_header = len(SIGNATURE) + 25
    return body[:after_header] + b"".join(pack(*pair) for pair in chunks) + body[after_header:]


def _encode(page: NDArray[Any]) -> bytes:
    if page.dtype == np.uint16 and page.ndim == 3:  # Pillow has no such mode
        import imagecodecs

        return bytes(imagecodecs.png_encode(np.ascontiguousarray(page)))
    from PIL import Image as pillow

    buffer = io.BytesIO()
    pillow.fromarray(page).save(buffer, "PNG")
    return buffer.getvalue()
