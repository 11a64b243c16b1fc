"""Stacks of ImageJ, OME, tifffile and MetaMorph, and volumes: pages are planes, and copies are still stacks."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile

from pellucid.common import PellucidError
from pellucid.images.formats import Limits, Picture, measure, read_picture, write_picture

RNG = np.random.default_rng(0)


def copied(data: bytes) -> tuple[Picture, bytes]:
    picture, stream = read_picture(data), io.BytesIO()
    write_picture(stream, picture)
    again = read_picture(stream.getvalue())
    assert all(np.array_equal(a, b) for a, b in zip(picture.pages, again.pages, strict=True))
    assert (again.form.extra.axes, again.form.extra.shape) == (picture.form.extra.axes, picture.form.extra.shape)
    return picture, stream.getvalue()


def series(data: bytes) -> list[Any]:
    with tifffile.TiffFile(io.BytesIO(data)) as opened:
        return [(each.kind, each.axes, each.shape, each.dtype) for each in opened.series]


def description(data: bytes) -> list[Any]:
    with tifffile.TiffFile(io.BytesIO(data)) as opened:
        return [tag.value for tag in opened.pages.first.tags.getall(270) or []]


STACKS: dict[str, tuple[str, tuple[int, ...], str, dict[str, Any]]] = {
    "ImageJ TZCYX": ("TZCYX", (2, 3, 2, 9, 8), "uint16", {"imagej": True}),
    "ImageJ TYX": ("TYX", (5, 9, 8), "float32", {"imagej": True}),
    "ImageJ ZYXS": ("ZYXS", (3, 9, 8, 3), "uint8", {"imagej": True}),
    "ImageJ signed": ("CYX", (3, 9, 8), "int16", {"imagej": True}),
    "ImageJ big-endian": ("ZCYX", (2, 2, 9, 8), "uint16", {"imagej": True, "byteorder": ">"}),
    "OME TZCYX": ("TZCYX", (2, 3, 2, 9, 8), "uint16", {"ome": True}),
    "OME CTZYX": ("CTZYX", (2, 3, 2, 9, 8), "int16", {"ome": True}),
    "OME ZYXS": ("ZYXS", (3, 9, 8, 3), "uint8", {"ome": True, "photometric": "rgb"}),
    "OME, compressed": ("TCYX", (2, 3, 32, 32), "uint32", {"ome": True, "compression": "zlib", "tile": (16, 16)}),
    "shaped": ("QQYX", (2, 3, 9, 8), "float64", {}),
    "shaped, named": ("TZYX", (2, 3, 9, 8), "uint8", {"metadata": {"axes": "TZYX"}}),
    "shaped, in Big": ("QYX", (3, 9, 8), "uint64", {"bigtiff": True}),
    "plain": ("IYX", (4, 9, 8), "uint8", {"metadata": None}),
}


def stack(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    return RNG.integers(0, 100, shape).astype(dtype)


def stacked(values: np.ndarray, axes: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    kinds = {name: options.pop(name) for name in ("imagej", "ome", "bigtiff", "byteorder") if name in options}
    if kinds.keys() & {"imagej", "ome"}:
        options["metadata"] = options.get("metadata", {}) | {"axes": axes}
    if "photometric" not in options:
        options["photometric"] = "rgb" if axes[-1] == "S" else "minisblack"
    with tifffile.TiffWriter(stream, **kinds) as writer:
        writer.write(values, **options)
    return stream.getvalue()


@pytest.mark.parametrize("name", STACKS)
def test_stacks(name: str) -> None:
    axes, shape, dtype, options = STACKS[name]
    values = stack(shape, dtype)
    data = stacked(values, axes, **options)
    picture, result = copied(data)
    page = shape[-3:] if axes[-1] == "S" else shape[-2:]
    assert np.array_equal(np.stack(picture.pages).reshape(shape), values)
    assert picture.pages[0].shape == page
    assert (picture.form.extra.axes, picture.form.extra.shape) == (axes, shape)
    assert picture.form.notes == ()
    assert series(result) == series(data)
    assert description(result) == description(data)
    assert np.array_equal(tifffile.imread(io.BytesIO(result)), values)


def test_an_imagej_stack_lies_in_one_piece_and_keeps_what_is_its_own() -> None:
    values = stack((2, 9, 8), "uint8")
    colours = [np.stack([np.arange(256) * (each == number) for each in range(3)]).astype(np.uint8) for number in (0, 2)]
    own = {"Labels": ["one", "two"], "LUTs": colours, "Ranges": (0.0, 9.0, 2.0, 77.0), "mode": "composite"}
    own |= {"Overlays": [b"\x01\x02\x03"], "unit": "\\u00B5m"}
    data = stacked(values, "CYX", imagej=True, metadata=own, resolution=(2.5, 2.5))
    _, result = copied(data)
    with tifffile.TiffFile(io.BytesIO(data)) as before, tifffile.TiffFile(io.BytesIO(result)) as after:
        assert str(after.imagej_metadata) == str(before.imagej_metadata)
        assert after.imagej_metadata["Labels"] == ["one", "two"]
        for number in (50838, 50839):
            old, new = before.pages.first.tags[number], after.pages.first.tags[number]
            assert (old.dtype, old.count) == (new.dtype, new.count)
        first, second = after.pages
        assert second.dataoffsets[0] == first.dataoffsets[0] + 72
    # Programs that follow ImageJ read the planes without looking at the other directories.
    start = first.dataoffsets[0]
    assert np.array_equal(np.frombuffer(result[start : start + 144], np.uint8).reshape(2, 9, 8), values)


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("kind", ["imagej", "shaped"])
def test_planes_without_directories(kind: str, byteorder: str, colour: bool) -> None:
    """As Fiji writes stacks of more than 4 GB."""
    shape, axes = ((5, 9, 8, 3), "ZYXS") if colour else ((5, 9, 8), "ZYX")
    values = stack(shape, "uint8" if colour else "uint16")
    options = {"imagej": True} if kind == "imagej" else {"metadata": {"axes": axes}}
    data = stacked(values, axes, truncate=True, byteorder=byteorder, **options)
    with tifffile.TiffFile(io.BytesIO(data)) as opened:
        assert len(opened.pages) == 1
        end = opened.pages.first.dataoffsets[0] + values.nbytes
    picture, result = copied(data)
    assert np.array_equal(np.stack(picture.pages), values)
    assert picture.form.extra.axes == axes
    assert picture.form.notes == ("planes without directories of their own are written as pages",)
    with tifffile.TiffFile(io.BytesIO(result)) as opened:
        assert len(opened.pages) == 5
        assert opened.byteorder == byteorder
        assert not any(270 in page.tags for page in opened.pages[1:])
    assert series(result) == series(data)
    with pytest.raises(PellucidError, match=r"damaged or truncated: .* 5 planes, but has the bytes of 4"):
        read_picture(data[: end - 1])
    with pytest.raises(PellucidError, match="8x9 pixels after 288 on earlier pages, more than the limit of 359"):
        read_picture(data, limits=Limits(pixels=359))
    with pytest.raises(PellucidError, match="5 pages"):
        measure(data)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ImageJ=1.54f\nimages=999999999\n", "more than the limit"),
        ('{"shape": [99999, 99999, 9, 8], "truncated": true}', "more than the limit"),
        ("ImageJ=1.54f\nimages=4\n", "bytes of 1"),
        ("ImageJ=1.54f\nimages=3700000\n", "3700000 pages or more; expected at most 1048576"),
    ],
)
def test_planes_that_are_not_there(text: str, said: str) -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((9, 8), np.uint8), description=text, metadata=None)
    with pytest.raises(PellucidError, match=said):
        read_picture(stream.getvalue())


@pytest.mark.parametrize(
    "text",
    [
        '{"shape": [1e999, 9, 8], "truncated": true}',
        '{"shape": [-2, -9, 8], "truncated": true}',
        '{"shape": "999", "truncated": true}',
        '{"shape": [' + "[" * 9000 + ', "truncated": true',
        "ImageJ=1.54f\nimages=x\nslices=99\n",
        "ImageJ=\nimages=1\nslices=7\nframes=-3\n",
        "<?xml version='1.0'?><OME><Pixels SizeZ='7'/></OME>",
        "<OME><Pixels DimensionOrder='XYZCT' SizeZ='x' SizeC='1' SizeT='1'/></OME>",
        "<OME><Pixels DimensionOrder='XYZCT' SizeZ='0' SizeC='1' SizeT='1'/></OME>",
        "<OME><Pixels DimensionOrder='XYZZT' SizeZ='2' SizeC='1' SizeT='1'/></OME>",
        "<OME><Pixels DimensionOrder='XYZCT' SizeZ='2' SizeC='1' SizeT='1'/>",
        "<OME>" * 5000,
        "<" * 5000,
    ],
)
def test_descriptions_are_not_trusted(text: str) -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((2, 9, 8), np.uint8), description=text, metadata=None, photometric="minisblack")
    picture, result = copied(stream.getvalue())
    assert (picture.form.extra.axes, picture.form.extra.shape) == ("IYX", (2, 9, 8))
    assert description(result) == description(stream.getvalue())


def test_entities_are_not_expanded() -> None:
    text = "<!DOCTYPE OME [<!ENTITY a 'aaaaaaaaaa'>"
    text += "".join(f"<!ENTITY {chr(98 + n)} '{('&' + chr(97 + n) + ';') * 10}'>" for n in range(12))
    text += "]><OME><Pixels DimensionOrder='XYZCT' SizeZ='2' SizeC='1' SizeT='1' ID='&m;'/></OME>"
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((2, 9, 8), np.uint8), description=text, metadata=None, photometric="minisblack")
    assert read_picture(stream.getvalue()).form.extra.axes == "IYX"


def test_pages_in_another_order_than_ome_says_have_no_axes() -> None:
    values = stack((2, 3, 9, 8), "uint8")
    data = stacked(values, "ZCYX", ome=True)
    xml = description(data)[0]
    assert 'IFD="0"' in xml
    for place, said in (("0", "ZCYX"), ("1", "IYX")):
        stream = io.BytesIO()
        changed = xml.replace('IFD="0"', f'IFD="{place}"')
        tifffile.imwrite(
            stream, values.reshape(6, 9, 8), description=changed.encode(), metadata=None, photometric="minisblack"
        )
        assert read_picture(stream.getvalue()).form.extra.axes == said


@pytest.mark.parametrize("samples", [2, 5])
@pytest.mark.parametrize("planar", [False, True])
def test_ome_whose_channels_are_samples(samples: int, planar: bool) -> None:
    values = stack((3, samples, 9, 8) if planar else (3, 9, 8, samples), "uint16")
    options = {"planarconfig": "separate" if planar else "contig"}
    data = stacked(values, "ZSYX" if planar else "ZYXS", ome=True, photometric="minisblack", **options)
    picture, result = copied(data)
    assert (picture.form.extra.axes, picture.form.extra.shape) == ("ZCYX", (3, samples, 9, 8))
    assert np.array_equal(
        np.stack(picture.pages).reshape(3, samples, 9, 8), values if planar else np.moveaxis(values, 3, 1)
    )
    assert series(result) == series(data)
    assert np.array_equal(tifffile.imread(io.BytesIO(result)), values)


def test_pyramids_are_left_out_and_said() -> None:
    values = stack((64, 64), "uint8")
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, ome=True) as writer:
        writer.write(values, tile=(16, 16), subifds=1)
        writer.write(values[::2, ::2], tile=(16, 16), subfiletype=1)
    picture, result = copied(stream.getvalue())
    said = "smaller versions of the image (pyramid levels, thumbnails) are left out"
    assert picture.form.notes == (said,)
    assert np.array_equal(tifffile.imread(io.BytesIO(result)), values)
    assert series(result)[0][0] == "ome"
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(values, metadata=None)
        writer.write(values[::2, ::2], metadata=None, subfiletype=1)
    assert read_picture(stream.getvalue()).form.notes == (said,)


@pytest.mark.parametrize("tile", [None, (4, 16, 16), (16, 16, 32)])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("colour", [False, True])
def test_volumes(tile: tuple[int, int, int] | None, compression: str | None, colour: bool) -> None:
    values = stack((10, 20, 33, 3) if colour else (10, 20, 33), "uint16")
    options = {"photometric": "rgb" if colour else "minisblack", "volumetric": True, "metadata": None}
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, tile=tile, compression=compression, **options)
    picture, result = copied(stream.getvalue())
    assert np.array_equal(np.stack(picture.pages), values)
    assert picture.form.extra.axes == ("ZYXS" if colour else "ZYX")
    assert np.array_equal(tifffile.imread(io.BytesIO(result)), values)
    with tifffile.TiffFile(io.BytesIO(stream.getvalue())) as one, tifffile.TiffFile(io.BytesIO(result)) as other:
        for name in ("ImageDepth", "TileDepth", "TileWidth", "Compression"):
            assert one.pages.first.tags.valueof(name) == other.pages.first.tags.valueof(name)


def test_metamorph() -> None:
    """Planes lie after the first; MetaMorph's tags have a value for each, and point into the file."""
    values = stack((4, 6, 8), "uint16")
    tags = {256: (4, 1, 8), 257: (4, 1, 6), 258: (3, 1, 16), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 0)}
    tags |= {277: (3, 1, 1), 278: (4, 1, 6), 279: (4, 1, 96), 33628: (4, 0, 8), 33629: (5, 4, 0)}
    start = 8 + 2 + 12 * len(tags) + 4
    tags[33629], tags[273] = (5, 4, start), (4, 1, start + 4 * 24)
    plane = struct.pack("<6I", 1, 1, 2458000, 0, 2458000, 0)
    table = b"".join(struct.pack("<HHII", tag, *value) for tag, value in sorted(tags.items()))
    data = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + table + bytes(4) + plane * 4 + values.tobytes()
    picture, result = copied(data)
    assert np.array_equal(np.stack(picture.pages), values)
    assert any("MetaMorph" in note for note in picture.form.notes)
    assert np.array_equal(tifffile.imread(io.BytesIO(result)), values)
    with pytest.raises(PellucidError, match="has the bytes of 3"):
        read_picture(data[:-1])


def test_pages_of_several_sizes_have_no_axes() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for side in (5, 6):
            writer.write(stack((side, 7), "uint8"), metadata=None)
    picture, _ = copied(stream.getvalue())
    assert (picture.form.extra.axes, picture.form.extra.shape) == ("", ())


def test_more_than_a_tiff_can_hold_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.images.formats.tiff._LARGEST_CLASSIC", 100)
    picture, result = copied(stacked(stack((2, 9, 8), "uint8"), "ZYX", imagej=True))
    assert picture.form.notes == ("it is written as a BigTIFF: it is larger than a TIFF can be",)
    assert result[2] == 43
    assert series(result)[0][:2] == ("imagej", "ZYX")


def test_the_colours_in_which_imagej_shows_gray_are_kept() -> None:
    values = stack((3, 9, 8), "uint8")
    colours = RNG.integers(0, 2**16, (3, 256)).astype(np.uint16)
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, imagej=True) as writer:
        writer.write(values, photometric="palette", colormap=colours, metadata={"axes": "ZYX"})
    picture, result = copied(stream.getvalue())
    assert np.array_equal(np.stack(picture.pages), values)
    assert picture.form.notes == ()
    assert series(result) == series(stream.getvalue())
    with tifffile.TiffFile(io.BytesIO(result)) as opened:
        assert all(np.array_equal(page.colormap, colours) for page in opened.pages)
        assert np.array_equal(opened.asarray(), values)


def test_a_name_that_ends_in_ome_does_not_make_an_ome_tiff(tmp_path: Any) -> None:
    write_picture(tmp_path / "a.ome.tif", Picture((stack((9, 8), "uint8"),)))
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as opened:
        assert not opened.is_ome


def test_several_series_without_directories() -> None:
    stream = io.BytesIO()
    first, second = stack((3, 9, 8), "uint8"), stack((2, 5, 6), "uint16")
    with tifffile.TiffWriter(stream) as writer:
        for values in (first, second):
            writer.write(values, truncate=True, photometric="minisblack", metadata={})
    picture, result = copied(stream.getvalue())
    assert all(np.array_equal(*pair) for pair in zip(picture.pages, [*first, *second], strict=True))
    assert picture.form.extra.axes == ""
    assert [shape for _, _, shape, _ in series(result)] == [(3, 9, 8), (2, 5, 6)]  # of which tifffile saw the first
