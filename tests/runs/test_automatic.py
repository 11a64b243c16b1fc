"""Training on a user's own images, without a recipe: chosen by the images, within a budget, judged for what it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from conftest import Command
from pellucid.datasets import load
from pellucid.images import write_image
from pellucid.runs import repeat, train
from pellucid.training import Config, automatic, fingerprint, within
from stopped import interrupted, results

pytestmark = [pytest.mark.keras, pytest.mark.one_backend]

NOISE = "gaussian:0.1"
SHORT = ("--epochs", 1, "--epoch-steps", 3, "--network", "residual:widths=8/16,depth=1")
"""Enough where what is said matters, not how well it learns."""


def discs(side: int, seed: int, width: int = 0) -> np.ndarray:
    """An image of discs of every size, one over the other, uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0 : width or side]
    image = np.full(x.shape, 0.5)
    for _ in range(150):
        radius = 2 + 0.2 * side * rng.random() ** 3
        inside = np.hypot(y - rng.uniform(0, side), x - rng.uniform(0, width or side)) < radius
        image[inside] = rng.uniform(0.05, 0.95)
    return np.rint(255 * image).astype(np.uint8)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder of twelve images of two sizes."""
    for number in range(12):
        write_image(tmp_path / "scans" / f"{number:02d}.png", discs(96, number, 120 if number % 2 else 0))
    return tmp_path / "scans"


def test_a_budget_is_kept_and_what_was_chosen_repeats_exactly(scans: Path, tmp_path: Path) -> None:
    said: list[str] = []
    run = train(scans, noise=NOISE, minutes=0.1, out=tmp_path / "run", say=said.append)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["network"].startswith("residual")
    assert config["epochs"] * config["epoch_steps"] >= 12
    assert any("about 0.1 minutes" in line for line in said)
    assert "recipe automatic" in "".join(said)
    assert len(run.history) == config["epochs"]
    assert run.scores[1].psnr.mean() > run.scores[0].psnr.mean()
    again = repeat(tmp_path / "run")
    assert again.identical, again.differences


def test_steps_in_place_of_passes_go_on_where_they_were_stopped(scans: Path, tmp_path: Path) -> None:
    settings = {"noise": NOISE, "recipe_name": "photos", "epochs": 3, "epoch_steps": 7, "batch_size": 4, "patch": 32}
    settings["network"] = "residual:widths=8/16,depth=1"
    train(scans, out=tmp_path / "whole", **settings)
    interrupted(scans, tmp_path / "run", **{"limit": 0, "learning_rate": 2e-3, **settings})
    train(resume=tmp_path / "run")
    assert results(tmp_path / "run") == results(tmp_path / "whole")


@pytest.mark.parametrize("length", [{"epoch_steps": 2, "epochs": 1}, {"epoch_steps": 1}])
def test_a_length_that_was_asked_for_is_not_replaced_by_a_budget(
    length: dict[str, int], scans: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    settings = {"noise": NOISE, "network": "residual:widths=8/16,depth=1", **length}
    run = train(scans, out=tmp_path / "run", say=said.append, **settings)
    assert run.config.epoch_steps == length["epoch_steps"]
    assert not any(line.startswith("timing") for line in said)


class _StoppedError(Exception):
    pass


@pytest.mark.parametrize("network", ["", "classic", "residual"])
def test_photographs_get_a_budget_with_any_network(network: str, scans: Path, tmp_path: Path) -> None:
    def stop_when_timing(line: str) -> None:
        if line.startswith("timing"):
            raise _StoppedError

    with pytest.raises(_StoppedError):
        train(
            scans, noise=NOISE, out=tmp_path / "run", say=stop_when_timing, **({"network": network} if network else {})
        )


@pytest.mark.parametrize(
    ("images", "network", "patch"),
    [((500, 28, 28), "swift", 64), ((6, 300, 200), "residual", 64), ((6, 300, 45), "residual", 44)],
)
def test_network_and_patches_are_chosen_by_the_images(
    images: tuple[int, int, int], network: str, patch: int, tmp_path: Path
) -> None:
    np.save(tmp_path / "images.npy", np.zeros(images, np.uint8))
    found = fingerprint(load(tmp_path / "images.npy").train)
    chosen = automatic(found, 5.0, {"noise": NOISE})
    assert (chosen.network.partition(":")[0], chosen.patch, chosen.noise) == (network, patch, NOISE)
    assert automatic(found, 5.0, {"network": "classic"}).network == "classic"
    timed = within(chosen, 2.0, 0.1)
    assert 1200 <= timed.epochs * timed.epoch_steps < 1200 + timed.epochs


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--minutes", 0), "above 0"),
        (("--minutes", "nan"), "above 0"),
        (("--minutes", 1, "--epochs", 2), "both minutes and epochs"),
    ],
)
def test_budgets_that_are_none(options: tuple[object, ...], said: str, scans: Path, command: Command) -> None:
    done = command("train", scans, *options)
    assert (done.returncode, said in done.stderr) == (2, True)
    assert not (scans.parent / "runs").exists()


def test_few_steps_do_no_harm(digits: Path, tmp_path: Path) -> None:
    run = train(digits, recipe_name="default", epochs=3, limit=640, out=tmp_path / "run")
    noisy, denoised, *_ = (scored.psnr.mean() for scored in run.scores)
    assert denoised > noisy + 4


def test_one_image_is_enough_and_the_verdict_says_what_it_rests_on(command: Command, tmp_path: Path) -> None:
    write_image(tmp_path / "large.png", discs(300, 1))
    done = command("train", "large.png", "--noise", NOISE, *SHORT, "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "1 image, split by place" in done.stdout
    assert "This rests on 1 test region of 1 image only" in done.stdout
    assert "±" not in done.stdout


def test_noisy_clean_images_are_said_first_and_never_helped(command: Command, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(8):
        grainy = discs(96, number) / 255 + rng.normal(0, 0.1, (96, 96))
        write_image(tmp_path / "grainy" / f"{number}.png", np.rint(255 * grainy.clip(0, 1)).astype(np.uint8))
    done = command("train", "grainy", "--noise", NOISE, *SHORT, "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "are themselves noisy" in done.stdout
    assert done.stdout.index("are themselves noisy") < done.stdout.index("epoch 1/")
    assert "Whether it helps cannot be told" in done.stdout
    assert "It helps" not in done.stdout
    judged = command("evaluate", "grainy", "-m", "run")
    assert "Whether it helps cannot be told" in judged.stdout


def test_bad_files_are_named_before_training_and_others_counted(scans: Path, command: Command, tmp_path: Path) -> None:
    good = (scans / "03.png").read_bytes()
    (scans / "03.png").write_bytes(good[: len(good) // 2])
    (scans / "broken.jpg").write_bytes(b"no picture")
    (scans / "clip.mp4").write_bytes(b"")
    write_image(scans / "nan.tif", np.full((90, 90), np.nan, np.float32))
    done = command("train", scans, "--noise", NOISE, *SHORT, "--out", "run")
    assert done.returncode == 0, done.stderr
    first, _, rest = done.stdout.partition("epoch 1/")
    assert "left out 3 of 14 images" in first
    for name in ("03.png", "broken.jpg", "nan.tif"):
        assert name in first
        assert name not in rest
    assert "other kinds were passed over: 1 .mp4" in first
    for path in scans.glob("*.png"):
        path.write_bytes(b"")
    refused = command("train", scans, "--out", "other")
    assert (refused.returncode, "14 of 14 images cannot be used" in refused.stderr) == (2, True)


def test_where_it_does_not_help_the_next_step_can_be_taken(scans: Path, command: Command) -> None:
    done = command("train", scans, "--noise", NOISE, "--recipe", "photos", *SHORT, "--out", "run")
    assert done.returncode == 0, done.stderr
    (advice,) = (line for line in done.stdout.splitlines() if line.startswith("What would most likely help"))
    assert "more images" in advice
    name = advice.split("'")[-2]
    filtered = command("denoise", scans / "00.png", "-m", name)
    assert filtered.returncode == 0, filtered.stderr
    assert (scans / "00.denoised.png").exists()
    judged = command("evaluate", scans, "-m", name, "--noise", NOISE)
    assert (judged.returncode, name in judged.stdout) == (0, True), judged.stderr
    for wrong, said in ((("median 4x4",), "an odd side"), ((name, "--ensemble"), "a classical filter")):
        refused = command("denoise", scans / "01.png", "-m", *wrong)
        assert (refused.returncode, said in refused.stderr) == (2, True)


def test_a_config_of_before_still_names_its_network() -> None:
    assert Config.from_json(json.dumps({"model": "classic"})).network == "classic"
