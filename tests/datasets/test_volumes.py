"""Volumes of OME-Zarr as data: their planes are images, and are read by window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conftest import Command
from pellucid.datasets import load, read_some, sources
from pellucid.datasets.sources import FileImages
from pellucid.images import Volume
from zarrs import write_ome

RNG = np.random.default_rng(0)


def cells(*shape: int) -> np.ndarray:
    """Soft blobs with noise, of 12 bits."""
    y, x = np.mgrid[0 : shape[-2], 0 : shape[-1]] / 40
    clean = 1500 + 1000 * np.sin(5 * x + 1) * np.cos(4 * y)
    return np.clip(clean + RNG.normal(0, 150, shape), 0, 4095).astype(np.uint16)


@pytest.mark.parametrize("in_parts", [False, True])
def test_planes_are_images_and_a_volume_is_not_loaded(
    in_parts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = cells(2, 3, 70, 90)
    write_ome(tmp_path / "a.ome.zarr", array, "czyx", chunks=(1, 2, 32, 32))
    if in_parts:
        monkeypatch.setattr(sources, "CACHE_BYTES", 13_000)
        monkeypatch.setattr(sources, "PARTLY", 13_000)
        monkeypatch.setattr(sources, "read_picture", None)
    images = FileImages([tmp_path / "a.ome.zarr"])
    assert images.shapes == [(70, 90, 1)] * 6
    assert dict(images.ranges) == {"uint16": (0.0, 4095.0)}
    planes = array.reshape(6, 70, 90)
    for index in (0, 4, 5):
        window = images.window(index, slice(3, 35), slice(40, 72))[..., 0]
        assert np.allclose(window, planes[index, 3:35, 40:72] / 4095, atol=1e-6)
    before = list(images.content())
    assert before == list(FileImages([tmp_path / "a.ome.zarr"]).content())
    write_ome(tmp_path / "a.ome.zarr", cells(2, 3, 70, 90), "czyx", chunks=(1, 2, 32, 32))
    assert before != list(images.content())


def test_windows_of_a_chunk_decode_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "CACHE_BYTES", 13_000)
    monkeypatch.setattr(sources, "PARTLY", 1000)
    write_ome(tmp_path / "a.zarr", cells(4, 64, 64), "zyx", chunks=(4, 32, 32))
    images = FileImages([tmp_path / "a.zarr"])
    read, seen = Volume.read, list[object]()
    monkeypatch.setattr(Volume, "read", lambda volume, box: (seen.append(box), read(volume, box))[1])
    for index in range(4):
        images.window(index, slice(0, 30), slice(10, 40))
    assert len(seen) == 2


def test_a_folder_of_volumes_is_split_by_volume(tmp_path: Path) -> None:
    for name in "abcdef":
        write_ome(tmp_path / f"{name}.ome.zarr", cells(3, 40, 40), "zyx", chunks=(1, 40, 40))
    parted = load(tmp_path, validation=0.2)
    assert sum(map(len, (parted.train, parted.validation, parted.test))) == 18
    assert len(parted.test) % 3 == 0
    assert "each of 18 planes in 6 files is an image of its own" in parted.notes
    failed = list[str]()
    assert len(list(read_some([str(tmp_path)], 12, failed))) == 12
    assert not failed
    assert len(load(tmp_path / "a.ome.zarr").training_part) >= 1


@pytest.mark.keras
@pytest.mark.one_backend
def test_every_command_takes_a_volume(tmp_path: Path, command: Command) -> None:
    write_ome(tmp_path / "a.ome.zarr", cells(2, 6, 96, 96), "czyx", chunks=(1, 3, 64, 64))
    write_ome(tmp_path / "b" / "a.ome.zarr", cells(2, 6, 96, 96), "czyx", chunks=(1, 3, 64, 64))
    found = command("inspect", "a.ome.zarr")
    assert (found.returncode, "gaussian" in found.stdout) == (0, True), found.stderr
    sizes = ("--epochs", 1, "--batch-size", 8, "--network", "swift:widths=8/16,depth=1", "--noise", "gaussian:0.1")
    trained = command("train", "a.ome.zarr", *sizes, "--out", "run")
    assert trained.returncode == 0, trained.stderr
    for line in (
        ("judge", "a.ome.zarr"),
        ("judge", "a.ome.zarr", "--second", "b"),
        ("evaluate", "a.ome.zarr"),
        ("denoise", "b"),
    ):
        done = command(*line, "-m", "run")
        assert done.returncode == 0, (line, done.stderr)
    assert (tmp_path / "b" / "a.denoised.ome.zarr" / "zarr.json").exists()
