"""An orientation is applied to the pixels, in every kind of file; the rest of the EXIF is kept, thumbnails are not."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps, PngImagePlugin

from pellucid.images.formats import probe, read_picture, write_picture
from pellucid.images.formats.metadata import turned, upright

MAKER, ORIENTATION = 0x010F, 0x0112


def smooth(height: int = 24, width: int = 40) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([y * 6, x * 5, y + x], axis=2).astype(np.uint8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_every_orientation(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKER] = orientation, "a maker"
    stream = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {"dpi": (300, 150)}
    Image.fromarray(smooth()).save(stream, kind, exif=exif, **options)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(stream.getvalue())))
    picture = read_picture(stream.getvalue())
    assert np.array_equal(picture.pages[0], np.asarray(upright))
    assert probe(stream.getvalue()) == (*picture.pages[0].shape[:2], 3)
    target = io.BytesIO()
    write_picture(target, picture)
    result = Image.open(io.BytesIO(target.getvalue()))
    assert result.getexif().get(ORIENTATION, 1) == 1
    assert kind == "TIFF" or result.getexif()[MAKER] == "a maker"
    assert np.array_equal(ImageOps.exif_transpose(result).size, upright.size)
    if kind != "WEBP":
        expected = (150, 300) if orientation >= 5 else (300, 150)
        assert result.info["dpi"] == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_is_what_pillow_does(orientation: int) -> None:
    image = Image.fromarray(smooth())
    image.getexif()[ORIENTATION] = orientation
    assert np.array_equal(turned(smooth(), orientation), np.asarray(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_orientation_in_xmp(kind: str) -> None:
    xmp = b'<rdf:Description tiff:Orientation="%d" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"/>'
    stream, target = io.BytesIO(), io.BytesIO()
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", (xmp % 6).decode())
    options = {"lossless": True, "xmp": xmp % 6} if kind == "WEBP" else {"xmp": xmp % 6, "pnginfo": text}
    Image.fromarray(smooth()).save(stream, kind, **options)
    picture = read_picture(stream.getvalue())
    assert np.array_equal(picture.pages[0], np.rot90(np.asarray(Image.open(stream)), -1))
    assert probe(stream.getvalue()) == (40, 24, 3)
    write_picture(target, picture)
    assert Image.open(target).info["xmp"] == xmp % 1


def test_deep_pages_are_turned_too() -> None:
    stream = io.BytesIO()
    page = smooth().astype(np.uint16) * 257
    tifffile.imwrite(stream, page, photometric="rgb", extratags=[(ORIENTATION, 3, 1, 6, True)])
    assert np.array_equal(read_picture(stream.getvalue()).pages[0], np.rot90(page, -1))


def test_exif_that_is_hostile_or_too_large_is_dropped() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for raw in (
            b"",
            b"x",
            b"Exif\0\0II*\0\xff\xff\xff\xff",
            bytes(2**17),
            b"II*\0\x08\0\0\0\xff\xff" + b"\x12" * 99,
        ):
            orientation, exif, _, notes = upright(raw)
            assert orientation in range(1, 9)
            assert exif is None or len(exif) < 2**16
            assert bool(notes) == (raw in (b"x", bytes(2**17)))  # of the others, Pillow reads what there is
    assert upright(None, bytes(2**22 + 1))[2:] == (None, ("the XMP is too large: it is not kept",))
