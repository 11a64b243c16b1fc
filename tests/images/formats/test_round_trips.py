"""Every kind of file comes back as it came: pixels, type, mode, depth, alpha, resolution, profile; or notes say so."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from pellucid.common.errors import PellucidError
from pellucid.images.formats import Picture, probe, read_picture, write_picture

ICC = b"a profile, as far as a file is concerned" * 9
RNG = np.random.default_rng(0)


def again(picture: Picture, suffix: str | None = None) -> bytes:
    stream = io.BytesIO()
    write_picture(stream, picture, suffix)
    return stream.getvalue()


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def same(one: Picture, other: Picture) -> bool:
    return len(one.pages) == len(other.pages) and all(
        a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(one.pages, other.pages, strict=True)
    )


def image_of(mode: str, height: int = 19, width: int = 23) -> Image.Image:
    if mode == "P":
        return image_of("RGB", height, width).quantize(50)
    if mode == "1":
        return Image.fromarray(RNG.random((height, width)) > 0.5)
    if mode == "I;16":
        return Image.fromarray(RNG.integers(0, 2**16, (height, width), dtype=np.uint16))
    shape = (height, width, len(mode)) if len(mode) > 1 else (height, width)
    return Image.fromarray(RNG.integers(0, 256, shape, dtype=np.uint8))


LOSSLESS = [
    *(("PNG", mode) for mode in ("1", "L", "LA", "RGB", "RGBA", "I;16")),
    *(("TIFF", mode) for mode in ("1", "L", "LA", "RGB", "RGBA", "I;16")),
    *(("BMP", mode) for mode in ("1", "L", "RGB")),
    *(("PPM", mode) for mode in ("1", "L", "RGB")),
    *(("WEBP", mode) for mode in ("RGB", "RGBA")),
]
PALETTES = [(kind, "P") for kind in ("PNG", "TIFF", "BMP")]


@pytest.mark.parametrize(("kind", "mode"), LOSSLESS + PALETTES)
def test_what_pillow_writes_comes_back_to_pillow(kind: str, mode: str) -> None:
    image = image_of(mode)
    options: dict[str, Any] = {} if kind in ("PPM", "WEBP") else {"dpi": (300, 150)}
    if kind in ("PNG", "TIFF", "WEBP"):
        options["icc_profile"] = ICC
    if kind == "WEBP":
        options |= {"lossless": True, "exact": True}
    data = saved(image, kind, **options)
    picture = read_picture(data)
    result = opened(again(picture))
    kept = image.convert("RGB") if mode == "P" else image
    assert (result.format, result.mode, result.size) == (kind, kept.mode, image.size)
    assert np.array_equal(np.asarray(result), np.asarray(kept))
    assert np.array_equal(picture.pages[0], np.asarray(kept))
    assert picture.form.notes == (("the palette is not kept: its colours are written as RGB",) if mode == "P" else ())
    assert result.info.get("icc_profile") == options.get("icc_profile")
    if "dpi" in options:
        assert result.info["dpi"] == pytest.approx((300, 150), abs=0.05)
        assert picture.form.dpi == pytest.approx((300, 150), abs=0.05)
    assert probe(data) == (19, 23, 3 if mode in ("P", "RGB", "RGBA") else 1)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_a_palette_of_grays_is_read_and_written_as_gray(kind: str) -> None:
    image = image_of("L").quantize(50)
    data = saved(image, kind)
    picture = read_picture(data)
    assert opened(data).mode == "P"
    assert probe(data) == (19, 23, 1)
    assert np.array_equal(picture.pages[0], np.asarray(image.convert("L")))
    assert picture.form.notes == ("the palette is not kept: its grays are written as 8-bit gray",)
    result = opened(again(picture))
    assert result.mode == "L"
    assert np.array_equal(np.asarray(result), np.asarray(image.convert("L")))


@settings(max_examples=60, deadline=None)
@given(
    page=st.sampled_from([np.uint8, np.uint16]).flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(2, 4)) | st.tuples(*[st.integers(1, 20)] * 2),
        )
    )
)
def test_any_png_keeps_its_bits(page: np.ndarray) -> None:
    data = again(Picture((page,)), ".png")
    (back,) = read_picture(data).pages
    assert back.dtype == page.dtype
    assert np.array_equal(back, page)
    assert np.array_equal(imagecodecs.png_decode(data), page)
    samples = 1 if page.ndim == 2 else page.shape[2]
    assert (data[24], data[25]) == (page.dtype.itemsize * 8, {1: 0, 2: 4, 3: 2, 4: 6}[samples])


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_deep_png_from_elsewhere(channels: int) -> None:
    page = RNG.integers(0, 2**16, (9, 7, channels), dtype=np.uint16)
    picture = read_picture(imagecodecs.png_encode(page))
    assert np.array_equal(picture.pages[0], page)
    assert np.array_equal(imagecodecs.png_decode(again(picture)), page)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("gray", [False, True])
def test_palettes_of_any_depth_keep_alpha(bits: int, gray: bool) -> None:
    image = image_of("RGB", 60, 60).convert("L" if gray else "RGB").quantize(2**bits)
    alpha = bytes(range(2**bits // 2))
    data = saved(image, "PNG", bits=bits, transparency=alpha)
    (page,), (back,) = read_picture(data).pages, read_picture(again(read_picture(data))).pages
    assert data[24] == bits
    assert np.array_equal(page, np.asarray(opened(data).convert("LA" if gray else "RGBA")))
    assert np.array_equal(back, page)
    assert probe(data) == (60, 60, 1 if gray else 3)


@pytest.mark.parametrize("bits", [2, 4])
def test_few_grays_are_written_with_8_bits(bits: int) -> None:
    levels = RNG.integers(0, 2**bits, (5, 7))
    packed = np.packbits(
        np.unpackbits(np.pad(levels, ((0, 0), (0, 1))).astype(np.uint8)[..., None], axis=2)[..., 8 - bits :].reshape(
            5, -1
        ),
        axis=1,
    )
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    data = png(struct.pack(">IIBBBBB", 7, 5, bits, 0, 0, 0, 0), rows)
    picture = read_picture(data)
    assert np.array_equal(picture.pages[0], levels * (255 // (2**bits - 1)))
    result = again(picture)
    assert (result[24], result[25]) == (8, 0)
    assert np.array_equal(np.asarray(opened(result)), picture.pages[0])
    assert picture.form.notes == (f"gray of {bits} bits is written with 8",)


def png(header: bytes, rows: bytes, *more: tuple[bytes, bytes]) -> bytes:
    chunks = ((b"IHDR", header), *more, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_a_colour_that_means_transparent_becomes_alpha(mode: str) -> None:
    image = image_of(mode)
    where = np.asarray(image)[3, 4]
    key = tuple(where.tolist()) if mode == "RGB" else int(where)
    picture = read_picture(saved(image, "PNG", transparency=key))
    page = picture.pages[0]
    colours = np.atleast_3d(np.asarray(image))
    assert np.array_equal(page[..., :-1], colours)
    assert np.array_equal(page[..., -1] == 0, (colours == where).all(axis=2))
    assert picture.form.notes == ("the colour that stands for transparent is written as an alpha channel",)
    assert same(read_picture(again(picture)), picture)


def test_interlaced_png() -> None:
    # Pillow reads interlaced files but does not write them: these are made by hand.
    gray = RNG.integers(0, 256, (8, 8), dtype=np.uint8)
    passes = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1))
    for dtype, depth, colour in ((np.uint8, 8, 0), (">u2", 16, 2)):
        page = gray if depth == 8 else np.dstack([gray.astype(np.uint16) * 257 + 3] * 3)
        rows = b"".join(b"\0" + row.astype(dtype).tobytes() for y, dy, x, dx in passes for row in page[y::dy, x::dx])
        picture = read_picture(png(struct.pack(">IIBBBBB", 8, 8, depth, colour, 0, 0, 1), rows))
        assert np.array_equal(picture.pages[0], page)


@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_keeps_its_tables(quality: int, subsampling: int, mode: str) -> None:
    smooth = Image.fromarray(np.mgrid[0:64, 0:80].sum(0).astype(np.uint8)).convert(mode)
    options: dict[str, Any] = {"subsampling": subsampling} if mode == "RGB" else {}
    data = saved(smooth, "JPEG", quality=quality, dpi=(300, 300), icc_profile=ICC, progressive=quality == 75, **options)
    before, after = opened(data), opened(again(read_picture(data)))
    assert (after.mode, after.size, after.info["dpi"]) == (mode, before.size, (300, 300))
    assert after.info["icc_profile"] == ICC
    assert after.quantization == before.quantization
    assert after.layer == before.layer  # components, sampling factors and tables
    assert after.info.get("progressive") == before.info.get("progressive")
    assert np.abs(np.asarray(after).astype(int) - np.asarray(before)).mean() < 1


def test_lossy_webp_stays_lossy_and_keeps_alpha() -> None:
    image = image_of("RGBA")
    data = saved(image, "WEBP", quality=80, icc_profile=ICC)
    result = again(read_picture(data))
    assert b"VP8 " in result
    assert b"VP8L" not in result
    assert opened(result).info["icc_profile"] == ICC
    assert np.array_equal(np.asarray(opened(result))[..., 3], np.asarray(image)[..., 3])


def test_bmp_with_alpha_is_read_and_written_where_nothing_is_transparent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "benchmarks"))
    from fuzz_images import bmp_with_alpha

    page = np.asarray(image_of("RGBA")).copy()
    picture = read_picture(bmp_with_alpha(page))
    assert np.array_equal(picture.pages[0], page)
    with pytest.raises(PellucidError, match=r"a\.bmp: the format does not hold uint8 of shape \(19, 23, 4\)"):
        write_picture(tmp_path / "a.bmp", picture)
    assert np.array_equal(read_picture(again(picture, ".png")).pages[0], page)
    page[..., 3] = 255
    picture = read_picture(bmp_with_alpha(page))
    assert np.array_equal(picture.pages[0], page[..., :3])
    assert same(read_picture(again(picture)), picture)


@settings(max_examples=60, deadline=None)
@given(
    largest=st.integers(1, 65535),
    seed=st.integers(0, 99),
    kind=st.sampled_from([2, 3, 5, 6]),
)
def test_any_largest_value_of_a_pnm_comes_back(largest: int, seed: int, kind: int) -> None:
    levels = np.random.default_rng(seed).integers(0, largest + 1, (3, 4, 3) if kind in (3, 6) else (3, 4))
    header = b"P%d\n# a comment\n4 3\n%d\n" % (kind, largest)
    if kind < 4:
        body = b" ".join(b"%d" % value for value in levels.ravel().tolist()) + b"\n"
    else:
        body = levels.astype(np.uint8 if largest < 256 else ">u2").tobytes()
    picture = read_picture(header + body)
    assert picture.pages[0].dtype == (np.uint8 if largest < 256 else np.uint16)
    assert np.array_equal(np.rint(picture.pages[0] * (largest / np.iinfo(picture.pages[0].dtype).max)), levels)
    result = again(picture)
    assert result.startswith(b"P%d" % (kind if kind > 3 else kind + 3))
    assert result.endswith(levels.astype(np.uint8 if largest < 256 else ">u2").tobytes())
    assert b"\n%d\n" % largest in result
    assert ("decimal" in "".join(picture.form.notes)) == (kind < 4)
    assert same(read_picture(result), picture)


def test_plain_pbm() -> None:
    picture = read_picture(b"P1\n3 2\n101\n0 1 0\n")
    assert again(picture).startswith(b"P4")
    assert np.array_equal(picture.pages[0], np.array([[0, 1, 0], [1, 0, 1]], bool))
    assert same(read_picture(again(picture)), picture)


def test_another_ending_is_another_kind_of_file(tmp_path: Path) -> None:
    data = saved(image_of("RGB"), "PNG", dpi=(300, 150), icc_profile=ICC)
    picture = read_picture(data)
    for suffix, kind in ((".tif", "TIFF"), (".jpg", "JPEG"), (".bmp", "BMP"), (".webp", "WEBP")):
        write_picture(tmp_path / f"image{suffix}", picture)
        result = opened((tmp_path / f"image{suffix}").read_bytes())
        assert result.format == kind
        assert kind == "WEBP" or result.info["dpi"] == pytest.approx((300, 150), abs=0.05)
        assert kind == "BMP" or result.info["icc_profile"] == ICC
    with pytest.raises(PellucidError, match="does not hold"):
        write_picture(tmp_path / "image.pgm", picture)
    with pytest.raises(PellucidError, match="one page"):
        write_picture(tmp_path / "image.png", Picture(picture.pages * 2, picture.form))
    assert not (tmp_path / "image.png").exists()
