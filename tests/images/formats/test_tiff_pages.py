"""TIFF in its many shapes, written by tifffile and Pillow and read back by them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pellucid.common.errors import PellucidError
from pellucid.images.formats import Limits, probe, read_image, read_picture, tiff, write_picture
from pellucid.images.formats.source import open_source

LAYOUTS: dict[str, dict[str, Any]] = {
    "strips": {},
    "short strips": {"rowsperstrip": 4},
    "tiles": {"tile": (16, 32)},
    "planes": {"planarconfig": "separate"},
    "predicted": {"predictor": True},
}
TAGS = (
    *("ImageWidth", "BitsPerSample", "SampleFormat", "Compression", "PhotometricInterpretation", "SamplesPerPixel"),
    *("PlanarConfiguration", "ExtraSamples", "TileWidth", "TileLength", "Predictor", "XResolution", "YResolution"),
    *("ResolutionUnit", "InterColorProfile"),
)
dtypes = st.sampled_from(["bool", "uint8", "uint16", "float16", "float32", "float64"])


def reopened(stream: io.BytesIO) -> tifffile.TiffFile:
    return tifffile.TiffFile(io.BytesIO(stream.getvalue()))


@settings(max_examples=150, deadline=None)
@given(
    dtype=dtypes,
    channels=st.integers(1, 4),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    compression=st.sampled_from([None, "lzw", "zlib", "packbits", "zstd", "lzma"]),
    layout=st.sampled_from(sorted(LAYOUTS)),
    big=st.booleans(),
    order=st.sampled_from("<>"),
    white=st.booleans(),
    alpha=st.sampled_from(["unassalpha", "assocalpha"]),
)
def test_any_page(
    dtype: str, channels: int, height: int, width: int, compression: str | None, layout: str, big: bool, order: str,
    white: bool, alpha: str,
) -> None:  # fmt: skip
    rng = np.random.default_rng(height * 41 + width)
    kind = np.dtype(dtype)
    channels = 1 if dtype == "bool" else channels
    shape = (height, width, channels) if channels > 1 else (height, width)
    page = rng.random(shape) if kind.kind == "f" else rng.integers(0, 2 if dtype == "bool" else 2**16, shape)
    page = page.astype(kind)
    options = dict(LAYOUTS[layout])
    if "predictor" in options and (compression in (None, "packbits") or dtype == "bool"):
        del options["predictor"]
    if channels == 1:
        options.pop("planarconfig", None)
    if channels in (2, 4):
        options["extrasamples"] = [alpha]
    options["photometric"] = "rgb" if channels > 2 else "miniswhite" if white else "minisblack"
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, bigtiff=big, byteorder=order) as writer:
        stored = np.moveaxis(page, 2, 0) if "planarconfig" in options else page
        writer.write(
            stored, compression=compression, resolution=(30, 40), resolutionunit=3, iccprofile=b"icc", **options
        )
    picture = read_picture(stream.getvalue())
    expected = page
    if options["photometric"] == "miniswhite" and kind.kind != "f":
        expected = ~page if channels == 1 else np.dstack([~page[..., :1], page[..., 1:]])
    assert picture.pages[0].dtype == kind
    assert np.array_equal(picture.pages[0], expected)
    assert probe(stream.getvalue()) == (height, width, 3 if channels > 2 else 1)
    result = io.BytesIO()
    write_picture(result, picture)
    assert np.array_equal(read_picture(result.getvalue()).pages[0], expected)
    with reopened(stream) as one, reopened(result) as other:
        assert (one.is_bigtiff, one.byteorder) == (other.is_bigtiff, other.byteorder)
        before, after = one.pages.first, other.pages.first
        assert np.array_equal(before.asarray(), after.asarray())
        for name in TAGS:
            assert [tag.value for tag in before.tags.getall(name) or []] == [
                tag.value for tag in after.tags.getall(name) or []
            ], name


def test_pages_of_several_kinds() -> None:
    rng = np.random.default_rng(0)
    pages = [
        rng.integers(0, 256, (5, 6), dtype=np.uint8),
        rng.integers(0, 2**16, (7, 8, 3), dtype=np.uint16),
        rng.random((9, 4), dtype=np.float32),
        rng.random((9, 4)) > 0.5,
    ]
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for page in pages:
            writer.write(page, photometric="rgb" if page.ndim > 2 else "minisblack", description="naïve".encode())
    picture = read_picture(stream.getvalue())
    result = io.BytesIO()
    write_picture(result, picture)
    for read in (picture.pages, [page.asarray() for page in reopened(result).pages]):
        assert all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(pages, read, strict=True))
    assert reopened(result).pages[1].tags["ImageDescription"].value == "naïve"


def test_one_image_is_not_several(tmp_path: Any) -> None:
    tifffile.imwrite(tmp_path / "two.tif", np.zeros((2, 5, 6), np.uint8), photometric="minisblack")
    for read in (read_image, probe):
        with pytest.raises(PellucidError, match="2 pages; expected one"):
            read(tmp_path / "two.tif")
    with pytest.raises(PellucidError, match="after 30 on earlier pages, more than the limit of 59"):
        read_picture(tmp_path / "two.tif", limits=Limits(pixels=59))


def test_reduced_versions_are_left_out() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(np.ones((8, 8), np.uint8), photometric="minisblack")
        writer.write(np.ones((2, 2), np.uint8), photometric="minisblack", subfiletype=1)
    assert [page.shape for page in read_picture(stream.getvalue()).pages] == [(8, 8)]


def test_the_places_of_directories(tmp_path: Any) -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for number, side in enumerate((8, 2, 7, 2, 6)):
            page = np.ones((side, side), np.uint8)
            writer.write(page, photometric="minisblack", subfiletype=number % 2, metadata=None)
        writer.write(np.ones((9, 9, 2), np.uint8), planarconfig="contig", photometric="minisblack", metadata=None)
    with open_source(stream.getvalue(), Limits()) as source:
        places = tiff.places(source, Limits())
    with tifffile.TiffFile(io.BytesIO(stream.getvalue())) as opened:
        assert places == (*(opened.pages[number].offset for number in (0, 2, 4)), None, None)


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt", "jpeg", "packbits", "tiff_lzw"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P"])
def test_what_pillow_writes(compression: str, mode: str) -> None:
    if (compression in ("group3", "group4", "tiff_ccitt")) > (mode == "1") or (compression == "jpeg" and mode in "1P"):
        return
    y, x = np.mgrid[0:19, 0:23]
    image = Image.fromarray(np.stack([y * 9, x * 9, x + y], axis=2).astype(np.uint8))
    image = image.quantize(20) if mode == "P" else image.convert(mode, dither=Image.Dither.NONE)
    stream, result = io.BytesIO(), io.BytesIO()
    image.save(stream, "TIFF", compression=compression)
    write_picture(result, read_picture(stream.getvalue()))
    before, after = Image.open(stream), Image.open(result)
    assert after.mode == ("RGB" if mode == "P" else mode)
    assert np.array_equal(np.asarray(before.convert("RGB")), np.asarray(after.convert("RGB")))


REFUSED = {
    "complex": ({"data": np.zeros((4, 4), np.complex64)}, "complex"),
    "float CMYK": ({"data": np.zeros((4, 4, 4), np.float32), "photometric": "separated"}, "CMYK of 32-bit floats"),
    "deep YCbCr": (
        {"data": np.zeros((4, 4, 3), np.uint16), "photometric": "ycbcr", "compression": "jpeg2000"},
        "YCbCr of 16-bit integers",
    ),
    "YCbCr in WebP": (
        {"data": np.zeros((4, 4, 3), np.uint8), "photometric": "ycbcr", "compression": "webp"},
        "YCbCr in WebP compression",
    ),
    "LogLuv": ({"data": np.zeros((4, 4, 3), np.uint16), "photometric": "logluv"}, "LogLuv"),
    "mask": ({"data": np.zeros((4, 4), bool), "subfiletype": 4}, "mask"),
    "volume": (
        {"data": np.zeros((16, 16, 16, 2), np.uint8), "volumetric": True, "planarconfig": "contig"},
        "volume of several channels",
    ),
    "12-bit JPEG": ({"data": np.zeros((16, 16), np.uint16), "compression": "jpeg"}, "JPEG"),
    "hidden": (
        {"data": np.zeros((3, 4, 4), np.uint8), "description": "ImageJ=1.5\nimages=9\n"},
        "9 planes, but has 3 pages",
    ),
    "imagej": ({"data": np.zeros((4, 4), np.uint8), "description": "ImageJ=1.5\nimages=7\n"}, "has the bytes of 1"),
    "compressed": (
        {"data": np.zeros((4, 4), np.uint8), "description": "ImageJ=1.5\nimages=7\n", "compression": "lzw"},
        "not stored in one piece",
    ),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_kept_is_refused(name: str) -> None:
    options, said = REFUSED[name]
    options = {"photometric": "minisblack", "metadata": None} | options
    stream = io.BytesIO()
    tifffile.imwrite(stream, options.pop("data"), **options)
    with pytest.raises(PellucidError, match=said) as caught:
        read_picture(stream.getvalue(), name="a.tif")
    assert "expected" in str(caught.value) or name in ("hidden", "imagej")
