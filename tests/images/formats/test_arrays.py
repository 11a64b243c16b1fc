"""Arrays to files and back, and what is said of bad files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from pellucid.common.errors import PellucidError
from pellucid.images.contract import to_unit
from pellucid.images.formats import probe, read_image, write_image


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".jpg", ".webp"])
@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3), (9, 7, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_file_gives_back_what_was_written_or_says_it_cannot(
    suffix: str, shape: tuple[int, ...], dtype: type, tmp_path: Path
) -> None:
    array = (np.random.default_rng(0).random(shape) * (1 if dtype is np.float32 else np.iinfo(dtype).max)).astype(dtype)
    path = tmp_path / f"image{suffix}"
    lossless = suffix in (".png", ".tif", ".bmp")
    try:
        write_image(path, array)
    except PellucidError as error:
        assert "does not hold" in str(error)
        assert list(tmp_path.iterdir()) == []
        assert suffix != ".tif"
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


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(PellucidError, match="No such file"):
        read_image(tmp_path / "nothing.png")
    with pytest.raises(PellucidError, match="is a folder"):
        read_image(tmp_path)


def test_writing_fails_whole(tmp_path: Path) -> None:
    with pytest.raises(PellucidError, match="ending"):
        write_image(tmp_path / "image.xyz", np.zeros((3, 3), np.uint8))
    (tmp_path / "file").write_text("")
    with pytest.raises(PellucidError, match="cannot write"):
        write_image(tmp_path / "file" / "image.png", np.zeros((3, 3), np.uint8))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_sides_that_are_too_long(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name, side in (("a.jpg", 65501), ("a.webp", 16384)):
        with pytest.raises(PellucidError, match="does not hold"):
            write_image(tmp_path / name, np.zeros((1, side, 3), np.uint8))
        write_image(tmp_path / name, np.zeros((side - 1, 1, 3), np.uint8))
        assert read_image(tmp_path / name).shape == (side - 1, 1, 3)
    assert capfd.readouterr() == ("", "")
