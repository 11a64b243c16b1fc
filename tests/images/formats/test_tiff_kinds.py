"""TIFF of every type of number, with channels that are no colours, in colours that become RGB, in every compression."""

from __future__ import annotations

import io
import struct
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from pellucid.common import PellucidError
from pellucid.images.formats import Picture, measure, read_picture, write_picture
from pellucid.images.formats.metadata import turned

RNG = np.random.default_rng(0)
SMOOTH = (np.add.outer(np.arange(48), 2 * np.arange(64)) + RNG.integers(0, 9, (48, 64))).astype(np.uint8)
COLOUR = np.dstack([SMOOTH, SMOOTH[::-1], SMOOTH[:, ::-1]])
INTEGERS = [f"{kind}{bits}" for kind in ("uint", "int") for bits in (8, 16, 32, 64)]


def saved(data: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    byteorder, big = options.pop("byteorder", "<"), options.pop("bigtiff", False)
    with tifffile.TiffWriter(stream, byteorder=byteorder, bigtiff=big) as writer:
        writer.write(data, **{"photometric": "minisblack", "metadata": None} | options)
    return stream.getvalue()


def copied(data: bytes) -> tuple[Picture, bytes]:
    picture, stream = read_picture(data), io.BytesIO()
    write_picture(stream, picture)
    again = read_picture(stream.getvalue())
    assert len(again.pages) == len(picture.pages)
    assert all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(picture.pages, again.pages, strict=True))
    return picture, stream.getvalue()


def layout(data: bytes) -> list[Any]:
    names = ("BitsPerSample", "SampleFormat", "SamplesPerPixel", "PlanarConfiguration", "ExtraSamples")
    names += ("PhotometricInterpretation", "Compression", "Predictor", "ImageDepth", "TileDepth")
    with tifffile.TiffFile(io.BytesIO(data)) as opened:
        return [[page.tags.valueof(name) for name in names] for page in opened.pages]


def array(data: bytes) -> np.ndarray:
    return tifffile.imread(io.BytesIO(data))


def drawn(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return RNG.normal(0, 3000, shape).astype(kind)
    limits = np.iinfo(kind)
    return RNG.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("options", [{}, {"compression": "lzw", "predictor": 2}, {"tile": (16, 16)}], ids=str)
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite", "rgb"])
def test_any_type_of_integer(dtype: str, options: dict[str, Any], photometric: str) -> None:
    values = drawn((19, 23, 3) if photometric == "rgb" else (19, 23), dtype)
    for byteorder in "<>":
        data = saved(values, photometric=photometric, byteorder=byteorder, **options)
        picture, result = copied(data)
        assert picture.pages[0].dtype == np.dtype(dtype)
        assert np.array_equal(picture.pages[0], ~values if photometric == "miniswhite" else values)
        assert np.array_equal(array(result), values)
        assert layout(result) == layout(data)


@settings(max_examples=60, deadline=None)
@given(
    dtype=st.sampled_from([*INTEGERS, "float32"]),
    samples=st.integers(2, 7),
    planar=st.booleans(),
    tiled=st.booleans(),
    compression=st.sampled_from([None, "lzw", "zstd"]),
    photometric=st.sampled_from(["minisblack", "miniswhite", "rgb"]),
    byteorder=st.sampled_from("<>"),
)
def test_samples_that_are_no_colours_are_pages(
    dtype: str, samples: int, planar: bool, tiled: bool, compression: str | None, photometric: str, byteorder: str
) -> None:
    samples += 3 * (photometric == "rgb")
    values = drawn((samples, 17, 21) if planar else (17, 21, samples), dtype)
    extras = (0,) * (samples - (3 if photometric == "rgb" else 1))
    options = {"planarconfig": "separate" if planar else "contig", "extrasamples": extras, "byteorder": byteorder}
    options |= {"compression": compression, "photometric": photometric} | ({"tile": (16, 16)} if tiled else {})
    data = saved(values, **options)
    picture, result = copied(data)
    expected = list(values if planar else np.moveaxis(values, 2, 0))
    if photometric == "miniswhite" and dtype != "float32":
        expected[0] = ~expected[0]
    assert all(np.array_equal(page, one) for page, one in zip(picture.pages, expected, strict=True))
    assert (picture.form.extra.axes, picture.form.extra.shape) == ("CYX", (samples, 17, 21))
    assert np.array_equal(array(result), values)
    assert layout(result) == layout(data)


def test_alpha_that_is_named_is_no_page() -> None:
    gray, rgb = drawn((9, 8, 2), "uint8"), drawn((9, 8, 4), "uint8")
    assert len(read_picture(saved(gray, planarconfig="contig", extrasamples=[2])).pages) == 1
    assert len(read_picture(saved(gray, planarconfig="contig", extrasamples=[0])).pages) == 2
    for extra in (0, 1, 2):
        data = saved(rgb, photometric="rgb", extrasamples=[extra])
        picture, result = copied(data)
        assert picture.pages[0].shape == (9, 8, 4)
        assert picture.form.extra.axes == "YXS"
        assert layout(result) == layout(data)
    several = read_picture(saved(rgb, planarconfig="contig", extrasamples=[0, 0, 2]))
    assert [page.shape for page in several.pages] == [(9, 8)] * 4


def test_pages_that_are_taken_out_are_written_one_by_one() -> None:
    picture, stream = read_picture(saved(drawn((9, 8, 3), "uint8"), planarconfig="contig")), io.BytesIO()
    write_picture(stream, Picture(picture.pages[:2], picture.form))
    assert np.array_equal(array(stream.getvalue()), picture.pages[:2])


@pytest.mark.parametrize("bits", [3, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite", "rgb"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_bits_that_do_not_fill_bytes(bits: int, photometric: str, byteorder: str) -> None:
    whole = 8 if bits < 8 else 16
    shape = (7, 9, 3) if photometric == "rgb" else (7, 9)
    values = RNG.integers(0, 2**bits, shape).astype(f"uint{whole}")
    samples = 3 if photometric == "rgb" else 1
    colours = {"minisblack": 1, "miniswhite": 0, "rgb": 2}[photometric]
    raw = imagecodecs.packints_encode(values, bits, runlen=9 * samples)
    data = by_hand(9, 7, raw, {258: (3, bits), 262: (3, colours), 277: (3, samples)}, byteorder)
    picture, result = copied(data)
    assert np.array_equal(picture.pages[0], 2**bits - 1 - values if photometric == "miniswhite" else values)
    assert not measure(data).parts
    if byteorder == ">":
        assert picture.form.notes == (f"values of {bits} bits are written with {whole}",)
        return
    assert picture.form.notes == ()
    assert layout(result)[0][0] in (bits, (bits,) * samples)
    assert np.array_equal(array(result), values)
    assert np.array_equal(imagecodecs.tiff_decode(result), values)  # by libtiff
    brighter, stream = Picture((np.full_like(picture.pages[0], 2**whole - 1),), picture.form), io.BytesIO()
    write_picture(stream, brighter)
    assert (read_picture(stream.getvalue()).pages[0] == 2**bits - 1).all()


def test_a_strip_without_a_count() -> None:
    values = drawn((7, 9), "uint16")
    data = by_hand(9, 7, values.tobytes(), {258: (3, 16)})
    where = data.index(struct.pack("<HHI", 279, 4, 1))
    data = data[:where] + struct.pack("<HHI", 65000, 4, 1) + data[where + 8 :]
    assert np.array_equal(copied(data)[0].pages[0], values)
    with pytest.raises(PellucidError, match="missing"):
        read_picture(data[:-1])


@pytest.mark.parametrize("bits", [2, 4, 12])
@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
def test_packed_bits_in_every_compression(bits: int, compression: int) -> None:
    values = RNG.integers(0, 2**bits, (7, 9)).astype(np.uint16 if bits > 8 else np.uint8)
    raw = imagecodecs.packints_encode(values, bits, runlen=9)
    encode = {5: imagecodecs.lzw_encode, 8: imagecodecs.zlib_encode, 32773: imagecodecs.packbits_encode}
    raw = raw if compression == 1 else encode[compression](raw)
    data = by_hand(9, 7, raw, {258: (3, bits), 259: (3, compression)})
    picture, result = copied(data)
    assert np.array_equal(picture.pages[0], values * (255 // (2**bits - 1) if bits < 8 else 1))
    written = 12 if bits == 12 and compression == 1 else 8 if bits < 8 else 16
    assert layout(result)[0][0] == written
    said = () if written == bits else (f"values of {bits} bits are written with {written}",)
    assert picture.form.notes == said


def by_hand(width: int, height: int, raw: bytes, more: dict[int, tuple[int, int]], byteorder: str = "<") -> bytes:
    """Return a TIFF of one gray page, or of one with other tags, (type, number) each, in one strip."""
    tags = {256: (4, width), 257: (4, height), 258: (3, 8), 259: (3, 1), 262: (3, 1), 273: (4, 0), 277: (3, 1)}
    tags |= {278: (4, height), 279: (4, len(raw))} | more
    place = 8 + 2 + 12 * len(tags) + 4
    tags[273] = (4, place)
    entries = (
        struct.pack(byteorder + ("HHIHxx" if kind == 3 else "HHII"), tag, kind, 1, value)
        for tag, (kind, value) in sorted(tags.items())
    )
    start = struct.pack(byteorder + "2sHIH", b"II" if byteorder == "<" else b"MM", 42, 8, len(tags))
    return start + b"".join(entries) + bytes(4) + raw


LOSSY = {
    "jpeg": "JPEG",
    "jpeg2000": "JPEG 2000",
    "aperio_jp2000_rgb": "JPEG 2000",
    "webp": "WebP",
    "jpegxl": "JPEG XL",
    "jpegxl_dng": "JPEG XL",
    "jpegxr": "JPEG XR",
    "jpegxr_ndpi": "JPEG XR",
    "lerc": "LERC",
}


@pytest.mark.parametrize("compression", [*LOSSY, "png", "zstd", "lzma", "packbits"])
@pytest.mark.parametrize("page", [SMOOTH, COLOUR, COLOUR.astype(np.uint16) * 200], ids=["gray", "colour", "deep"])
@pytest.mark.parametrize("tile", [None, (16, 32)])
def test_compressions(compression: str, page: np.ndarray, tile: tuple[int, int] | None) -> None:
    if (compression == "webp" and page is not COLOUR) or (compression == "jpeg" and page.dtype != np.uint8):
        return
    photometric = "minisblack" if page.ndim == 2 else "rgb"
    data = saved(page, photometric=photometric, compression=compression, tile=tile)
    picture, result = copied(data)
    assert np.array_equal(picture.pages[0], array(data))
    assert np.array_equal(array(result), array(data))
    assert measure(data)[:3] == (48, 64, 1 if page.ndim == 2 else 3)
    written = layout(result)[0][6]
    if compression in LOSSY:
        assert picture.form.notes == (f"{LOSSY[compression]} compression is written as deflate, without loss",)
        assert written == 8
    else:
        assert picture.form.notes == ()
        assert written == (8 if compression == "png" else layout(data)[0][6])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_floats_predicted_as_integers(dtype: str, shape: tuple[int, ...], byteorder: str) -> None:
    """As libtiff does it, and libvips by default; tifffile does not write it."""
    page = drawn(shape, dtype)
    bits = page.reshape(5, 7, -1).view(f"u{page.dtype.itemsize}")
    differences = np.diff(bits, axis=1, prepend=np.zeros_like(bits[:, :1]))
    photometric = "rgb" if len(shape) > 2 else "minisblack"
    unsigned = saved(differences.reshape(shape), compression="zlib", photometric=photometric, byteorder=byteorder)
    data = with_tags(unsigned, {317: 2, 339: 3}, byteorder)
    picture, result = copied(data)
    assert picture.pages[0].dtype == np.dtype(dtype)
    assert np.array_equal(picture.pages[0], page)
    assert np.array_equal(array(result), page)


def with_tags(data: bytes, tags: dict[int, int], byteorder: str) -> bytes:
    """Return a classic TIFF with more tags of one 16-bit number: its directory is moved to the end."""
    (place,) = struct.unpack(byteorder + "I", data[4:8])
    (count,) = struct.unpack(byteorder + "H", data[place : place + 2])
    entries = {
        int.from_bytes(entry[:2], "little" if byteorder == "<" else "big"): entry
        for entry in (data[place + 2 + 12 * each : place + 14 + 12 * each] for each in range(count))
    }
    entries |= {tag: struct.pack(byteorder + "HHIHH", tag, 3, 1, value, 0) for tag, value in tags.items()}
    table = struct.pack(byteorder + "H", len(entries)) + b"".join(entry for _, entry in sorted(entries.items()))
    return data[:4] + struct.pack(byteorder + "I", len(data)) + data[8:] + table + bytes(4)


def test_cmyk_without_a_profile() -> None:
    inks = np.zeros((1, 5, 4), np.uint8)
    inks[0, 0], inks[0, 1, 0], inks[0, 2, 3], inks[0, 3] = 0, 255, 255, 255
    inks[0, 4] = (0, 51, 0, 51)
    expected = [[255] * 3, [0, 255, 255], [0] * 3, [0] * 3, [204, 163, 204]]
    for scale, planar in ((1, False), (257, False), (1, True)):
        values = inks.astype(np.uint16) * scale if scale > 1 else inks
        stored, options = (np.moveaxis(values, 2, 0), {"planarconfig": "separate"}) if planar else (values, {})
        picture, result = copied(saved(stored, photometric="separated", **options))
        assert np.abs(picture.pages[0].astype(int) - np.array([expected]) * scale).max() <= scale // 2
        assert picture.form.notes == ("CMYK colours are written as RGB",)
        assert layout(result)[0][5] == 2


def cmyk_profile() -> bytes:
    """Return a CMYK profile in which cyan alone counts: it goes from white to black in CIELab."""
    curve = b"".join(struct.pack(">H", value * 257) for value in range(256))
    grid = b"".join(struct.pack(">HHH", 0 if corner & 8 else 0xFF00, 0x8000, 0x8000) for corner in range(16))
    table = b"mft2" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table += struct.pack(">HH", 256, 256) + curve * 4 + grid + curve * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    text = b"text" + bytes(4) + b"none\0" + bytes(3)
    description = b"desc" + bytes(4) + struct.pack(">I", 2) + b"c\0" + bytes(78 + 4)
    parts, tags, place = b"", b"", 128 + 4 + 12 * 4
    for name, content in ((b"A2B0", table), (b"wtpt", white), (b"cprt", text), (b"desc", description)):
        content += bytes(-len(content) % 4)
        tags += name + struct.pack(">II", place + len(parts), len(content))
        parts += content
    head = bytearray(128)
    head[8:12], head[12:24], head[36:40] = b"\x02\x10\0\0", b"prtrCMYKLab ", b"acsp"
    head[68:80] = struct.pack(">3i", 63190, 65536, 54061)
    whole = bytes(head) + struct.pack(">I", 4) + tags + parts
    return struct.pack(">I", len(whole)) + whole[4:]


def test_cmyk_through_its_profile() -> None:
    inks = np.zeros((1, 3, 4), np.uint8)
    inks[0, 1, 0], inks[0, 2, 1:] = 255, 255
    for values, white in ((inks, 255), (inks.astype(np.uint16) * 257, 65535)):
        picture, result = copied(saved(values, photometric="separated", iccprofile=cmyk_profile()))
        lightness = picture.pages[0].astype(int).mean(axis=2)[0] / white
        assert np.abs(lightness - [1, 0, 1]).max() < 0.02
        assert picture.form.icc is None
        assert picture.pages[0].dtype == values.dtype
        with tifffile.TiffFile(io.BytesIO(result)) as opened:
            assert 34675 not in opened.pages.first.tags
    broken = read_picture(saved(inks, photometric="separated", iccprofile=b"no profile"))
    assert broken.pages[0][0].tolist() == [[255] * 3, [0, 255, 255], [0, 0, 0]]


def test_lab_as_lcms_converts_it() -> None:
    rgb = Image.fromarray(COLOUR // 2 + 60)
    spaces = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(rgb, *spaces, outputMode="LAB")
    stream = io.BytesIO()
    lab.save(stream, "TIFF")
    expected = np.asarray(ImageCms.profileToProfile(lab, *reversed(spaces), outputMode="RGB"))
    picture, _ = copied(stream.getvalue())
    assert picture.form.notes == ("CIELab colours are written as RGB",)
    off = np.abs(picture.pages[0].astype(int) - expected)
    assert off.mean() < 1
    assert off.max() < 20  # where a channel is nearly 0, lcms's table is coarse
    values = array(stream.getvalue())
    shifted = values ^ np.array([0, 128, 128], np.uint8)
    assert np.array_equal(read_picture(saved(shifted, photometric="icclab")).pages[0], picture.pages[0])
    deep = np.dstack([values[..., 0].astype(np.uint16) * 257, (values[..., 1:].astype(np.uint16) << 8)])
    fine = read_picture(saved(deep, photometric="cielab")).pages[0]
    assert np.abs(fine / 257 - picture.pages[0]).max() < 1


def test_ycbcr_without_jpeg() -> None:
    ycbcr = np.asarray(Image.fromarray(COLOUR).convert("YCbCr"))
    data = saved(ycbcr, photometric="ycbcr", compression="zlib")
    picture, _ = copied(data)
    assert np.abs(picture.pages[0].astype(int) - COLOUR).max() <= 3  # Pillow cuts off where we round
    with pytest.raises(PellucidError, match=r"not supported: .*YCbCr with fewer samples of colour; expected"):
        read_picture(data.replace(struct.pack("<HHIHH", 530, 3, 2, 1, 1), struct.pack("<HHIHH", 530, 3, 2, 2, 2)))


def test_jpeg_2000_in_ycbcr() -> None:
    ycbcr = np.asarray(Image.fromarray(COLOUR).convert("YCbCr"))
    data = saved(ycbcr, photometric="rgb", compression="aperio_jp2000_ycbc", compressionargs={"mct": False})
    assert np.abs(read_picture(data).pages[0].astype(int) - COLOUR).max() <= 3


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("rows", [4, 32])
def test_fax_of_two_dimensions(order: int, rows: int) -> None:
    page = np.kron(RNG.integers(0, 2, (8, 5)), np.ones((4, 8))).astype(bool)
    page[::3, 5:9] ^= True
    stream = io.BytesIO()
    info = {292: 1, 278: rows}
    Image.fromarray(page).save(stream, "TIFF", compression="group3", tiffinfo=info)
    data = stream.getvalue()
    with tifffile.TiffFile(io.BytesIO(data)) as opened:
        found = opened.pages.first
        assert found.tags.valueof(292) == 1
        strips = list(zip(found.dataoffsets, found.databytecounts, strict=True))
    if order == 2:
        reordered = bytearray(data)
        for offset, count in strips:
            reordered[offset : offset + count] = imagecodecs.bitorder_decode(data[offset : offset + count])
        data = with_tags(bytes(reordered), {266: 2}, "<")
    picture, result = copied(data)
    assert np.array_equal(picture.pages[0], page)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(result))), page)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("planar", [False, True])
def test_samples_are_turned(orientation: int, planar: bool) -> None:
    values = drawn((2, 5, 7) if planar else (5, 7, 2), "int16")
    options = {"planarconfig": "separate" if planar else "contig", "extratags": [(274, 3, 1, orientation, True)]}
    picture, result = copied(saved(values, **options))
    planes = values if planar else np.moveaxis(values, 2, 0)
    expected = [turned(plane, orientation) for plane in planes]
    assert all(np.array_equal(page, one) for page, one in zip(picture.pages, expected, strict=True))
    assert picture.form.extra.shape == (2, *expected[0].shape)
    with tifffile.TiffFile(io.BytesIO(result)) as opened:
        assert 274 not in opened.pages.first.tags


def test_fax_in_tiles() -> None:
    page = np.kron(RNG.integers(0, 2, (10, 12)), np.ones((4, 4))).astype(bool)
    tiles = []
    for top, left in np.ndindex(3, 3):
        stream = io.BytesIO()
        tile = np.pad(page, ((0, 8), (0, 0)))[16 * top :, 16 * left :][:16, :16]
        Image.fromarray(tile).save(stream, "TIFF", compression="group4", tiffinfo={278: 16})
        with tifffile.TiffFile(io.BytesIO(stream.getvalue())) as opened:
            place, count = opened.pages.first.dataoffsets[0], opened.pages.first.databytecounts[0]
        tiles.append(stream.getvalue()[place : place + count])
    options = {"dtype": np.uint8, "tile": (16, 16), "compression": "packbits", "photometric": "minisblack"}
    stream = io.BytesIO()
    tifffile.imwrite(stream, iter(tiles), shape=page.shape, **options)
    data = with_tags(stream.getvalue(), {258: 1, 259: 4}, "<")
    assert np.array_equal(read_picture(data).pages[0], page)
