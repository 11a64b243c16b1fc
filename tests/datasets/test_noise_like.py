"""`--noise like:PLACE`: the noise that is measured in noisy images, as the noise to train and to judge with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from conftest import Command
from pellucid.common.errors import PellucidError
from pellucid.datasets import noise_like
from pellucid.images.formats import write_image
from pellucid.noise import Chain, parse


def clouds(count: int, side: int = 96) -> np.ndarray:
    """Return smooth clean images, float32 (count, side, side, 1) in [0.1, 0.9]."""
    field = gaussian_filter(np.random.default_rng(0).standard_normal((count, side, side, 1)), (0, 9, 9, 0))
    return (0.5 + 0.15 * field / field.std()).clip(0.1, 0.9).astype(np.float32)


def save(folder: Path, images: np.ndarray, white: int = 255) -> None:
    kind = np.uint8 if white == 255 else np.uint16
    for number, image in enumerate(images):
        write_image(folder / f"{number}.png", np.rint(np.clip(image[..., 0], 0, 1) * white).astype(kind))


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    """Return a folder, with a plus sign in its name, of images with noise of 0.1."""
    folder = tmp_path / "my+scans"
    save(folder, parse("gaussian:0.1")(clouds(5), np.random.default_rng(1)))
    return folder


def test_it_is_measured_once_and_said(noisy: Path) -> None:
    lines: list[str] = []
    found = noise_like(f"like:{noisy}", lines.append)
    assert parse(found).sigma == pytest.approx(0.1, rel=0.05)  # type: ignore[attr-defined]
    assert lines == [f"noise like {noisy}: {found}, measured on 5 images"]
    assert noise_like(f"like:{noisy}/0.png").startswith("gaussian:")
    assert noise_like(f"like:{noisy}/*.png") == found


def test_a_place_is_a_part_of_a_chain(noisy: Path) -> None:
    found = noise_like(f"mask:0.1+like:{noisy}+jpeg:50")
    chain = parse(found)
    assert isinstance(chain, Chain)
    assert str(chain) == found == f"mask:0.1+{noise_like(f'like:{noisy}')}+jpeg:50"


@pytest.mark.parametrize("text", ["gaussian:0.1", "gaussian:0.1+salt-pepper:0.1", "paired", "likely:0.5"])
def test_other_noise_stays_as_it_is(text: str) -> None:
    assert noise_like(text) == text


def test_images_that_use_fewer_bits_have_it_as_training_reads_them(tmp_path: Path) -> None:
    save(tmp_path / "twelve", parse("gaussian:0.1")(clouds(5), np.random.default_rng(1)), 4095)
    found = parse(noise_like(f"like:{tmp_path / 'twelve'}"))
    assert found.sigma == pytest.approx(0.1, rel=0.05)  # type: ignore[attr-defined]


def test_broken_files_are_named_and_left_out(noisy: Path) -> None:
    (noisy / "x.png").write_bytes(b"no image")
    lines: list[str] = []
    noise_like(f"like:{noisy}", lines.append)
    assert "left out" in lines[0]
    assert "x.png" in lines[0]
    assert lines[1].endswith("measured on 5 images")


def test_what_has_no_noise_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "clean", clouds(4))
    (tmp_path / "empty").mkdir()
    for place, said in (
        ("clean", "hardly any noise was found in"),
        ("empty", "no images in"),
        ("none", "No such file"),
    ):
        with pytest.raises(PellucidError, match=said) as error:
            noise_like(f"like:{tmp_path / place}")
        assert str(tmp_path / place) in str(error.value)
        assert error.value.argument == "noise"
    with pytest.raises(PellucidError, match="expects where the noisy images are"):
        noise_like("like:")


@pytest.mark.keras
def test_a_training_and_its_judging(noisy: Path, command: Command, tmp_path: Path) -> None:
    """The config of the run holds what was measured, so that it can be repeated without these images."""
    save(tmp_path / "pages", clouds(12, 40))
    few = ("--epochs", "1", "--batch-size", "8", "--patch", "16")
    done = command("train", "pages", "--noise", f"like:{noisy}", "--recipe", "quick", *few, "--out", "run")
    assert done.returncode == 0, done.stderr
    noise = json.loads((tmp_path / "run" / "config.json").read_text())["noise"]
    assert f"noise like {noisy}: {noise}, measured on 5 images" in done.stdout
    assert parse(noise).sigma == pytest.approx(0.1, rel=0.05)  # type: ignore[attr-defined]
    done = command("evaluate", "pages", "-m", "run", "--noise", f"like:{noisy}")
    assert done.returncode == 0, done.stderr
    assert f"noise {noise}\n" in done.stdout
    done = command("train", "pages", "--noise", "like:pages", "--out", "other")
    assert done.returncode == 2
    assert "hardly any noise was found in pages" in done.stderr
    assert not (tmp_path / "other").exists()
