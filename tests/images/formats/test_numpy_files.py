"""Arrays of any shape, axes, type and order come back exactly, plane by plane."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import pictures
from pellucid.common.errors import PellucidError
from pellucid.images.axes import guess_axes, planes
from pellucid.images.formats import Limits, Picture, measure, probe, read_image, read_picture, write_picture
from pictures import written

RNG = np.random.default_rng(0)
DTYPES = ["?", "u1", "i1", "<u2", ">u2", "<i2", "u4", ">i4", "u8", "i8", "f2", "<f4", ">f4", "f8"]
SHAPES = [(9, 7), (9, 7, 3), (9, 7, 1), (9, 7, 2), (9, 7, 4), (3, 9, 7), (20, 9, 7), (2, 9, 7, 3), (2, 3, 9, 7)]


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(compressed: bool = False, **arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)
    return stream.getvalue()


refusal = partial(pictures.refusal, name="a.npy")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_any_array(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    array = (RNG.random(shape) * 200 - (np.dtype(dtype).kind in "if") * 90).astype(dtype)
    for stored in (array, np.asfortranarray(array)):
        np.save(tmp_path / "a.npy", stored)
        for source in (tmp_path / "a.npy", npy(stored)):
            picture = read_picture(source)
            expected = planes(array, guess_axes(shape))
            assert all(page.dtype == np.dtype(dtype).newbyteorder("=") for page in picture.pages)
            assert all(np.array_equal(*pair) for pair in zip(picture.pages, expected, strict=True))
            assert written(picture) == npy(array)
    if len(picture.pages) == 1:
        assert probe(tmp_path / "a.npy") == (9, 7, 3 if shape[-1] == 3 else 1)
        assert not measure(tmp_path / "a.npy").parts  # columns come first
    else:
        for read in (probe, read_image):
            with pytest.raises(PellucidError, match=f"{len(picture.pages)} pages; expected one"):
                read(tmp_path / "a.npy")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_told_axes(data: st.DataObject) -> None:
    axes = data.draw(st.sampled_from(["YX", "XY", "YXS", "SYX", "CYX", "YXC", "TZCYX", "QYXS"]))
    shape = tuple(data.draw(st.integers(1, 4)) for _ in axes)
    array = data.draw(hnp.arrays(data.draw(st.sampled_from(DTYPES)), shape))
    for stored in (npy(array), npz(a=array)):
        picture = read_picture(stored, axes=axes)
        for page, plane in zip(picture.pages, planes(array, axes), strict=True):
            assert page.tobytes() == plane.astype(plane.dtype.newbyteorder("=")).tobytes()
        back = np.load(io.BytesIO(written(picture)))
        back = back if isinstance(back, np.ndarray) else back["a"]
        assert (back.shape, back.dtype) == (shape, array.dtype)
        assert back.tobytes() == array.tobytes()


def test_axes_that_are_not_those_of_the_array() -> None:
    assert "a.npy has the shape (9, 7); expected 3 axes, ZYX" in refusal(npy(np.zeros((9, 7))), axes="ZYX")
    assert "name no image" in refusal(npy(np.zeros((9, 7))), axes="ZT")
    assert measure(npy(np.zeros((3, 9, 7))), axes="SYX")[:3] == (9, 7, 3)


@pytest.mark.parametrize("dtype", ["u1", "<i2", "<f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_file_is_memory_mapped(dtype: str, order: str, tmp_path: Path) -> None:
    array = np.zeros((5, 9, 7), dtype, order)
    np.save(tmp_path / "a.npy", array)
    picture = read_picture(tmp_path / "a.npy")
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert all(not page.flags.owndata and not page.flags.writeable for page in picture.pages)
    base = picture.pages[0]
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, type(mapped))


def test_what_can_be_read_in_parts(tmp_path: Path) -> None:
    for array, parts in (
        (np.zeros((9, 7)), True),
        (np.zeros((9, 7, 3)), True),
        (np.zeros((9, 7), ">f4"), False),
        (np.zeros((1, 9, 7)), True),
        (np.zeros((9, 7, 3), order="F"), False),
    ):
        assert measure(npy(array)).parts == parts
    assert not measure(npz(a=np.zeros((9, 7)))).parts


def test_limits_count_every_plane() -> None:
    for data in (npy(np.zeros((3, 9, 7))), npz(a=np.zeros((3, 9, 7)))):
        assert len(read_picture(data, limits=Limits(pixels=189)).pages) == 3
        assert "7x9 pixels after 126 on earlier pages, more than the limit" in refusal(data, limits=Limits(pixels=188))


@pytest.mark.parametrize("compressed", [False, True])
def test_an_archive_of_one_array(compressed: bool, tmp_path: Path) -> None:
    array = RNG.integers(-9, 9, (4, 9, 7)).astype(">i2")
    data = npz(compressed, scan=array)
    picture = read_picture(data)
    assert picture.form.kind == "NPZ"
    with zipfile.ZipFile(io.BytesIO(written(picture))) as archive:
        (info,) = archive.infolist()
        assert info.filename == "scan.npy"
        assert (info.compress_type == zipfile.ZIP_DEFLATED) == compressed
        assert archive.read(info) == npy(array)
    assert np.array_equal(np.load(io.BytesIO(written(picture, ".npy"))), array)
    write_picture(tmp_path / "a.npz", Picture((array[0],)))
    assert np.array_equal(np.load(tmp_path / "a.npz")["arr_0"], array[0])


def test_bad_archives() -> None:
    whole = npz(a=np.zeros((9, 7)))
    for cut in (1, 30, len(whole) // 2, len(whole) - 20):
        assert "damaged or truncated" in refusal(whole[:-cut])
    wrong = bytearray(whole)
    wrong[300] ^= 1
    assert "CRC" in refusal(bytes(wrong))
    assert "it holds 6 arrays (a0, a1, a2, a3, a4, ...); expected one" in refusal(
        npz(**{f"a{number}": np.zeros((2, 2)) for number in range(6)})
    )
    assert "Python objects" in refusal(npz(a=np.array([[{}]])))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "not an array")
    assert "an archive without arrays" in refusal(stream.getvalue())
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        start = npy(np.zeros((9, 7)))[:128].replace(b"(9, 7), ", b"(2**9,),")
        archive.writestr("a.npy", start + bytes(2**20))
    refusal(stream.getvalue())


def test_pages_of_other_files_are_stacked(tmp_path: Path) -> None:
    page = RNG.integers(0, 9, (9, 7), dtype=np.uint16)
    assert np.array_equal(np.load(io.BytesIO(written(Picture((page, page + 1)), ".npy"))), [page, page + 1])
    with pytest.raises(PellucidError, match="one size and type"):
        write_picture(tmp_path / "a.npy", Picture((page, page[1:])))
    # What was read of an array may be cut, or of another type.
    stack = read_picture(npy(np.zeros((4, 9, 7), ">u2")))
    cut = replace(stack, pages=stack.pages[:2])
    assert np.load(io.BytesIO(written(cut))).shape == (2, 9, 7)
    floats = replace(stack, pages=tuple(each.astype(np.float32) for each in stack.pages))
    assert np.load(io.BytesIO(written(floats))).dtype == np.dtype(">f4")
