"""Images inside of a TIFF's strips and tiles: their headers are read before a decoder sees them."""

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

from pellucid.common import PellucidError
from pellucid.images.formats import measure, read_picture, tiff_inner

RGB = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
CODES = {"jpeg": 7, "jpeg2k": 34712, "jpegxr": 34934, "webp": 50001, "jpegxl": 50002, "lerc": 34887, "png": 34933}
NAMES = {"jpeg": "JPEG", "jpeg2k": "JPEG 2000", "jpegxr": "JPEG XR", "webp": "WebP", "jpegxl": "JPEG XL"}
NAMES |= {"lerc": "LERC", "png": "PNG"}


def encoded(kind: str, page: np.ndarray, **options: Any) -> bytes:
    return bytes(getattr(imagecodecs, f"{kind}_encode")(page, **options))


def inside(kind: str, strip: bytes, height: int = 40, width: int = 56, samples: int = 3) -> bytes:
    """Return a TIFF of one page of 8 bits around a strip."""
    tags = {256: (4, width), 257: (4, height), 258: (3, 8), 259: (3, CODES[kind]), 262: (3, 2 if samples > 2 else 1)}
    tags |= {273: (4, 0), 277: (3, samples), 278: (4, height), 279: (4, len(strip))}
    place = 8 + 2 + 12 * len(tags) + 4
    tags[273] = (4, place)
    table = b"".join(struct.pack("<HHII", tag, of, 1, value) for tag, (of, value) in sorted(tags.items()))
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + table + bytes(4) + strip


@pytest.mark.parametrize("kind", CODES)
def test_no_inner_image_is_larger_than_its_strip(kind: str) -> None:
    strip = encoded(kind, RGB)
    assert read_picture(inside(kind, strip)).pages[0].shape == (40, 56, 3)
    for height, width in ((24, 56), (40, 40), (41, 56), (40, 57), (80, 28)):
        for read in (read_picture, measure):
            with pytest.raises(PellucidError, match=f"holds a {NAMES[kind]} image of .*56x.*40 pixels"):
                read(inside(kind, strip, height, width))
    for samples in (1, 5):
        with pytest.raises(PellucidError, match="in 3 channels"):
            read_picture(inside(kind, strip, samples=samples))
    with pytest.raises(PellucidError, match=f"no {NAMES[kind]}|not supported"):
        read_picture(inside(kind, bytes(500)))


@pytest.mark.parametrize("kind", CODES)
def test_a_cut_or_changed_inner_image_is_refused_or_read(kind: str) -> None:
    strip = encoded(kind, RGB)
    rng = np.random.default_rng(1)
    for _ in range(60):
        cut = bytearray(strip[: int(rng.integers(1, len(strip)))] if rng.random() < 0.5 else strip)
        for place in rng.integers(0, min(len(cut), 80), 3):
            cut[place] = rng.integers(0, 256)
        try:
            pages = read_picture(inside(kind, bytes(cut))).pages
        except PellucidError as error:
            assert str(error).isprintable()
        else:
            assert pages[0].shape == (40, 56, 3)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from([*CODES]),
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    channels=st.sampled_from([1, 2, 3, 4]),
    deep=st.booleans(),
    container=st.booleans(),
)
def test_headers_are_read_right(kind: str, height: int, width: int, channels: int, deep: bool, container: bool) -> None:
    deep = deep and kind in ("jpeg2k", "jpegxl", "png", "jpegxr", "lerc")
    channels = max(channels, 3) if kind == "webp" else 3 if (kind, channels) == ("jpeg", 4) else channels
    channels = 1 if channels == 2 and kind != "png" else channels
    page = np.zeros((height, width, channels) if channels > 1 else (height, width), np.uint16 if deep else np.uint8)
    if channels == 4:
        page[0, 0] = 77  # or WebP would leave out an alpha channel
    options: dict[str, Any] = {}
    if kind == "jpegxl":
        options = {"usecontainer": container}
    if kind == "jpeg2k":
        options = {"codecformat": "jp2" if container else "j2k"}
    if kind == "webp":
        options = {"lossless": container}
    strip = encoded(kind, page, **options)
    claim = tiff_inner._PARSERS[NAMES[kind]](strip, len(strip))
    assert (claim.width, claim.height, claim.other) == (width, height, "")
    assert claim.channels == channels


def test_animations_are_not_supported() -> None:
    frames = np.stack([RGB, RGB[::-1]])
    for kind, data in (("webp", webp_of(frames)), ("jpegxl", encoded("jpegxl", frames))):
        with pytest.raises(PellucidError, match=r"not supported: it has .* compression with .*frames"):
            read_picture(inside(kind, data))


def webp_of(frames: np.ndarray) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(stream, "WEBP", save_all=True, append_images=others)
    return stream.getvalue()


def test_several_lerc_images_in_one_strip_are_not_supported() -> None:
    strip = encoded("lerc", RGB[..., 0])
    assert read_picture(inside("lerc", strip, samples=1)).pages[0].shape == (40, 56)
    with pytest.raises(PellucidError, match="LERC compression with several images"):
        read_picture(inside("lerc", strip * 3, samples=1))


def test_a_jpeg_of_more_than_8_bits_is_not_supported() -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, RGB[..., 0].astype(np.uint16), compression="jpeg", metadata=None)
    data = stream.getvalue().replace(struct.pack("<HHI", 258, 3, 1) + b"\x0c", struct.pack("<HHI", 258, 3, 1) + b"\x08")
    with pytest.raises(PellucidError, match="not supported: it has JPEG compression with 12 bits"):
        read_picture(data)


def test_an_inner_image_says_nothing_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    strip = bytearray(encoded("jpegxr", RGB))
    (place,) = struct.unpack("<I", strip[4:8])
    strip[place + 2 + 12 : place + 4 + 12] = b"\x02\xbe"
    with pytest.raises(PellucidError, match="tags of another kind"):
        read_picture(inside("jpegxr", bytes(strip)))
    assert capfd.readouterr() == ("", "")
