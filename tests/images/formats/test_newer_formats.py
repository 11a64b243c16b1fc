"""GIF, AVIF, JPEG 2000 and JPEG XL: what is kept, what is said, and what is refused."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageOps

from pellucid.common.errors import PellucidError
from pellucid.images.formats import SUFFIXES, WRITTEN_AS, Picture, probe, read_picture, write_picture
from pellucid.images.formats.boxes import pack, walk
from pellucid.images.formats.gif import NOTE

RNG = np.random.default_rng(0)
Y, X = np.mgrid[0:40, 0:56]
SMOOTH = np.stack([Y * 5, X * 4, Y + X, np.where(X > 9, 255, 99)], axis=2).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def again(picture: Picture, suffix: str | None = None) -> bytes:
    stream = io.BytesIO()
    write_picture(stream, picture, suffix)
    return stream.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(PellucidError) as caught:
        read_picture(data)
    return str(caught.value)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "1"])
def test_a_still_gif_is_written_as_png(mode: str, tmp_path: Path) -> None:
    page = SMOOTH.copy()
    page[..., 3] = np.where(X > 9, 255, 0)
    image = Image.fromarray(page).convert(mode)
    data = saved(image, "GIF", comment=b"a scan")
    seen = Image.open(io.BytesIO(data)).convert({"1": "L", "L": "L"}.get(mode, mode))
    picture = read_picture(data)
    assert np.array_equal(picture.pages[0], np.asarray(seen))
    assert picture.form.notes == (NOTE,)
    assert probe(data) == (40, 56, 1 if mode in "L1" else 3)
    result = Image.open(io.BytesIO(again(picture)))
    assert (result.format, result.mode) == ("PNG", seen.mode)
    assert result.info["Comment"] == "a scan"
    with pytest.raises(PellucidError, match=r"a\.gif: \.gif is read, but not written. Use \.png"):
        write_picture(tmp_path / "a.gif", picture)
    assert list(tmp_path.iterdir()) == []
    assert ".gif" in SUFFIXES
    assert WRITTEN_AS[".gif"] == ".png"


def test_a_gif_larger_than_its_screen() -> None:
    data = bytearray(saved(Image.fromarray(SMOOTH[..., 0]), "GIF"))
    data[6:10] = struct.pack("<HH", 3, 4)
    assert read_picture(bytes(data)).pages[0].shape == (40, 56)
    image = 13 + 3 * 2 ** (1 + (data[10] & 7))
    assert data[image : image + 5] == b"\x2c" + bytes(4)
    data[image + 5 : image + 9] = b"\xff" * 4
    assert "more than the limit" in refusal(bytes(data))


def test_bad_gif() -> None:
    data = saved(Image.fromarray(SMOOTH[..., :3]), "GIF")
    assert len(read_picture(data[:-1]).pages) == 1  # some programs leave the last byte out
    for cut in (2, 9, len(data) // 2, len(data) - 12, len(data) - 20):
        assert "ends" in refusal(data[:-cut])
    assert "unknown block" in refusal(data[:-1] + b"\0" + data[-1:])
    assert "animated, 0 frames" in refusal(data[:13] + bytes(3 * 256) + b";")
    frames = [Image.fromarray(np.roll(SMOOTH[..., :3], step, axis=1)) for step in (0, 5, 9)]
    assert "not supported: animated, 3 frames" in refusal(
        saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    )


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_avif(mode: str, subsampling: str, orientation: int) -> None:
    image = Image.fromarray(SMOOTH).convert(mode)
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "a maker", orientation
    options = {"quality": 90, "icc_profile": b"a profile" * 9, "xmp": b"<x/>", "exif": exif}
    data = saved(image, "AVIF", **options, **({} if mode == "L" else {"subsampling": subsampling}))
    picture = read_picture(data)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert np.array_equal(picture.pages[0], np.asarray(upright))
    assert probe(data) == (*upright.size[::-1], 1 if mode == "L" else 3)
    result = Image.open(io.BytesIO(again(picture)))
    assert (result.format, result.mode, result.size) == ("AVIF", mode, upright.size)
    assert (result.info["icc_profile"], result.info["xmp"]) == (options["icc_profile"], b"<x/>")
    assert dict(result.getexif()) == {0x010F: "a maker"}
    assert np.abs(np.asarray(result).astype(int) - picture.pages[0]).mean() < 2
    before, after = (whole[whole.index(b"av1C") + 6] for whole in (data, again(picture)))
    assert before & 0x1C == after & 0x1C  # gray, and subsampling in both directions


def test_avif_of_other_kinds() -> None:
    deep = SMOOTH[..., :3].astype(np.uint16)
    assert "not supported: AVIF of 10 bits" in refusal(imagecodecs.avif_encode(deep, bitspersample=10))
    assert "not supported: AVIF of 12 bits" in refusal(imagecodecs.avif_encode(deep, bitspersample=12))
    frames = [Image.fromarray(np.roll(SMOOTH, step, axis=1)) for step in (0, 5)]
    film = saved(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    assert "not supported: animated, 2 frames" in refusal(film)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i1", "i2"])
def test_jpeg_2000(dtype: str, channels: int) -> None:
    limits = np.iinfo(dtype)
    page = RNG.integers(limits.min, limits.max + 1, (19, 23, channels), dtype=dtype)
    page = page if channels > 1 else page[..., 0]
    for suffix in (".jp2", ".j2k"):
        data = again(Picture((page,)), ".jp2")
        assert np.array_equal(imagecodecs.jpeg2k_decode(data), page)
        picture = read_picture(data)
        assert picture.pages[0].dtype == page.dtype
        assert np.array_equal(picture.pages[0], page)
        assert again(picture, suffix) == data
        assert probe(data) == (19, 23, 1 if channels < 3 else 3)
    if dtype == "u1":
        assert Image.open(io.BytesIO(data)).mode == ("L", "LA", "RGB", "RGBA")[channels - 1]


@pytest.mark.parametrize("bits", [7, 10, 12])
@pytest.mark.parametrize("bare", [False, True])
def test_jpeg_2000_keeps_its_bits_and_boxes(bits: int, bare: bool) -> None:
    page = RNG.integers(0, 2**bits, (19, 23), dtype=np.uint8 if bits < 8 else np.uint16)
    data = imagecodecs.jpeg2k_encode(
        page, level=0, codecformat="j2k" if bare else "jp2", bitspersample=bits, reversible=True
    )
    if not bare:
        data = data[:32] + pack(b"xml ", b"<before/>") + data[32:] + pack(b"uuid", bytes(16) + b"after")
    picture = read_picture(data)
    assert np.array_equal(picture.pages[0], page)
    result = again(picture)
    assert np.array_equal(imagecodecs.jpeg2k_decode(result), page)
    if not bare:
        kept = [data[box.whole] for box in walk(data) if box.name != b"jp2c"]
        assert [result[box.whole] for box in walk(result) if box.name != b"jp2c"] == kept
    brighter = Picture((np.full_like(page, np.iinfo(page.dtype).max),), picture.form)
    assert imagecodecs.jpeg2k_decode(again(brighter)).max() == 2**bits - 1


def test_jpeg_2000_keeps_a_profile_and_gives_it_on(tmp_path: Path) -> None:
    profile = b"a profile" * 20
    png = read_picture(saved(Image.fromarray(SMOOTH[..., :3]), "PNG", icc_profile=profile))
    picture = read_picture(again(png, ".jp2"))
    assert picture.form.icc == profile
    assert Image.open(io.BytesIO(again(picture, ".png"))).info["icc_profile"] == profile


def test_jpeg_2000_of_other_kinds() -> None:
    data = again(Picture((SMOOTH[..., :3],)), ".jp2")
    stream = data.index(b"\xff\x4f\xff\x51")
    colour = data.index(b"colr")
    for place, value, said in (
        (colour + 10, 18, "not supported: JPEG 2000 in the colour space 18"),
        (stream + 42, 19, "not supported: JPEG 2000 with components"),
        (stream + 44, 2, "not supported: JPEG 2000 with components"),
        (stream + 41, 5, "not supported: JPEG 2000 of 5 components"),
        (stream + 41, 2, "none is named alpha"),
        (stream + 8, 1, "more than the limit"),
        (stream + 3, 0, "no pixels"),
    ):
        bad = bytearray(data)
        bad[place] = value
        if place == stream + 8:
            bad[stream + 12] = 1
        assert said in refusal(bytes(bad))
    unnamed = imagecodecs.jpeg2k_encode(SMOOTH, level=0, codecformat="j2k")
    assert "none is named alpha" in refusal(unnamed)
    wide = imagecodecs.jpeg2k_encode(SMOOTH[..., 0].astype(np.uint32), level=0, codecformat="j2k")
    assert "not supported: JPEG 2000 of 26 bits" in refusal(wide)
    assert "more than 65536 boxes" in refusal(data[:12] + pack(b"free", b"") * 2**16)
    assert "no header" in refusal(data.replace(b"jp2h", b"free"))
    palette = data.replace(b"colr", b"pclr")
    assert "not supported: JPEG 2000 with a palette" in refusal(palette)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f2", "f4"])
def test_jpeg_xl(dtype: str, channels: int) -> None:
    page = (RNG.random((19, 23, channels)) * (np.iinfo(dtype).max if dtype[0] == "u" else 1)).astype(dtype)
    page = page if channels > 1 else page[..., 0]
    data = again(Picture((page,)), ".jxl")
    assert np.array_equal(imagecodecs.jpegxl_decode(data), page)
    picture = read_picture(data)
    assert picture.pages[0].dtype == page.dtype
    assert np.array_equal(picture.pages[0], page)
    assert again(picture) == data
    assert probe(data) == (19, 23, 1 if channels < 3 else 3)


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (40, 56), (256, 256), (300, 450), (9, 1200), (64, 80), (1, 9000)])
def test_sizes_of_jpeg_xl(shape: tuple[int, int]) -> None:
    page = np.zeros(shape, np.uint8)
    for options in ({"lossless": True}, {"level": 90}):
        data = imagecodecs.jpegxl_encode(page, usecontainer=False, **options)
        assert probe(data) == (*shape, 1)
        assert read_picture(data).pages[0].shape == shape


@pytest.mark.parametrize("bits", [7, 10, 12])
def test_jpeg_xl_keeps_its_bits_and_boxes(bits: int) -> None:
    page = RNG.integers(0, 2**bits, (19, 23), dtype=np.uint8 if bits < 8 else np.uint16)
    data = imagecodecs.jpegxl_encode(page, lossless=True, bitspersample=bits, usecontainer=True)
    kept = pack(b"Exif", bytes(4) + b"II*\0") + pack(b"xml ", b"<x/>")
    picture = read_picture(data + kept + pack(b"jbrd", b"of the JPEG that it once was"))
    assert np.array_equal(picture.pages[0], page)
    result = again(picture)
    assert np.array_equal(imagecodecs.jpegxl_decode(result), page)
    assert kept in result
    assert b"jbrd" not in result
    assert probe(result) == (19, 23, 1)
    brighter = Picture((np.full_like(page, np.iinfo(page.dtype).max),), picture.form)
    assert imagecodecs.jpegxl_decode(again(brighter)).max() == 2**bits - 1


def test_jpeg_xl_of_other_kinds() -> None:
    film = imagecodecs.jpegxl_encode(np.stack([SMOOTH[..., :3]] * 2), lossless=True)
    assert "not supported: animated" in refusal(film)
    planes = imagecodecs.jpegxl_encode(np.moveaxis(SMOOTH, 2, 0)[:3].copy(), photometric="gray", planar=True)
    assert "not supported: JPEG XL with other channels" in refusal(planes)
    wide = again(Picture((SMOOTH[..., :3],)), ".jxl")
    assert "more than the limit" in refusal(wide[:2] + b"\xfe" + b"\xff" * 8 + wide[3:])


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"\0\0\0\x18ftypmp42", "a film"),
        (b"RIFF\0\0\0\0AVI LIST", "a film"),
        (b"\0\0\0\x18ftypheic", "a HEIC photograph"),
        (b"%PDF-1.7", "a PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "a text"),
        (b"name,value\n", "a text"),
        (b"\x1f\x8b\x08\0", "an archive"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 or MATLAB file"),
        (bytes(99), "of an unknown kind"),
    ],
)
def test_what_is_no_image_is_named(start: bytes, what: str) -> None:
    said = refusal(start + bytes(99) * (what != "a text"))
    assert f"not supported: it is {what}, not an image that pellucid reads (PNG, JPEG, TIFF" in said
