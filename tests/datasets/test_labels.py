"""Labels stay with their images: however they are stored, through every split and subset."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from pellucid.common.errors import PellucidError
from pellucid.datasets import ArrayImages, Images, load
from pellucid.datasets.labels import numbered
from pellucid.datasets.strokes import draw_digits
from pellucid.images.formats import write_image

CLASSES = np.random.default_rng(0).integers(0, 5, 60).astype(np.uint8)
IMAGES = np.repeat(CLASSES * 50, 6 * 7).reshape(60, 6, 7)
"""Every image is as bright as its class says."""


def check(images: Images) -> None:
    assert images.labels is not None
    assert len(images) > 0
    bright = [round(float(images[index].mean()) * 255 / 50) for index in range(len(images))]
    assert images.labels.values.tolist() == bright


def idx(array: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write(form: str, folder: Path) -> Path:
    path = folder / f"data.{form.split('-', 1)[0]}"
    if form == "npz":
        parts = {"x_train": IMAGES[:40], "x_test": IMAGES[40:], "y_train": CLASSES[:40], "y_test": CLASSES[40:]}
        np.savez(path, **parts)
    elif form == "npz-column":
        column = CLASSES.astype(np.int64)[:, None]
        np.savez(path, train=IMAGES[:40], test=IMAGES[40:], y_train=column[:40], y_test=column[40:])
    elif form == "npz-one":
        np.savez(path, x_all=IMAGES, y_all=CLASSES)
    elif form == "idx":
        path = folder / "some-images-idx3-ubyte"
        path.write_bytes(idx(IMAGES))
        (folder / "some-labels-idx1-ubyte").write_bytes(idx(CLASSES))
    else:
        for index, (image, kind) in enumerate(zip(IMAGES, CLASSES, strict=True)):
            part = ("test" if index >= 40 else "train") if form == "folders-parts" else ""
            write_image(folder / part / f"class {kind}" / f"{index:02}.png", image)
        return folder
    return path


@pytest.mark.parametrize("form", ["npz", "npz-column", "npz-one", "idx", "folders", "folders-parts"])
def test_labels_follow_their_images(form: str, tmp_path: Path) -> None:
    path = write(form, tmp_path)
    for seed in (0, 1):
        split = load(path, seed=seed, labels=True)
        for part in (split.train, split.validation, split.test, split.training_part):
            check(part)
            check(part.subset(np.arange(len(part))[::-2]))
    assert split.test.labels is not None
    assert split.test.labels.names == tuple(f"{'class ' if form[:2] == 'fo' else ''}{kind}" for kind in range(5))
    assert load(path).test.labels is None


def test_the_drawn_digits_know_what_they_are() -> None:
    split = load("strokes", labels=True)
    assert split.train.labels is not None
    assert split.test.labels is not None
    assert split.test.labels.values[:50].tolist() == draw_digits(50, start=60_000)[1].tolist()
    images, drawn = draw_digits(50)
    for index in range(20):  # of the training part, which keeps their order
        place = np.flatnonzero((images == np.rint(split.train[index][..., 0] * 255)).all((1, 2)))
        assert drawn[place] == split.train.labels.values[index]


def test_images_without_labels_have_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "half.npz", x_train=IMAGES[:40], x_test=IMAGES[40:], y_train=CLASSES[:40])
    assert load(tmp_path / "half.npz", labels=True).test.labels is None
    np.save(tmp_path / "plain.npy", IMAGES)
    assert load(tmp_path / "plain.npy", labels=True).test.labels is None
    for name in ("one/a.png", "one/b.png", "two/a.png", "loose.png"):
        write_image(tmp_path / "loose" / name, IMAGES[0])
    assert load(tmp_path / "loose", labels=True).test.labels is None
    (tmp_path / "loose" / "loose.png").unlink()
    assert load(tmp_path / "loose", labels=True).test.labels is not None


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (CLASSES[:39], "40 images, but 39 labels"),
        (CLASSES[:40].astype(np.float32), "float32"),
        (np.eye(5, dtype=int)[CLASSES[:40]], r"\(40, 5\)"),
        (np.array(7), "whole numbers"),
        (CLASSES[:40].astype(int) - 3, "numbered from 0"),
        (CLASSES[:40].astype(int) * 10**6, "numbered from 0"),
    ],
)
def test_labels_that_are_none(labels: np.ndarray, said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x_train=IMAGES[:40], x_test=IMAGES[40:], y_train=labels, y_test=CLASSES[40:])
    load(tmp_path / "d.npz")
    with pytest.raises(PellucidError, match=said):
        load(tmp_path / "d.npz", labels=True)


def test_arrays_refuse_labels_of_another_length() -> None:
    with pytest.raises(PellucidError, match="60 images, but 59 labels"):
        ArrayImages(IMAGES, labels=numbered({"y": CLASSES[1:]})["y"])


@pytest.mark.real
@pytest.mark.parametrize(("name", "first"), [("mnist", "7210414959"), ("fashion-mnist", "9211614657")])
def test_the_official_labels(name: str, first: str, real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_DATA", str(real))
    split = load(name, labels=True)
    assert split.test.labels is not None
    assert split.train.labels is not None
    assert "".join(map(str, split.test.labels.values[:10])) == first
    assert np.bincount(split.train.labels.values).min() > 4500
    assert len(split.test.labels.names) == 10


@pytest.mark.real
def test_keras_copy_brings_its_labels(real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_DATA", str(real))
    from pellucid.datasets.idx import read_idx

    files = {"x": "images-idx3", "y": "labels-idx1"}
    parts = {
        f"{letter}_{part}": read_idx(real / "mnist" / f"{begin}-{kind}-ubyte.gz")
        for letter, kind in files.items()
        for part, begin in (("train", "train"), ("test", "t10k"))
    }
    (tmp_path / "datasets").mkdir()
    np.savez(tmp_path / "datasets" / "mnist.npz", **parts)
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    labels = load("mnist", labels=True).test.labels
    assert labels is not None
    assert labels.values.tolist() == parts["y_test"].tolist()
    np.savez(tmp_path / "datasets" / "mnist.npz", **{**parts, "y_test": parts["y_test"][::-1]})
    with pytest.raises(PellucidError, match="not hold the published"):
        load("mnist", labels=True)


@pytest.mark.real
def test_images_alone_are_enough_until_labels_are_asked_for(
    real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mnist").mkdir()
    for name in ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"):
        (tmp_path / "mnist" / name).symlink_to(real / "mnist" / name)
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path))
    assert len(load("mnist").test) == 10_000
    with pytest.raises(PellucidError, match=r"train-labels-idx1-ubyte\.gz is not on this machine"):
        load("mnist", labels=True)
