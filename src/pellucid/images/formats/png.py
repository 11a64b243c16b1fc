"""PNG: 1 to 16 bits, gray, colour, palette, alpha (https://www.w3.org/TR/png-3/).

The chunks are read and checked here; Pillow or, for several channels of 16 bits, imagecodecs is given only the header,
the palette and the pixels.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.images.formats.metadata import (
    LARGEST_EXIF,
    LARGEST_ICC,
    checked_dpi,
    checked_icc,
    split_exif,
    swapped,
    turned,
)
from pellucid.images.formats.palette import requantise, resolve
from pellucid.images.formats.picture import Form, Limits, Picture, channels, squeezed
from pellucid.images.formats.png_chunks import (
    KEPT,
    SAMPLES,
    SIGNATURE,
    Header,
    check_stream,
    pack,
    read_chunks,
    read_header,
    walk,
)
from pellucid.images.formats.source import Source, decoding

_INCHES = 0.0254


@dataclass(frozen=True)
class PngForm:
    """What only PNG has.

    Attributes
    ----------
    bits : of a gray sample, where that is 2 or 4
    key : the gray or colour that stands for transparent, as stored; the pages have an alpha channel instead
    chunks : small ones to keep, by name
    """

    bits: int | None = None
    key: tuple[int, ...] | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()


def size(source: Source, limits: Limits) -> tuple[int, int, int]:
    """Return height, width and colour channels; only chunk headers, IHDR and eXIf are read."""
    header, exif = None, None
    with decoding(source.name):
        for name, length in walk(source):
            if header is None:
                header = read_header(source, name, source.file.read(min(length, 14)), limits)
            elif name == b"eXIf" and exif is None and length <= LARGEST_EXIF:
                exif = source.file.read(length)
        if header is None:
            raise ValueError("it has no chunks")
    height, width = swapped((header.height, header.width), split_exif(exif)[0]) or (0, 0)
    return height, width, 3 if header.colour_type in (2, 3, 6) else 1


def read(source: Source, limits: Limits) -> Picture:
    """Read a PNG; an animated one is refused."""
    with decoding(source.name):
        header, chunks, pixels = read_chunks(source, limits)
        palette, transparent = chunks.get(b"PLTE"), chunks.get(b"tRNS")
        key = None
        page = _decode(header, palette, pixels)
        if header.colour_type == 3:
            if palette is None or len(palette) % 3:
                raise ValueError("its palette is missing")
            page = resolve(page, _colours(palette, transparent))
        elif transparent is not None and header.colour_type in (0, 2):
            if header.depth < 8:
                raise PellucidError(
                    f"{source.name} marks one of {2**header.depth} grays as transparent; expected 8 bits, 16 bits or "
                    "a palette for that. Save it with a palette."
                )
            stored = struct.unpack(f">{SAMPLES[header.colour_type]}H", transparent)
            key = tuple(value % 2**header.depth for value in stored)  # the standard: other bits have no meaning
            page = _with_alpha(page, key)
        icc = _profile(source.name, chunks.get(b"iCCP"))
    orientation, exif = split_exif(chunks.get(b"eXIf"))
    kept = {name: chunks[name] for name, length in KEPT.items() if len(chunks.get(name, b"")) == length}
    if b"pHYs" in kept:
        kept[b"pHYs"] = _turned_density(kept[b"pHYs"], orientation)
    bits = header.depth if header.depth in (2, 4) else None
    form = Form(
        kind="PNG",
        palette_bits=header.depth if header.colour_type == 3 else None,
        dpi=_dpi(kept.get(b"pHYs")),
        icc=icc,
        exif=exif,
        extra=PngForm(bits=bits if header.colour_type == 0 else None, key=key, chunks=tuple(kept.items())),
    )
    return Picture((turned(page, orientation),), form)


def _decode(header: Header, palette: bytes | None, pixels: list[bytes]) -> NDArray[Any]:
    """Return bool, uint8 or uint16 samples; for colour type 3, indices.

    The decoder sees a fresh file, without anything that could distract it.
    """
    chunks = [(b"IHDR", header.raw), *((b"IDAT", piece) for piece in pixels), (b"IEND", b"")]
    if header.colour_type == 3 and palette:
        chunks.insert(1, (b"PLTE", palette))
    fresh = SIGNATURE + b"".join(pack(name, content) for name, content in chunks)
    if header.depth == 16 and header.colour_type:  # Pillow would cut it to 8 bits
        import imagecodecs

        check_stream(header, pixels)
        return np.asarray(imagecodecs.png_decode(fresh))
    from PIL import PngImagePlugin

    with PngImagePlugin.PngImageFile(io.BytesIO(fresh)) as opened:
        return np.array(opened)


def _colours(palette: bytes, transparent: bytes | None) -> NDArray[np.uint8]:
    colours = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    if transparent is None:
        return colours
    alpha = np.full(len(colours), 255, np.uint8)
    alpha[: len(transparent)] = np.frombuffer(transparent, np.uint8)[: len(colours)]
    return np.column_stack([colours, alpha])


def _with_alpha(page: NDArray[Any], key: tuple[int, ...]) -> NDArray[Any]:
    colours = page if page.ndim == 3 else page[..., None]
    seen = (colours != np.asarray(key, np.uint16)).any(axis=2, keepdims=True)
    return np.concatenate([colours, seen * np.asarray(np.iinfo(page.dtype).max, page.dtype)], axis=2)


def _without_alpha(page: NDArray[Any], key: tuple[int, ...]) -> NDArray[Any]:
    """Give transparent pixels the key, and move what is seen off it by one step of one channel."""
    colours, seen = page[..., :-1].copy(), page[..., -1] > 0
    value = np.asarray(key, page.dtype)
    chance = seen & (colours == value).all(axis=2)
    colours[chance, 0] = value[0] - 1 if value[0] else 1
    colours[~seen] = value
    return squeezed(colours)


def _profile(name: str, chunk: bytes | None) -> bytes | None:
    """Unpack an iCCP chunk: a name, a zero, the method, and the deflated profile."""
    if chunk is None:
        return None
    _, _, rest = chunk.partition(b"\0")
    unpacker = zlib.decompressobj()
    return checked_icc(name, unpacker.decompress(rest[1:], LARGEST_ICC + 1))


def _turned_density(content: bytes, orientation: int) -> bytes:
    return content[4:8] + content[:4] + content[8:] if orientation >= 5 else content


def _dpi(density: bytes | None) -> tuple[float, float] | None:
    if density is None or density[8] != 1:  # 0: a shape of pixels, without a unit
        return None
    x, y = struct.unpack(">II", density[:8])
    return checked_dpi(x * _INCHES, y * _INCHES)


def encode(picture: Picture) -> bytes:
    """Return the file's bytes; the one page is bool, uint8 or uint16 with 1 to 4 channels."""
    form = picture.form
    own = form.extra if isinstance(form.extra, PngForm) else PngForm()
    page = squeezed(picture.pages[0])
    chunks = dict(own.chunks)
    if form.dpi and b"pHYs" not in chunks:
        chunks[b"pHYs"] = struct.pack(">IIB", *(round(value / _INCHES) for value in form.dpi), 1)
    if form.icc:
        chunks[b"iCCP"] = b"ICC profile\0\0" + zlib.compress(form.icc)
    if form.exif:
        chunks[b"eXIf"] = form.exif
    if form.palette_bits and page.dtype == np.uint8 and channels(page) >= 3:
        body = _encode_palette(page, form.palette_bits)
    elif own.key and channels(page) == len(own.key) + 1 and page.dtype != np.bool_:
        body = _encode(_without_alpha(page, own.key))
        chunks[b"tRNS"] = struct.pack(f">{len(own.key)}H", *own.key)
    elif own.bits and page.ndim == 2 and page.dtype == np.uint8:
        body = _encode_few_grays(page, own.bits)
    else:
        body = _encode(page)
    after_header = len(SIGNATURE) + 25
    return body[:after_header] + b"".join(pack(*pair) for pair in chunks.items()) + body[after_header:]


def _encode(page: NDArray[Any]) -> bytes:
    if page.dtype == np.uint16 and page.ndim == 3:
        import imagecodecs

        return bytes(imagecodecs.png_encode(np.ascontiguousarray(page)))
    from PIL import Image as pillow

    buffer = io.BytesIO()
    pillow.fromarray(page).save(buffer, "PNG")
    return buffer.getvalue()


def _encode_palette(page: NDArray[np.uint8], bits: int) -> bytes:
    from PIL import Image as pillow

    indices, colours = requantise(page, 2**bits)
    image = pillow.fromarray(indices).convert("P")
    image.putpalette(colours[:, :3].tobytes())
    buffer = io.BytesIO()
    transparency = {"transparency": colours[:, 3].tobytes()} if colours.shape[1] == 4 else {}
    image.save(buffer, "PNG", bits=bits, **transparency)
    return buffer.getvalue()


def _encode_few_grays(page: NDArray[np.uint8], bits: int) -> bytes:
    """Pack 2 or 4 bits a sample, which Pillow reads but does not write."""
    height, width = page.shape
    levels = np.rint(page.astype(np.float32) * ((2**bits - 1) / 255)).astype(np.uint8)
    padded = np.pad(levels, ((0, 0), (0, -width % (8 // bits))))
    split = np.unpackbits(padded[..., None], axis=2)[..., 8 - bits :]
    rows = np.packbits(split.reshape(height, -1), axis=1)
    unfiltered = np.pad(rows, ((0, 0), (1, 0)))  # each row starts with its filter: 0, none
    ihdr = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return SIGNATURE + b"".join(
        (pack(b"IHDR", ihdr), pack(b"IDAT", zlib.compress(unfiltered.tobytes())), pack(b"IEND", b""))
    )
