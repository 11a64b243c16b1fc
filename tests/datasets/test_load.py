from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from pellucid.common.errors import PellucidError
from pellucid.datasets import NAMED, Images, Split, load
from pellucid.datasets.idx import read_idx
from pellucid.images.formats import write_image


def contents(images: Images) -> list[bytes]:
    return [images[index].tobytes() for index in range(len(images))]


def check(split: Split, channels: int = 1) -> None:
    parts = [contents(part) for part in (split.train, split.validation, split.test)]
    assert all(parts)
    for index, part in enumerate(parts):
        for other in parts[index + 1 :]:
            assert not set(part) & set(other)
    assert sorted(parts[0] + parts[1]) == sorted(contents(split.training_part))
    for images in (split.train, split.validation, split.test):
        assert images.channels == channels
        first = images[0]
        assert first.dtype == np.float32
        assert first.shape == (*images.size(0), channels)
        assert 0 <= first.min() <= first.max() <= 1


def idx(images: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([images.ndim]) + struct.pack(f">{images.ndim}I", *images.shape) + images.tobytes()


def pictures(folder: Path, count: int = 12, channels: int = 1, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    for index in range(count):
        size = tuple(rng.integers(20, 40, 2)) + ((channels,) if channels > 1 else ())
        write_image(folder / f"{index:02}.png", rng.integers(0, 255, size, dtype=np.uint8))


ARRAY = np.random.default_rng(0).integers(0, 255, (40, 12, 10), dtype=np.uint8)


@pytest.mark.parametrize("form", ["npy", "npz", "npz-one", "idx", "idx.gz", "colour.npy"])
def test_array_files(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"data.{form.rsplit('-', 1)[0]}"
    array = np.repeat(ARRAY[..., None], 3, axis=3) if form == "colour.npy" else ARRAY
    if form.endswith("npy"):
        np.save(path, array)
    elif form == "npz":
        np.savez(path, x_train=ARRAY[:30], x_test=ARRAY[30:], y_train=np.zeros(30), y_test=np.zeros(10))
    elif form == "npz-one":
        np.savez(path, ARRAY)
    else:
        path.write_bytes(gzip.compress(idx(ARRAY)) if form.endswith("gz") else idx(ARRAY))
    check(load(path), channels=3 if form == "colour.npy" else 1)


def test_a_folder_is_split_by_file_and_the_seed_decides(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / ".hidden.png").write_bytes(b"not an image either")
    split = load(tmp_path)
    check(split)
    assert len(split.train) + len(split.validation) + len(split.test) == 12
    assert contents(load(tmp_path).test) == contents(split.test)
    assert any(contents(load(tmp_path, seed=seed).test) != contents(split.test) for seed in (1, 2))


def test_a_folder_may_bring_its_own_parts(tmp_path: Path) -> None:
    for seed, part in enumerate(("train", "val", "test")):
        pictures(tmp_path / part, count=3 + seed, seed=seed)
    split = load(tmp_path)
    check(split)
    assert (len(split.train), len(split.validation), len(split.test)) == (3, 4, 5)


def test_one_colour_image_makes_the_collection_colour(tmp_path: Path) -> None:
    pictures(tmp_path)
    pictures(tmp_path / "more", count=1, channels=3)
    check(load(tmp_path), channels=3)


def test_strokes_is_a_full_data_set_of_its_own() -> None:
    split = load("strokes", seed=5)
    assert [len(split.train), len(split.validation), len(split.test)] == [55_000, 5_000, 10_000]
    assert split.test[0].shape == (28, 28, 1)
    assert np.array_equal(load("strokes").test[9_999], split.test[9_999])


@pytest.mark.real
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_official_sets_are_found_where_the_variable_says(
    name: str, real: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PELLUCID_DATA", str(real))
    split = load(name)
    assert [len(split.train), len(split.validation), len(split.test)] == [55_000, 5_000, 10_000]
    assert 0.1 < float(np.mean([split.train[index].mean() for index in range(500)])) < 0.35


@pytest.mark.real
def test_keras_own_copy_is_used(real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {
        "x_train": read_idx(real / "mnist" / "train-images-idx3-ubyte.gz"),
        "x_test": read_idx(real / "mnist" / "t10k-images-idx3-ubyte.gz"),
    }
    (tmp_path / "datasets").mkdir()
    np.savez(tmp_path / "datasets" / "mnist.npz", **parts)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    split = load("mnist")
    assert str(tmp_path) in split.place
    assert np.array_equal(np.rint(split.test[0][..., 0] * 255), parts["x_test"][0])


@pytest.mark.real
def test_a_damaged_copy_is_not_used(real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mnist").mkdir()
    for name in ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"):
        (tmp_path / "mnist" / name).write_bytes((real / "mnist" / name).read_bytes()[:-5])
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path))
    with pytest.raises(PellucidError, match="not the published file"):
        load("mnist")


def test_without_network_it_says_what_to_do() -> None:
    with pytest.raises(PellucidError, match=r"could not be downloaded .* strokes"):
        load("mnist")


def test_names_list_the_known_and_the_nearest() -> None:
    with pytest.raises(PellucidError, match="Did you mean 'mnist'") as caught:
        load("mnits")
    assert all(name in str(caught.value) for name in NAMED)


@pytest.mark.parametrize("part", [b"", b"\0\0", b"\0\0\x08\x03\0\0", b"not idx at all", b"\0\0\x0d\x03" + bytes(12)])
def test_bad_idx_files(part: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.idx").write_bytes(part)
    with pytest.raises(PellucidError, match="bad"):
        load(tmp_path / "bad.idx")


def test_an_idx_header_that_lies_asks_for_no_memory(tmp_path: Path) -> None:
    (tmp_path / "liar").write_bytes(b"\0\0\x08\x03" + b"\xff" * 12 + b"few bytes")
    with pytest.raises(PellucidError, match="holds 9"):
        read_idx(tmp_path / "liar")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(idx(ARRAY))[:-30])
    with pytest.raises(PellucidError, match="cut"):
        read_idx(tmp_path / "cut.gz")
    (tmp_path / "long").write_bytes(idx(ARRAY) + b"more")
    with pytest.raises(PellucidError, match="holds more"):
        read_idx(tmp_path / "long")


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"a": ARRAY, "b": ARRAY}, "expected x_train"),
        ({}, r"\(none\)"),
        ({"x": np.zeros(3)}, "shape"),
        ({"x": np.zeros((9, 4, 0))}, "zero size"),
        ({"x": np.zeros((9, 4, 4), complex)}, "complex"),
        ({"x": np.array([{}], dtype=object)}, "pickle"),
    ],
)
def test_bad_archives(arrays: dict[str, np.ndarray], said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(PellucidError, match=said):
        load(tmp_path / "bad.npz")


@pytest.mark.parametrize("shape", [(128, 120), (128, 120, 1), (128, 120, 3)])
def test_an_array_of_one_image_is_split_by_place(shape: tuple[int, ...], tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.random.default_rng(0).random(shape, np.float32))
    split = load(tmp_path / "one.npy")
    assert "1 image, split by place" in split.about
    assert split.train[0].shape[1:] == (120, 3 if shape[2:] == (3,) else 1)


def test_too_few_images_empty_folder_and_no_such_place(tmp_path: Path) -> None:
    with pytest.raises(PellucidError, match="no images"):
        load(tmp_path)
    write_image(tmp_path / "small.png", np.zeros((20, 30), np.uint8))
    with pytest.raises(PellucidError, match="too small to be split by place: 30x20 pixels"):
        load(tmp_path)
    with pytest.raises(PellucidError, match="does not exist"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("count", [1, 2, 4])
def test_few_images_are_split_by_place_with_gaps(count: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = [rng.integers(0, 256, (60, 300) if index % 2 else (300, 60), dtype=np.uint8) for index in range(count)]
    for index, image in enumerate(whole):
        write_image(tmp_path / f"{index}.png", image)
    split = load(tmp_path if count > 1 else tmp_path / "0.png")
    assert "split by place" in split.about
    seen = [np.zeros(image.shape, int) for image in whole]
    for part in (split.train, split.validation, split.test):
        assert len(part) == count
        for index in range(count):
            piece = np.rint(part[index][..., 0] * 255).astype(np.uint8)
            assert part.size(index) == piece.shape
            along = 1 if index % 2 else 0
            assert piece.shape[1 - along] == 60
            place = next(
                start
                for start in range(300 - piece.shape[along] + 1)
                if np.array_equal(np.take(whole[index], range(start, start + piece.shape[along]), along), piece)
            )
            seen[index][(slice(None),) * along + (slice(place, place + piece.shape[along]),)] += 1
    for one in seen:
        assert one.max() == 1
        used = one.max(axis=int(np.argmin(one.shape)))
        edges = np.flatnonzero(np.diff(used))
        assert len(edges) == 4
        assert min(edges[1] - edges[0], edges[3] - edges[2]) >= 40


def test_endings_in_capitals_are_the_same(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (30, 8, 9), dtype=np.uint8)
    np.save(tmp_path / "a.npy", images)
    (tmp_path / "a.npy").rename(tmp_path / "A.NPY")
    np.savez(tmp_path / "b.npz", images)
    (tmp_path / "b.npz").rename(tmp_path / "B.NPZ")
    for name in ("A.NPY", "B.NPZ"):
        split = load(tmp_path / name)
        assert len(split.train) + len(split.validation) + len(split.test) == 30


def test_a_folder_of_links_is_a_data_set(tmp_path: Path) -> None:
    pictures(tmp_path / "there", count=6)
    (tmp_path / "links").mkdir()
    for path in (tmp_path / "there").iterdir():
        (tmp_path / "links" / path.name).symlink_to(path)
    split = load(tmp_path / "links")
    assert len(split.train) + len(split.validation) + len(split.test) == 6
