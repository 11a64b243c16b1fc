"""Every network learns: the loss falls and it beats the noisy images, by the command, on a few hundred images."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from conftest import Command
from pellucid.images.formats import write_image
from pellucid.networks.graph import multiply_adds
from pellucid.networks.registry import build
from small_networks import DENOISERS

pytestmark = pytest.mark.keras


def scores(run: Path) -> dict[str, dict[str, float]]:
    return {row["name"]: row for row in json.loads((run / "scores.json").read_text())["scores"]}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "swift" else pytest.mark.one_backend) for name in DENOISERS]
)
def test_every_network_learns_on_digits(name: str, digits: Path, command: Command, tmp_path: Path) -> None:
    rate = 2e-3 if name == "residual" else 1e-2
    sizes = ("--epochs", 3, "--batch-size", 16, "--limit", 450, "--learning-rate", rate)
    done = command("train", digits, "--network", name, *sizes, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    history = list(csv.DictReader((tmp_path / "run" / "history.csv").read_text().splitlines()))
    assert float(history[-1]["loss"]) < 0.85 * float(history[0]["loss"])
    found = scores(tmp_path / "run")
    assert found[name]["psnr"] > found["noisy"]["psnr"] + 2


@pytest.mark.one_backend
def test_the_photos_recipe_learns_on_colour_images_of_many_sizes(command: Command, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for index in range(24):
        height, width = rng.integers(70, 110, 2)
        y, x = np.mgrid[0:height, 0:width] / 20
        waves = [np.sin(a * x + b * y + c) > 0 for a, b, c in rng.normal(0, 1, (3, 3)) * 2]
        write_image(tmp_path / "photos" / f"{index}.png", (np.stack(waves, axis=2) * 150 + 50).astype(np.uint8))
    sizes = ("--network", "residual:widths=16/32", "--epochs", 10, "--patch", 32, "--learning-rate", 2e-3)
    done = command("train", tmp_path / "photos", "--recipe", "photos", *sizes, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    noisy, mine, _ = scores(tmp_path / "run").values()
    assert mine["psnr"] > noisy["psnr"] + 2.5


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--network", "residual", "--loss", "bce"), "Use the loss mse"),
        (("--network", "hourglass:code=0"), "from 1 to 4096"),
        (("--network", "hourglass:cod=3"), "Did you mean 'code'"),
        (("--network", "swift:widths=8"), "expects several numbers"),
    ],
)
def test_a_network_that_cannot_be_is_refused_and_nothing_is_left(
    options: tuple[str, ...], said: str, digits: Path, command: Command, tmp_path: Path
) -> None:
    done = command("train", digits, *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.one_backend
def test_the_hourglass_compresses() -> None:
    for code in (1, 4):
        model = build(f"hourglass:code={code}")
        image = np.zeros((1, 28, 28, 1), np.float32)
        assert np.asarray(model.get_layer("encoder")(image)).size == 49 * code


@pytest.mark.one_backend
def test_multiply_adds_are_those_of_the_convolutions() -> None:
    # 3x3: 1->32 at full size, 32->32 at a quarter of the pixels, at a sixteenth, and back.
    assert multiply_adds(build("classic")) == 288 + 9216 / 4 + 9216 / 16 + 9216 / 4 + 288
