"""What a PNG holds besides its pixels comes back; an orientation anywhere in it is applied."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pellucid.images.formats import Form, Picture, probe, read_picture, write_picture
from pellucid.images.formats.png_chunks import LARGEST_REST

XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><tiff:Orientation>%d</tiff:Orientation>ä</x:xmpmeta>'
MAKER, ORIENTATION = 0x010F, 0x0112
RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (5, 8, 3), dtype=np.uint8)


def png(page: np.ndarray, text: PngImagePlugin.PngInfo | None = None, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(page).save(stream, "PNG", pnginfo=text, **options)
    return stream.getvalue()


def again(data: bytes) -> bytes:
    stream = io.BytesIO()
    write_picture(stream, read_picture(data))
    return stream.getvalue()


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, offset = [], 8
    while offset < len(data):
        length, name = struct.unpack(">I4s", data[offset : offset + 8])
        found.append((name, data[offset + 8 : offset + 8 + length]))
        offset += 12 + length
    return found


def with_chunks(data: bytes, *more: tuple[bytes, bytes]) -> bytes:
    packed = [struct.pack(">I", len(c)) + n + c + zlib.crc32(n + c).to_bytes(4, "big") for n, c in more]
    at = data.index(b"IDAT") - 4
    return data[:at] + b"".join(packed) + data[at:]


def made(header: bytes, rows: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """Make a PNG from its header and its rows, each with its filter."""
    whole = ((b"IHDR", header), *more, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    packed = [struct.pack(">I", len(c)) + n + c + zlib.crc32(n + c).to_bytes(4, "big") for n, c in whole]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def test_texts_come_back() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "a scan")
    text.add_text("Comment", "long " * 99, zip=True)
    text.add_itxt("Author", "ä", "de", "Autor", zip=True)
    text.add_text("Title", "another")
    data = png(RGB, text)
    before = [each for each in chunks(data) if each[0].endswith(b"Xt")]
    assert len(before) == 4
    assert [each for each in chunks(again(data)) if each[0].endswith(b"Xt")] == before
    assert read_picture(data).form.notes == ()


def test_small_chunks_come_back() -> None:
    small = [
        (b"gAMA", struct.pack(">I", 45455)),
        (b"cICP", bytes((9, 16, 0, 1))),
        (b"sBIT", bytes((5, 6, 5))),
        (b"bKGD", struct.pack(">3H", 1, 2, 3)),
        (b"pHYs", struct.pack(">IIB", 3, 4, 0)),
        (b"tIME", struct.pack(">H5B", 2026, 11, 25, 1, 2, 3)),
        (b"priv", b"safe to copy"),
        (b"prIV", b"not safe to copy"),
    ]
    assert set(chunks(again(with_chunks(png(RGB), *small)))) >= set(small[:-1])
    assert b"prIV" not in again(with_chunks(png(RGB), *small))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("gray", [False, True])
def test_background_and_bits_of_a_palette_are_those_of_its_colours(bits: int, gray: bool) -> None:
    image = Image.fromarray(RGB).convert("L" if gray else "RGB").quantize(2**bits)
    stream = io.BytesIO()
    image.save(stream, "PNG", bits=bits, transparency=b"\x80")
    colour = np.asarray(image.convert("RGB").getpixel((0, 0)))
    data = with_chunks(stream.getvalue(), (b"bKGD", bytes([image.getpixel((0, 0))])), (b"sBIT", b"\x05\x06\x05"))
    after = dict(chunks(again(data)))
    assert after[b"bKGD"] == (struct.pack(">H", colour[0]) if gray else struct.pack(">3H", *colour))
    assert after[b"sBIT"] == (b"\x06\x08" if gray else b"\x05\x06\x05\x08")


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_grays_with_one_transparent(bits: int) -> None:
    levels = np.arange(2**bits, dtype=np.uint8).reshape(1, -1)
    rows = np.packbits(np.unpackbits(levels[..., None], axis=2)[..., 8 - bits :].reshape(1, -1), axis=1)
    header = struct.pack(">IIBBBBB", 2**bits, 1, bits, 0, 0, 0, 0)
    more = (b"tRNS", struct.pack(">H", 1)), (b"bKGD", struct.pack(">H", 1))
    data = made(header, b"\0" + rows.tobytes(), *more)
    picture = read_picture(data)
    step = 255 // (2**bits - 1)
    assert np.array_equal(picture.pages[0][..., 0], levels * step)
    assert np.array_equal(picture.pages[0][..., 1], np.where(levels == 1, 0, 255))
    assert len(picture.form.notes) == 2
    result = again(data)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(result))), picture.pages[0])
    assert dict(chunks(result))[b"bKGD"] == struct.pack(">H", step)
    assert probe(data) == (1, 2**bits, 1)


def raw_profile(content: bytes, kind: str = "exif") -> str:
    """Write a profile as ImageMagick does."""
    digits = content.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return f"\n{kind}\n{len(content):8d}\n{lines}\n"


@pytest.mark.parametrize("orientation", [1, 2, 3, 6])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("where", ["xmp", "exif", "APP1", "raw xmp"])
def test_orientation_in_texts(where: str, zipped: bool, orientation: int) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "a scan")
    exif = Image.Exif()
    exif[MAKER], exif[ORIENTATION] = "a maker", orientation
    xmp = XMP % orientation
    if where == "xmp":
        text.add_itxt("XML:com.adobe.xmp", xmp, zip=zipped)
    elif where == "raw xmp":
        text.add_text("Raw profile type xmp", raw_profile(xmp.encode(), "xmp"), zip=zipped)
    else:
        text.add_text(f"Raw profile type {where}", raw_profile(exif.tobytes(), where), zip=zipped)
    data = png(RGB, text, dpi=(300, 100))
    picture = read_picture(data)
    turn = {1: RGB, 2: RGB[:, ::-1], 3: RGB[::-1, ::-1], 6: np.rot90(RGB, -1)}[orientation]
    assert np.array_equal(picture.pages[0], turn)
    assert probe(data)[:2] == turn.shape[:2]
    result = Image.open(io.BytesIO(again(data)))
    assert result.text["Title"] == "a scan"
    assert not any(name.startswith("Raw") for name in result.text)
    assert result.info["dpi"] == pytest.approx((100, 300) if orientation == 6 else (300, 100), abs=0.05)
    if "xmp" in where:
        assert result.info["xmp"] == (XMP % 1).encode()
    else:
        assert dict(result.getexif()) == {MAKER: "a maker"}


@pytest.mark.parametrize("zipped", [False, True])
def test_texts_that_are_damaged_or_too_large(zipped: bool) -> None:
    text = PngImagePlugin.PngInfo()
    for content in ("", "\nexif\n 5\nno digits", "\nexif\n 2\n41zz"):
        text.add_text("Raw profile type exif", content, zip=zipped)
    data = with_chunks(png(RGB, text), (b"zTXt", b"Raw profile type xmp\0\0nonsense"), (b"iTXt", b"XML:com.adobe.xmp"))
    assert [name for name, _ in chunks(again(data))].count(b"zTXt") == 1 + 3 * zipped
    bomb = zlib.compress(bytes(2**26))
    assert np.array_equal(read_picture(with_chunks(data, (b"zTXt", b"Raw profile type xmp\0\0" + bomb))).pages[0], RGB)
    large = with_chunks(data, *[(b"tEXt", b"a\0" + bytes([65 + n]) * (LARGEST_REST // 3)) for n in range(4)])
    assert read_picture(large).form.notes == (f"texts are kept up to {LARGEST_REST} bytes: some are left out",)
    assert len(again(large)) < LARGEST_REST + 2**16


def test_chunks_that_do_not_fit_another_page_are_left_out() -> None:
    form = read_picture(with_chunks(png(RGB), (b"sBIT", b"\5\5\5"), (b"bKGD", bytes(6)))).form
    stream = io.BytesIO()
    write_picture(stream, Picture((RGB[..., 0],), form), ".png")
    assert {name for name, _ in chunks(stream.getvalue())} == {b"IHDR", b"IDAT", b"IEND"}


def test_xmp_goes_to_other_kinds_of_file() -> None:
    xmp = (XMP % 1).encode()
    for suffix in (".png", ".jpg"):
        stream = io.BytesIO()
        write_picture(stream, Picture((RGB,), Form(xmp=xmp)), suffix)
        assert Image.open(stream).info["xmp"] == xmp
        assert read_picture(stream.getvalue()).form.xmp == xmp


def test_one_frame_is_a_still() -> None:
    data = with_chunks(png(RGB), (b"acTL", struct.pack(">II", 1, 0)), (b"fcTL", bytes(26)))
    assert np.array_equal(read_picture(data).pages[0], RGB)
