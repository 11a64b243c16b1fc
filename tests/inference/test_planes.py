"""Stacks, channels and arrays of any axes: each plane is an image, and all come back as they came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from conftest import Command
from pellucid import Denoiser
from pellucid.common.errors import PellucidError

Trained = tuple[Path, str]
RNG = np.random.default_rng(0)
PLANES = RNG.integers(0, 4000, (4, 60, 72), dtype=np.uint16)


def with_holes() -> np.ndarray:
    floats = (PLANES / np.float32(50)).astype(np.float32) - 20
    floats[1, 10:20, 30:60] = np.nan
    return floats


STACKS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "pages.tif": (PLANES, {"photometric": "minisblack", "metadata": None, "rowsperstrip": 7}),
    "one.tif": (PLANES[:1], {"photometric": "minisblack", "metadata": None}),
    "holes.tif": (with_holes(), {"photometric": "minisblack", "compression": "zlib", "metadata": None}),
    "colours.tif": (
        RNG.integers(0, 255, (3, 40, 50, 3), dtype=np.uint8),
        {"photometric": "rgb", "tile": (16, 16), "metadata": None},
    ),
    "imagej.tif": (
        PLANES.reshape(2, 2, 60, 72),
        {"imagej": True, "metadata": {"axes": "ZCYX", "Labels": list("abcd"), "spacing": 0.5, "unit": "um"}},
    ),
    "stack.npy": (PLANES, {}),
    "volume.npy": (with_holes().reshape(2, 2, 60, 72), {}),
}


def write(path: Path, name: str) -> np.ndarray:
    array, options = STACKS[name]
    if name.endswith(".npy"):
        np.save(path / name, array)
    else:
        tifffile.imwrite(path / name, array, **options)
    return array


def read(path: Path) -> np.ndarray:
    return np.load(path) if path.suffix == ".npy" else tifffile.imread(path)


@pytest.mark.parametrize("name", STACKS)
def test_every_plane_is_denoised_and_a_stream_gives_the_same(
    name: str, trained: Trained, command: Command, tmp_path: Path
) -> None:
    array = write(tmp_path, name)
    for target, more in (("whole", ()), ("streamed", ("--memory", "10GB"))):
        done = command("denoise", name, "-o", f"{target}-{name}", "-m", trained[0], *more)
        assert done.returncode == 0, done.stderr
    whole, streamed = read(tmp_path / f"whole-{name}"), read(tmp_path / f"streamed-{name}")
    assert whole.dtype == streamed.dtype == array.dtype
    np.testing.assert_allclose(streamed.astype(float), whole.astype(float), rtol=1e-4, atol=1)
    holes = ~np.isfinite(array)
    assert np.array_equal(~np.isfinite(whole), holes.reshape(whole.shape))
    assert ("no numbers" in done.stderr) == holes.any()
    denoiser = Denoiser(trained[0])
    axes = ("Q" * array.ndim + "YXS")[-array.ndim :] if name == "colours.tif" else ("QR" + "YX")[-array.ndim :]
    by_array = denoiser(array, axes=axes)
    np.testing.assert_allclose(by_array.reshape(whole.shape), whole, rtol=1e-5, atol=1)
    # Each plane by itself, in the range of all of them.
    together = Denoiser(trained[0], value_range=denoiser.range_of(array))
    planes = array.reshape(-1, *array.shape[-3 if name == "colours.tif" else -2 :])
    alone = np.stack([together(plane) for plane in planes]).reshape(whole.shape)
    np.testing.assert_allclose(alone, whole, rtol=1e-5, atol=1)


def test_the_metadata_of_a_stack_survive_a_stream(trained: Trained, command: Command, tmp_path: Path) -> None:
    write(tmp_path, "imagej.tif")
    done = command("denoise", "imagej.tif", "-o", "out.tif", "--memory", "10GB", "-m", trained[0])
    assert done.returncode == 0, done.stderr
    with tifffile.TiffFile(tmp_path / "imagej.tif") as given, tifffile.TiffFile(tmp_path / "out.tif") as got:
        assert got.series[0].axes == given.series[0].axes
        assert got.series[0].shape == given.series[0].shape
        assert got.imagej_metadata == given.imagej_metadata


def test_axes_are_told_or_guessed(trained: Trained, command: Command, tmp_path: Path) -> None:
    channels = np.moveaxis(PLANES[:2], 0, 2)
    np.save(tmp_path / "channels.npy", channels)
    denoiser = Denoiser(trained[0])
    guessed = denoiser(channels)
    assert guessed.shape == channels.shape
    assert (guessed[..., 1] != channels[..., 1]).mean() > 0.9  # a second channel is none of alpha
    assert np.array_equal(guessed, np.moveaxis(denoiser(PLANES[:2], axes="CYX"), 0, 2))
    done = command("denoise", "channels.npy", "-o", "out.npy", "-m", trained[0])
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.load(tmp_path / "out.npy"), guessed)
    done = command("denoise", "channels.npy", "-o", "told.npy", "--axes", "YXS", "-m", trained[0])
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.load(tmp_path / "told.npy")[..., 1], channels[..., 1])
    for axes, said in (("YXQC", "expected 4 axes"), ("CYC", "different capital letters"), ("ABC", "name no image")):
        done = command("denoise", "channels.npy", "-o", "no.npy", "--axes", axes, "-m", trained[0])
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert "--axes" in done.stderr
        with pytest.raises(PellucidError, match=said):
            denoiser(channels, axes=axes)
    assert not (tmp_path / "no.npy").exists()
