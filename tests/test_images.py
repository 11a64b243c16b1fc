from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from pellucid.errors import PellucidError
from pellucid.images import as_channels, from_unit, probe, read_image, to_unit, write_image

shapes = st.one_of(
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4)),
)
arrays = st.one_of(
    *(hnp.arrays(dtype, shapes) for dtype in (np.uint8, np.uint16, np.bool_)),
    hnp.arrays(np.float32, shapes, elements=st.floats(0, 1, width=32)),
    hnp.arrays(np.float64, shapes, elements=st.floats(0, 1, width=32)),
)


@given(array=arrays)
def test_an_array_comes_back_as_it_came(array: np.ndarray) -> None:
    array.flags.writeable = False
    unit = to_unit(array)
    assert unit.dtype == np.float32
    assert unit.ndim == 3
    assert unit.shape[2] in (1, 3)
    assert not np.shares_memory(unit, array)
    back = from_unit(unit, array)
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((2, 3, 4, 1)), "shape"),
        (np.zeros((4, 4, 5), np.uint8), "shape"),
        (np.zeros(5, np.uint8), "shape"),
        (np.zeros((0, 5), np.uint8), "empty"),
        (np.full((3, 3), np.nan), "NaN"),
        (np.full((3, 3), np.inf), "infinite"),
        (np.full((3, 3), 200.0), r"from 200 to 200; expected the range \[0, 1\]"),
        (np.zeros((3, 3), np.int32), "int32"),
        (np.zeros((3, 3), complex), "complex"),
    ],
)
def test_what_is_not_an_image_is_refused(array: np.ndarray, said: str) -> None:
    with pytest.raises(PellucidError, match=said):
        to_unit(array)


def test_colour_and_gray_turn_into_each_other() -> None:
    gray = np.random.default_rng(0).random((4, 5, 1), dtype=np.float32)
    np.testing.assert_allclose(as_channels(as_channels(gray, 3), 1), gray, atol=1e-7)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy", ".bmp", ".jpg", ".webp"])
@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3), (9, 7, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_file_gives_back_what_was_written_or_says_it_cannot(
    suffix: str, shape: tuple[int, ...], dtype: type, tmp_path: Path
) -> None:
    array = (np.random.default_rng(0).random(shape) * (1 if dtype is np.float32 else np.iinfo(dtype).max)).astype(dtype)
    path = tmp_path / f"image{suffix}"
    lossless = suffix in (".png", ".tif", ".npy", ".bmp")
    try:
        write_image(path, array)
    except PellucidError as error:
        assert "does not hold" in str(error)
        assert list(tmp_path.iterdir()) == []
        assert suffix not in (".tif", ".npy")
        assert dtype is not np.uint8 or (shape[2:] == (4,) and suffix in (".bmp", ".jpg"))
        return
    back = read_image(path)
    assert back.dtype == array.dtype
    if suffix != ".webp":
        assert back.shape == array.shape
    if lossless:
        assert np.array_equal(back, array)
    assert probe(path) == (9, 7, to_unit(back).shape[2])


def test_sixteen_bit_gray_png_keeps_its_bits(tmp_path: Path) -> None:
    deep = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000 + 7
    write_image(tmp_path / "deep.png", deep)
    assert np.array_equal(read_image(tmp_path / "deep.png"), deep)


def test_orientation_and_palette_are_resolved(tmp_path: Path) -> None:
    picture = Image.fromarray(np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by a quarter
    picture.save(tmp_path / "turned.png", exif=exif)
    assert read_image(tmp_path / "turned.png").shape == (4, 6, 3)
    assert probe(tmp_path / "turned.png") == (4, 6, 3)
    picture.quantize(8).save(tmp_path / "palette.png")
    assert read_image(tmp_path / "palette.png").shape == (6, 4, 3)


def good_png(folder: Path) -> bytes:
    write_image(folder / "good.png", np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8))
    return (folder / "good.png").read_bytes()


def test_bad_files_are_named_in_one_sentence(tmp_path: Path) -> None:
    good = good_png(tmp_path)
    tifffile.imwrite(tmp_path / "good.tif", np.zeros((30, 30), np.uint8))
    huge = bytearray(good)
    huge[16:24] = (100_000).to_bytes(4, "big") * 2
    bad = {
        "empty.png": b"",
        "text.png": b"this is not an image",
        "cut.png": good[: len(good) // 2],
        "head.png": good[:20],
        "cut.tif": (tmp_path / "good.tif").read_bytes()[:40],
        "text.tif": b"II*\0 nonsense",
        "huge.png": bytes(huge),
        "bad.npy": b"\x93NUMPY nonsense",
        "code.npy": b"cos\nsystem\n(S'true'\ntR.",
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PellucidError, match=name.replace(".", r"\.")) as caught:
            read_image(tmp_path / name)
        assert "\n" not in str(caught.value), name


def test_a_pickle_in_an_array_file_is_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(PellucidError, match="objects"):
        read_image(tmp_path / "objects.npy")


def test_missing_file_folder_and_deep_colour(tmp_path: Path) -> None:
    with pytest.raises(PellucidError, match="No such file"):
        read_image(tmp_path / "nothing.png")
    with pytest.raises(PellucidError, match="is a folder"):
        read_image(tmp_path)
    deep = bytearray(good_png(tmp_path))
    deep[24:26] = (16, 2)  # bit depth and colour type; then the checksum of the header
    deep[29:33] = zlib.crc32(deep[12:29]).to_bytes(4, "big")
    (tmp_path / "deep.png").write_bytes(deep)
    with pytest.raises(PellucidError, match="16-bit colour"):
        read_image(tmp_path / "deep.png")


def test_writing_fails_whole(tmp_path: Path) -> None:
    with pytest.raises(PellucidError, match="ending"):
        write_image(tmp_path / "image.xyz", np.zeros((3, 3), np.uint8))
    (tmp_path / "file").write_text("")
    with pytest.raises(PellucidError, match="cannot write"):
        write_image(tmp_path / "file" / "image.png", np.zeros((3, 3), np.uint8))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


@pytest.mark.real
def test_real_sixteen_bit_micrograph(real: Path, tmp_path: Path) -> None:
    frame = read_image(real / "microscopy" / "pairs" / "bacteria_16bit_noisy.png")
    assert frame.dtype == np.uint16
    assert frame.shape == (512, 512)
    assert frame.max() > 2000
    write_image(tmp_path / "copy.png", frame)
    assert np.array_equal(read_image(tmp_path / "copy.png"), frame)
