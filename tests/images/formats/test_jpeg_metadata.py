"""What a JPEG holds besides its pixels comes back, and CMYK becomes RGB; notes say what else is not kept."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms, IptcImagePlugin

from pellucid.images.formats import probe, read_picture, write_picture

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'
EXTENDED = b"http://ns.adobe.com/xmp/extension/\0"
# One resource of Photoshop, IPTC, which holds the caption "a scan".
PHOTOSHOP = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0b\x1c\x02\x78\0\x06a scan\0"


def smooth(mode: str = "RGB") -> Image.Image:
    y, x = np.mgrid[0:40, 0:56]
    return Image.fromarray(np.stack([y * 5, x * 4, y + x], axis=2).astype(np.uint8)).convert(mode)


def jpeg(*segments: tuple[int, bytes], mode: str = "RGB", **options: object) -> bytes:
    """Make a JPEG with segments after the first one."""
    stream = io.BytesIO()
    smooth(mode).save(stream, "JPEG", **{"quality": 90, **options})
    data = stream.getvalue()
    end = 4 + int.from_bytes(data[4:6], "big")
    heads = [struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content for marker, content in segments]
    return data[:end] + b"".join(heads) + data[end:]


def again(data: bytes) -> bytes:
    stream = io.BytesIO()
    write_picture(stream, read_picture(data))
    return stream.getvalue()


def test_xmp_iptc_and_comments() -> None:
    parts = [EXTENDED + b"A" * 40 + bytes([number]) * 60_000 for number in range(3)]
    segments = [(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP % 1), *((0xE1, part) for part in parts)]
    segments += [(0xED, PHOTOSHOP), (0xFE, b"first"), (0xFE, b"second")]
    data = jpeg(*segments)
    result = again(data)
    opened = Image.open(io.BytesIO(result))
    assert opened.info["xmp"] == XMP % 1
    assert IptcImagePlugin.getiptcinfo(opened) == {(2, 120): b"a scan"}
    assert opened.info["comment"] == b"second"  # Pillow tells the last
    assert read_picture(data).form.notes == ()
    kept = [content for _, content in opened.applist if content in [content for _, content in segments]]
    assert kept == [content for _, content in segments]


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("unit", [0, 1, 2])
def test_density_keeps_its_unit(unit: int, orientation: int) -> None:
    data = bytearray(jpeg((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP % orientation)))
    data[13:18] = struct.pack(">BHH", unit, 39, 20)
    info = Image.open(io.BytesIO(again(bytes(data)))).info
    assert (info["jfif_unit"], info["jfif_density"]) == (unit, (20, 39) if orientation == 6 else (39, 20))


@pytest.mark.parametrize("exif_says", [None, 1, 8])
def test_orientation_in_xmp_counts_where_exif_has_none(exif_says: int | None) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    if exif_says:
        exif[0x0112] = exif_says
    data = jpeg(exif=exif.tobytes(), xmp=XMP % 6)
    turns = {None: -1, 1: 0, 8: 1}[exif_says]
    picture = read_picture(data)
    assert np.array_equal(picture.pages[0], np.rot90(np.asarray(Image.open(io.BytesIO(data))), turns))
    assert probe(data)[:2] == picture.pages[0].shape[:2]
    result = Image.open(io.BytesIO(again(data)))
    assert result.info["xmp"] == XMP % 1
    assert result.getexif().get(0x0112, 1) == 1


def test_what_is_not_kept_is_said() -> None:
    data = jpeg((0xE2, b"MPF\0II*\0"), (0xEB, b"JP content credentials"), (0xEC, b"Ducky"), (0xEC, b"Ducky"))
    assert read_picture(data).form.notes == (
        "further pictures in the file (previews, depth, gain for bright screens) are not kept",
        "data of a program (APP11) is not kept",
        "data of a program (APP12) is not kept",
    )
    assert b"Ducky" not in again(data)


def test_unusual_subsampling_is_said() -> None:
    import imagecodecs

    data = imagecodecs.jpeg8_encode(np.asarray(smooth()), level=90, subsampling="440")
    picture = read_picture(data)
    assert picture.form.notes == ("its unusual subsampling of colours is not kept: they are written in full",)
    result = Image.open(io.BytesIO(again(data)))
    assert [each[1:3] for each in result.layer] == [(1, 1)] * 3


def cmyk_profile() -> bytes:
    """Make the smallest profile from CMYK to Lab: 16 corners, all gray, the darker the more inks there are."""
    table = b"".join(bytes((255 // (1 + corner.bit_count()), 128, 128)) for corner in range(16))
    line = bytes(range(256))
    matrix = struct.pack(">9i", *(2**16 if place % 4 == 0 else 0 for place in range(9)))
    lut = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + matrix + line * 4 + table + line * 3
    lut += bytes(-len(lut) % 4)
    white = struct.pack(">3i", 63190, 65536, 54061)
    start = 128 + 4 + 12
    head = struct.pack(">I4sI4s4s4s", start + len(lut), b"none", 0x02100000, b"prtr", b"CMYK", b"Lab ")
    head += bytes(12) + b"acsp" + bytes(28) + white
    return head.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"A2B0", start, len(lut)) + lut


def test_cmyk_becomes_rgb_by_the_profile() -> None:
    data = jpeg(mode="CMYK", icc_profile=cmyk_profile())
    picture = read_picture(data)
    assert picture.form.notes[0] == "CMYK is written as RGB (sRGB), by the profile in the file"
    gray = picture.pages[0]
    assert int(gray.max()) - int(gray.min()) > 50
    assert np.ptp(gray.astype(int), axis=2).max() <= 1  # as the profile says, not as the inks do


def test_cmyk_without_a_profile_becomes_rgb() -> None:
    wrong = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for options in ({}, {"icc_profile": wrong}):
        data = jpeg(mode="CMYK", **options)
        picture = read_picture(data)
        assert probe(data) == (40, 56, 3)
        assert picture.form.notes[0].startswith("CMYK is written as RGB: without a profile")
        assert picture.form.icc is None
        assert np.abs(picture.pages[0].astype(int) - np.asarray(smooth())).max() < 20
        result = Image.open(io.BytesIO(again(data)))
        assert (result.mode, result.info.get("icc_profile")) == ("RGB", None)
