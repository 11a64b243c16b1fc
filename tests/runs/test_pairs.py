"""Training and judging on given pairs: a blot that no made noise is like."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from conftest import Command
from pellucid.common.errors import PellucidError
from pellucid.common.randomness import Stream
from pellucid.datasets import ArrayImages, load
from pellucid.datasets.pairs import PairedImages, with_noise
from pellucid.images.formats import write_image
from pellucid.noise.corruptions import PAIRED, Gaussian, parse
from pellucid.training.batches import Batches, Patches
from pellucid.training.config import Config, recipe

RNG = np.random.default_rng(0)
CLEAN = RNG.integers(0, 128, (20, 24, 20), dtype=np.uint8)
SAME_PLACE = PairedImages(ArrayImages(CLEAN), ArrayImages(CLEAN + 127))


@pytest.mark.parametrize("side", [8, 64])
@pytest.mark.parametrize("augment", [False, True])
def test_both_images_of_a_pair_are_cut_and_turned_alike(side: int, augment: bool) -> None:
    patches = Patches(SAME_PLACE, side, 4, 0, Stream.TRAIN, augment=augment)
    batches = Batches(patches, PAIRED, 8, 0, Stream.TRAIN, fresh=True, shuffle=True)
    seen = []
    for epoch in range(3):
        for noisy, clean in batches.epoch(epoch):
            assert noisy.shape == clean.shape == (len(clean), *patches.shape, 1)
            np.testing.assert_allclose(noisy, clean + 127 / 255, atol=1e-6)
            seen.append(clean[0].tobytes())
    assert len(set(seen)) > 3


def test_made_noise_falls_on_the_clean_images_of_pairs_alone() -> None:
    clean, noisy = with_noise(SAME_PLACE[3][None], 1, Gaussian(0.1), 0, Stream.TEST, 0, [3])
    alone = with_noise(ArrayImages(CLEAN)[3][None], 1, Gaussian(0.1), 0, Stream.TEST, 0, [3])
    np.testing.assert_array_equal(clean, alone[0])
    np.testing.assert_array_equal(noisy, alone[1])


def test_paired_is_a_noise_that_cannot_be_made() -> None:
    assert parse("paired") == parse(str(PAIRED)) == PAIRED
    with pytest.raises(PellucidError, match="clean images only"):
        PAIRED(np.zeros((1, 4, 4, 3), np.float32), np.random.default_rng(0))
    with pytest.raises(PellucidError, match="unknown noise"):
        parse("gaussian:0.1+paired")


def test_the_config_says_where_the_noise_comes_from() -> None:
    config = recipe("quick", noisy="scans", group="x")
    assert (config.noise, config.noisy, config.group) == ("paired", "scans", "x")
    assert Config.from_json(config.to_json()) == config
    with pytest.raises(PellucidError, match="comes with noisy images"):
        recipe("quick", noise="paired")
    with pytest.raises(PellucidError, match="bring their own noise"):
        recipe("quick", noisy="scans", noise="gaussian:0.1")


@pytest.fixture(scope="module")
def stained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dark strokes on white; the noisy ones on a gray, uneven ground; two shots of each of 20 pages."""
    folder = tmp_path_factory.mktemp("stained")
    y, x = np.mgrid[0:40, 0:48] / 10
    for page in range(20):
        rng = np.random.default_rng(page)
        a, b, c = rng.normal(0, 3, 3)
        clean = np.where(np.sin(a * x + b * y + c) > 0.6, 0.1, 1)
        for shot in range(2):
            p, q, r = rng.normal(0, 1, 3)
            ground = 0.7 + 0.15 * np.sin(p * x + q * y + r) + rng.normal(0, 0.03, x.shape)
            for side, image in (("clean", clean), ("noisy", clean * ground)):
                write_image(folder / side / f"{page}-{shot}.png", (image.clip(0, 1) * 255).astype(np.uint8))
    return folder


SMALL = ("--epochs", 4, "--batch-size", 16, "--patch", 24, "--learning-rate", 0.01)


@pytest.mark.keras
@pytest.mark.one_backend
def test_it_learns_from_pairs_and_the_config_repeats_it(stained: Path, command: Command, tmp_path: Path) -> None:
    done = command("train", "--noisy", stained / "noisy", "--clean", stained / "clean", *SMALL, "--out", "a")
    assert done.returncode == 0, done.stderr
    assert "for paired" in done.stdout
    assert "note: the noisy images are about 0.7" in done.stdout
    noisy, mine, best = json.loads((tmp_path / "a" / "scores.json").read_text())["scores"]
    assert mine["psnr"] > max(noisy["psnr"], best["psnr"]) + 4, (mine, noisy, best)
    assert (tmp_path / "a" / "before-after.png").stat().st_size > 10_000
    config = json.loads((tmp_path / "a" / "config.json").read_text())
    assert (config["data"], config["noisy"]) == (str(stained / "clean"), str(stained / "noisy"))

    again = command("train", "--recipe", "a/config.json", "--out", "b")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "a" / "scores.json").read_text() == (tmp_path / "b" / "scores.json").read_text()

    pairs = ("--noisy", stained / "noisy", "--clean", stained / "clean")
    judged = command("evaluate", *pairs, "-m", "a", "--json", "scores.json", "--html", "report.html")
    assert judged.returncode == 0, judged.stderr
    scores = {row["name"]: row for row in json.loads((tmp_path / "scores.json").read_text())[0]["scores"]}
    assert scores["swift"]["psnr"] == pytest.approx(mine["psnr"])
    assert "Noise paired" in (tmp_path / "report.html").read_text()

    alone = command("evaluate", stained / "clean", "-m", "a")
    assert (alone.returncode, "clean images only. Name a noise to add" in alone.stderr) == (2, True)
    summary = command("summary", "a")
    assert (summary.returncode, "trained for paired" in summary.stdout) == (0, True)


@pytest.mark.keras
@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "--second", "noisy"), "a second shot belongs to noisy images without clean ones"),
        (("train", "clean", "--clean", "clean", "--noisy", "noisy"), "two data sets were given"),
        (("train", "clean", "--noisy", "noisy", "--noise", "gaussian:0.1"), "bring their own noise"),
        (("train", "clean", "--noise", "paired"), "comes with noisy images. Give them, too. (--noisy)"),
        (("train", "clean", "--noisy", "noisy", "--group", "-"), "show 1 different scene"),
        (("show", "clean", "--noise", "paired"), "clean images only"),
        (("show",), "expected a data set"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_left(
    words: tuple[str, ...], said: str, stained: Path, command: Command, tmp_path: Path
) -> None:
    done = command(*(str(stained / word) if word in ("clean", "noisy") else word for word in words))
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_pairs_are_drawn_before_any_training(stained: Path, command: Command, tmp_path: Path) -> None:
    done = command("show", "--noisy", stained / "noisy", "--clean", stained / "clean")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "clean-paired.png").stat().st_size > 5_000
    assert len(load(stained / "clean", noisy=stained / "noisy").test) == 4
