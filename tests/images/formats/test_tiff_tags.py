"""What a TIFF says besides its pixels comes back as it was: every tag, with its type; what cannot is said."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.images.formats import Picture, read_picture, write_picture

PAGE = np.random.default_rng(0).integers(0, 256, (9, 8), dtype=np.uint8)
KEPT: dict[str, tuple[int, int, int, Any]] = {
    "DocumentName": (269, 2, 0, "a name"),
    "Make": (271, 2, 0, "Zeiss"),
    "PageName": (285, 2, 0, "page one"),
    "PageNumber": (297, 3, 2, (0, 5)),
    "Software": (305, 2, 0, "not tifffile"),
    "DateTime": (306, 2, 0, "2020:02:20 20:20:20"),
    "Artist": (315, 2, 0, "naïve".encode()),
    "HostComputer": (316, 2, 0, "host"),
    "WhitePoint": (318, 5, 2, (3127, 10000, 3290, 10000)),
    "SMinSampleValue": (340, 12, 1, -1.5),
    "SMaxSampleValue": (341, 11, 1, 7.5),
    "XMP": (700, 1, 0, b"<x:xmpmeta>" + bytes(range(256))),
    "Copyright": (33432, 2, 0, "me"),
    "ModelPixelScale": (33550, 12, 3, (0.5, 0.5, 0.0)),
    "IPTC": (33723, 4, 3, (0x1C015A00, 7, 9)),
    "ModelTiepoint": (33922, 12, 6, (0.0, 0.0, 0.0, 1e5, 2e6, 0.0)),
    "ModelTransformation": (34264, 12, 16, tuple(np.arange(16) / 3)),
    "Zeiss SEM": (34118, 7, 0, b"\r\n0\r\nAP_WD = 5.0 mm"),
    "FluoView": (34361, 7, 0, b"MM" + bytes(90)),
    "Photoshop": (34377, 7, 0, b"8BIM\x04\x04" + bytes(7)),
    "FEI": (34682, 2, 0, "[User]\r\nDate=1"),
    "GeoKeys": (34735, 3, 8, (1, 1, 0, 1, 1024, 0, 1, 1)),
    "GeoDoubles": (34736, 12, 2, (6378137.0, 298.25)),
    "GeoTexts": (34737, 2, 0, "WGS 84|"),
    "GDAL": (42112, 2, 0, "<GDALMetadata/>"),
    "nodata": (42113, 2, 0, "-9999"),
    "signed": (65101, 6, 3, (-1, 0, 1)),
    "signed 16": (65102, 8, 3, (-1, 0, 30000)),
    "signed 32": (65103, 9, 1, -70000),
    "signed rational": (65104, 10, 2, (-1, 3, 7, -9)),
    "float": (65105, 11, 3, (0.5, -2.0, 1e20)),
}


def saved(tags: list[tuple[int, int, int, Any]], page: np.ndarray = PAGE, **options: Any) -> bytes:
    stream = io.BytesIO()
    kinds = {name: options.pop(name) for name in ("byteorder", "bigtiff") if name in options}
    with tifffile.TiffWriter(stream, **kinds) as writer:
        options = {"metadata": None, "software": False, "photometric": "minisblack"} | options
        writer.write(page, extratags=[(*each, True) for each in tags], **options)
    return stream.getvalue()


def copied(data: bytes) -> tuple[Picture, bytes]:
    picture, stream = read_picture(data), io.BytesIO()
    write_picture(stream, picture)
    return picture, stream.getvalue()


def tags_of(data: bytes, page: int = 0) -> dict[int, tuple[Any, ...]]:
    with tifffile.TiffFile(io.BytesIO(data)) as opened:
        places = (273, 279, 324, 325)
        return {
            tag.code: (tag.dtype, tag.count, tag.value) for tag in opened.pages[page].tags if tag.code not in places
        }


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize(
    "options", [{}, {"byteorder": ">"}, {"bigtiff": True}, {"bigtiff": True, "byteorder": ">"}], ids=str
)
def test_a_tag_is_kept_with_its_type(name: str, options: dict[str, Any]) -> None:
    data = saved([KEPT[name]], **options)
    picture, result = copied(data)
    assert KEPT[name][0] in tags_of(data)
    assert tags_of(result) == tags_of(data)
    assert picture.form.notes == ()


def test_all_tags_at_once_on_pages_of_their_own() -> None:
    stream = io.BytesIO()
    tags = [(*each, True) for each in KEPT.values()]
    with tifffile.TiffWriter(stream) as writer:
        for number in range(3):
            shown = tags[number:] if number < 2 else []
            writer.write(PAGE, extratags=shown, description=f"page {number}", metadata=None, software=False)
    _, result = copied(stream.getvalue())
    for number in range(3):
        assert tags_of(result, number) == tags_of(stream.getvalue(), number)


@settings(max_examples=60, deadline=None)
@given(
    code=st.integers(60000, 65535),
    kind=st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16, 17]),
    values=st.binary(min_size=1, max_size=40),
    byteorder=st.sampled_from("<>"),
    big=st.booleans(),
)
def test_any_tag(code: int, kind: int, values: bytes, byteorder: str, big: bool) -> None:
    size = {3: 2, 8: 2, 4: 4, 9: 4, 11: 4, 5: 8, 10: 8, 12: 8, 16: 8, 17: 8}.get(kind, 1)
    raw = values * size
    value: Any = np.frombuffer(raw, f"{byteorder}{'i' if kind == 10 else 'u'}4").tolist() if kind in (5, 10) else raw
    data = saved([(code, kind, len(raw) // 8, value)], byteorder=byteorder, bigtiff=big)
    before, after = tags_of(data), tags_of(copied(data)[1])
    assert repr(before) == repr(after)


def test_two_descriptions() -> None:
    data = saved([], description="my own", metadata={"axes": "YX"})
    assert len(tifffile.TiffFile(io.BytesIO(data)).pages.first.tags.getall(270)) == 2
    picture, result = copied(data)
    one, other = (tifffile.TiffFile(io.BytesIO(each)).pages.first.tags.getall(270) for each in (data, result))
    assert [tag.value for tag in one] == [tag.value for tag in other]
    assert picture.form.extra.axes == "YX"


def test_what_cannot_be_kept_is_said() -> None:
    pointers = {
        34665: "camera data (EXIF, GPS) is left out",
        34412: "Zeiss LSM's own tag is left out",
        33628: "MetaMorph's own tags are left out",
    }
    for code, said in pointers.items():
        stream = io.BytesIO()
        with tifffile.TiffWriter(stream) as writer:
            for page in range(2):  # of LSM, the second would be a thumbnail
                writer.write(PAGE, extratags=[(65000, 4, 1, 8, True)] * (page == 0), metadata=None)
        data = bytearray(stream.getvalue())
        place = data.index(b"\xe8\xfd\x04\x00")
        # Tags stand in order of their numbers; ours is not sorted any more, which harms nobody.
        data[place : place + 2] = code.to_bytes(2, "little")
        picture, result = copied(bytes(data))
        assert picture.form.notes == (said,)
        assert code not in tags_of(result)
    picture, result = copied(saved([(65000, 13, 1, 8), (65001, 7, 0, bytes(2**24 + 1))]))
    assert picture.form.notes == ("the tags 65000, 65001 are left out: too large, or further directories",)
    assert not {65000, 65001} & tags_of(result).keys()


def test_tags_about_colours_that_are_converted_are_not_kept() -> None:
    inks = np.zeros((9, 8, 4), np.uint8)
    tags = [KEPT["Artist"], (332, 3, 1, 1), (336, 3, 2, (0, 255)), (333, 2, 0, "cyan")]
    _, result = copied(saved(tags, inks, photometric="separated"))
    assert 315 in tags_of(result)
    assert not {332, 333, 336} & tags_of(result).keys()


def test_tags_that_another_kind_of_file_has_no_place_for_do_not_harm(tmp_path: Any) -> None:
    picture = read_picture(saved(list(KEPT.values())))
    write_picture(tmp_path / "a.png", picture)
    assert np.array_equal(read_picture(tmp_path / "a.png").pages[0], PAGE)
