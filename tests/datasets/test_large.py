"""Images that do not fit into memory together: read in parts where that can be, else kept as long as there is room."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from pellucid.common import PellucidError, Stream
from pellucid.datasets import load, noisy_copies, noisy_copy, sources
from pellucid.datasets.pieces import pieces
from pellucid.datasets.sources import FileImages
from pellucid.images import read_picture
from pellucid.noise import parse

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 2**16, (70, 90), dtype=np.uint16)
COLOUR = RNG.integers(0, 256, (70, 90, 3), dtype=np.uint8)


def save_tiff(path: Path, array: np.ndarray, **options: Any) -> None:
    tifffile.imwrite(path, array, metadata=None, **options)


def save_turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLOUR).save(path, exif=exif)


FILES = {
    "plain.tif": lambda path: save_tiff(path, GRAY),
    "strips.tif": lambda path: save_tiff(path, GRAY, compression="zlib", rowsperstrip=8),
    "lzw.tif": lambda path: save_tiff(path, COLOUR, compression="lzw", rowsperstrip=8, photometric="rgb"),
    "tiles.tif": lambda path: save_tiff(path, GRAY, compression="zlib", tile=(16, 16)),
    "white.tif": lambda path: save_tiff(path, GRAY, photometric="miniswhite", tile=(16, 16), compression="zlib"),
    "one.tif": lambda path: save_tiff(path, GRAY, compression="zlib", rowsperstrip=70),
    "planes.tif": lambda path: save_tiff(
        path, np.moveaxis(COLOUR, 2, 0).copy(), photometric="rgb", planarconfig="separate"
    ),
    "swapped.tif": lambda path: save_tiff(path, GRAY, byteorder=">"),
    "rows.npy": lambda path: np.save(path, GRAY),
    "columns.npy": lambda path: np.save(path, np.asfortranarray(GRAY)),
    "a.png": lambda path: Image.fromarray(GRAY).save(path),
    "a.jpg": lambda path: Image.fromarray(COLOUR).save(path),
    "turned.jpg": save_turned,
}
IN_PARTS = ("plain.tif", "strips.tif", "lzw.tif", "tiles.tif", "white.tif", "swapped.tif", "rows.npy")


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let next to nothing fit into memory."""
    monkeypatch.setattr(sources, "CACHE_BYTES", 13_000)
    monkeypatch.setattr(sources, "PARTLY", 1000)


@pytest.mark.parametrize("name", FILES)
def test_windows_are_the_same_whether_or_not_all_fits(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{number}{name}" for number in range(2)]
    for path in paths:
        FILES[name](path)
    usual = FileImages(paths)
    assert usual.kept(0) == 0
    monkeypatch.setattr(sources, "CACHE_BYTES", 13_000)
    monkeypatch.setattr(sources, "PARTLY", 1000)
    monkeypatch.setattr("pellucid.images.formats.tiff_layout._FINE", 12_000)  # one.tif is one strip
    tight = FileImages(paths)
    assert tight.size(0) == usual.size(0)
    assert (tight.kept(0) == 0) == (name in IN_PARTS)
    for rows, columns in ((slice(None), slice(None)), (slice(5, 37), slice(41, 73)), (slice(50, 114), slice(60, 124))):
        expected = usual.window(1, rows, columns)
        assert np.array_equal(tight.window(1, rows, columns), expected)
    assert np.array_equal(tight[0], usual[0])


@pytest.mark.usefixtures("little")
def test_what_is_read_in_parts_is_never_decoded_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in IN_PARTS:
        FILES[name](tmp_path / name)
    monkeypatch.setattr(sources, "read_picture", None)
    images = FileImages(sorted(tmp_path.iterdir()))
    assert all(images.window(index, slice(3, 9), slice(2, 5)).shape == (6, 3, 3) for index in range(len(images)))


@pytest.mark.usefixtures("little")
def test_the_cache_gives_up_what_was_used_longest_ago(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        Image.fromarray(COLOUR[:40, :50]).save(tmp_path / f"{number}.png")  # 6,000 bytes each: two fit
    read: list[str] = []
    monkeypatch.setattr(
        sources, "read_picture", lambda path, axes: (read.append(path.stem), read_picture(path, axes=axes))[1]
    )
    images = FileImages(sorted(tmp_path.iterdir()))
    read.clear()
    for index in (0, 1, 0, 2, 0, 1, 1, 3):
        images.window(index, slice(0, 8), slice(0, 8))
        kept = images._cache._kept
        assert (
            sum(array.nbytes for pages in kept.values() for array in pages)
            == images._cache._bytes
            <= sources.CACHE_BYTES
        )
    assert read == ["0", "1", "2", "1", "3"]


@pytest.mark.usefixtures("little")
def test_an_image_larger_than_the_cache_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "large.png")
    images = FileImages([tmp_path / "large.png"])
    monkeypatch.setattr(sources, "read_picture", None)  # it is kept since it was checked
    for _ in range(3):
        images.window(0, slice(0, 8), slice(0, 8))


@pytest.mark.usefixtures("little")
def test_threads_may_read_at_once(tmp_path: Path) -> None:
    for number in range(6):
        Image.fromarray(COLOUR[number:40, :50]).save(tmp_path / f"{number}.png")
    images = FileImages(sorted(tmp_path.iterdir()))
    wrong: list[int] = []

    def work(seed: int) -> None:
        for index in np.random.default_rng(seed).integers(0, 6, 60).tolist():
            if not np.array_equal(images[index], COLOUR[index:40, :50] * np.float32(1 / 255)):
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert (
        images._cache._bytes
        == sum(array.nbytes for pages in images._cache._kept.values() for array in pages)
        <= sources.CACHE_BYTES
    )


@pytest.mark.usefixtures("little")
def test_bad_values_are_found_in_parts_too(tmp_path: Path) -> None:
    for number in range(3):
        array = np.full((70, 90), 0.5, np.float32)
        array[60, 70] = np.nan if number == 1 else 0.25
        save_tiff(tmp_path / f"{number}.tif", array, compression="zlib", rowsperstrip=8)
    images = FileImages(sorted(tmp_path.iterdir()))
    assert "1 values are no numbers" in " ".join(images.notes)
    assert np.array_equal(images.window(1, slice(56, 64), slice(64, 80)), np.full((8, 16, 1), 0.5))
    (tmp_path / "2.tif").unlink()
    with pytest.raises(PellucidError, match=r"2\.tif"):
        images.window(2, slice(0, 8), slice(0, 8))


def test_large_images_are_represented_by_squares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.datasets.pieces.WHOLE", 3000)
    monkeypatch.setattr("pellucid.datasets.pieces.SIDE", 16)
    np.save(tmp_path / "large.npy", GRAY)
    np.save(tmp_path / "small.npy", GRAY[:30, :40])
    np.save(tmp_path / "thin.npy", np.concatenate([GRAY[:10]] * 5, axis=1))
    large, small, thin = range(3)
    images = FileImages([tmp_path / f"{name}.npy" for name in ("large", "small", "thin")])
    assert pieces(images, small) == [(slice(0, 30), slice(0, 40))]
    found = pieces(images, large)
    assert len(found) == 16
    assert found[0] == (slice(0, 16), slice(0, 16))
    assert found[-1] == (slice(54, 70), slice(74, 90))
    assert [rows for rows, _ in pieces(images, thin)] == [slice(0, 10)] * 4
    noise = parse("gaussian:0.1")
    clean, noisy = noisy_copies(images, large, noise, 0, Stream.TEST)
    assert clean.shape == noisy.shape == (16, 16, 16, 1)
    assert np.array_equal(clean[3], images.window(large, *found[3]))
    residues = noisy - clean
    assert len({one.tobytes() for one in residues}) == 16  # each square has noise of its own
    one = noisy_copy(images, large, noise, 0, Stream.TEST)
    assert any(np.array_equal(one[1], other) for other in noisy)
    again = noisy_copies(images, small, noise, 0, Stream.TEST)
    assert np.array_equal(again[1][0], noisy_copy(images, small, noise, 0, Stream.TEST)[1])


def test_of_many_files_some_stand_for_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        Image.fromarray(COLOUR[number : number + 20, :30]).save(tmp_path / f"{number:02}.png")
    whole = load(tmp_path).fingerprint()
    monkeypatch.setattr(sources, "MANY", 4)
    some = load(tmp_path).fingerprint()
    assert some != whole
    assert load(tmp_path).fingerprint() == some
    (tmp_path / "05.png").write_bytes((tmp_path / "05.png").read_bytes() + b"more")
    assert load(tmp_path).fingerprint() != some


def test_regions_of_an_image_are_told_from_its_content(tmp_path: Path) -> None:
    Image.fromarray(np.tile(GRAY, (2, 2))).save(tmp_path / "a.png")
    before = load(tmp_path / "a.png").fingerprint()
    assert load(tmp_path / "a.png").fingerprint() == before
    Image.fromarray(np.tile(GRAY, (2, 2))[::-1].copy()).save(tmp_path / "a.png")
    assert load(tmp_path / "a.png").fingerprint() != before
