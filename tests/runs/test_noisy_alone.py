"""Training from noisy images alone: through the command, from the first line to the verdict."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from conftest import Command, made_once, run_command
from pellucid.images import write_image
from pellucid.runs.train import train
from stopped import results

SIGMA = 0.1
SIZES = ("--network", "residual:widths=16/32,depth=1", "--epochs", 5, "--epoch-steps", 20, "--patch", 32)


def scenes(count: int, seed: int = 0) -> np.ndarray:
    """Images of sharp shapes on smooth ground, float32 (count, 64, 64)."""
    rng = np.random.default_rng(seed)
    ground = gaussian_filter(rng.random((count, 64, 64)), (0, 8, 8))
    shapes = gaussian_filter(rng.random((count, 64, 64)), (0, 3, 3)) > 0.5
    return (0.3 + 2 * (ground - 0.5) + 0.3 * shapes).clip(0, 1).astype(np.float32)


def noisy_shot(clean: np.ndarray, seed: int) -> np.ndarray:
    """The same with white noise, not clipped."""
    noise = np.random.default_rng(seed).standard_normal(clean.shape, dtype=np.float32)
    return clean + np.float32(SIGMA) * noise


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 20 noisy images in `first.npy`, and a second shot of each in `second.npy`."""

    def make(folder: Path) -> None:
        for seed, name in enumerate(("first", "second"), 1):
            np.save(folder / f"{name}.npy", noisy_shot(scenes(20), seed))

    return made_once("shots", tmp_path_factory, make)


@pytest.fixture(scope="session")
def alone(shots: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run from noisy images alone, and what it said."""

    def make(folder: Path) -> None:
        done = run_command("train", "--noisy", shots / "first.npy", *SIZES, "--out", "run", cwd=folder)
        assert done.returncode == 0, done.stderr
        (folder / "said").write_text(done.stdout)

    folder = made_once("alone", tmp_path_factory, make)
    return folder / "run", (folder / "said").read_text()


def error(run: Path, clean: np.ndarray, noisy: np.ndarray) -> float:
    """The true mean squared error of a run's model."""
    from pellucid import Denoiser

    denoise = Denoiser(run)
    return float(np.mean([np.square(denoise(image) - truth).mean() for image, truth in zip(noisy, clean, strict=True)]))


@pytest.mark.keras
def test_it_removes_noise_that_it_never_saw_apart(alone: tuple[Path, str]) -> None:
    run, said = alone
    config = json.loads((run / "config.json").read_text())
    assert config["noise"].startswith("gaussian:0.09") or config["noise"].startswith("gaussian:0.1")
    assert config["noise"].endswith(":unclipped")
    assert (config["data"], config["method"]) == ("", "neighbors")
    clean = scenes(4, seed=9)
    assert error(run, clean, noisy_shot(clean, 10)) < 0.3 * SIGMA**2
    assert "as measured on" in said
    assert "method: neighbors, since" in said


def test_its_curve_is_the_true_error(alone: tuple[Path, str]) -> None:
    run, _ = alone
    rows = (run / "history.csv").read_text().splitlines()[1:]
    guessed = min(float(row.split(",")[2]) for row in rows)
    clean = scenes(8, seed=9)
    assert guessed == pytest.approx(error(run, clean, noisy_shot(clean, 10)), abs=0.06 * SIGMA**2)


def test_the_verdict_stands_on_noisy_images_only(alone: tuple[Path, str]) -> None:
    run, said = alone
    scores = json.loads((run / "scores.json").read_text())
    marks = {mark["name"]: mark for mark in scores["marks"]}
    assert marks["noisy"]["psnr"] == pytest.approx(20, abs=0.5)
    assert marks["residual:widths=16/32,depth=1"]["psnr"] > marks["noisy"]["psnr"] + 4
    assert "Stein's estimate" in (run / "verdict.txt").read_text()
    assert (run / "verdict.txt").read_text().splitlines()[0] in said
    assert (run / "before-after.png").stat().st_size > 10_000


def test_two_shots(shots: Path, command: Command) -> None:
    done = command("train", "--noisy", shots / "first.npy", "--second", shots / "second.npy", *SIZES, "--out", "two")
    assert done.returncode == 0, done.stderr
    assert "two shots give" in done.stdout


@pytest.mark.parametrize("method", ["recorrupt", "masks"])
def test_other_methods(method: str, shots: Path, command: Command, tmp_path: Path) -> None:
    done = command("train", "--noisy", shots / "first.npy", "--method", method, *SIZES, "--out", "run")
    assert done.returncode == 0, done.stderr
    clean = scenes(4, seed=9)
    assert error(tmp_path / "run", clean, noisy_shot(clean, 10)) < 0.4 * SIGMA**2


def test_repeated_it_is_the_same(alone: tuple[Path, str], command: Command) -> None:
    done = command("repeat", alone[0], "--out", "again")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--method", "neighbors", "--second", "b.npy"), "two shots of each scene"),
        (("--method", "shots"), "needs a second shot"),
    ],
)
def test_what_does_not_go_together(options: tuple[str, ...], reason: str, shots: Path, command: Command) -> None:
    done = command("train", "--noisy", shots / "first.npy", *options)
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_images_without_noise_are_refused(command: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "clean.npy", np.rint(scenes(6) * 255).astype(np.uint8))
    done = command("train", "--noisy", "clean.npy", *SIZES)
    assert done.returncode == 2
    assert "hardly any noise" in done.stderr


def test_stopped_in_either_training_it_ends_the_same(alone: tuple[Path, str], shots: Path, tmp_path: Path) -> None:
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if line.startswith("epoch 2/"):
            signal.raise_signal(signal.SIGINT)

    settings = {"network": SIZES[1], "epochs": SIZES[3], "epoch_steps": SIZES[5], "patch": SIZES[7]}
    run = train(None, noisy=str(shots / "first.npy"), out=tmp_path / "run", say=say, **settings)
    assert run.interrupted
    assert (run.folder / "model.onnx").exists()
    assert not (run.folder / "rough" / "model.onnx").exists()
    assert train(resume=run.folder, say=lambda line: say(line) if "once more" in "".join(said) else said.append(line))
    assert (run.folder / "rough" / "model.onnx").exists()
    done = train(resume=run.folder, say=said.append)
    assert not done.interrupted
    assert results(done.folder)[:2] == results(alone[0])[:2]


@pytest.mark.keras
def test_noise_that_is_cut_off(tmp_path: Path, command: Command) -> None:
    clean = (scenes(60, seed=4)[:, :32, :32] > 0.45).astype(np.float32)
    rng = np.random.default_rng(5)
    noisy = np.clip(clean + np.float32(0.5) * rng.standard_normal(clean.shape, dtype=np.float32), 0, 1)
    np.save(tmp_path / "noisy.npy", noisy)
    sizes = ("--network", "swift:widths=16/32,depth=1", "--epochs", 3, "--epoch-steps", 30, "--batch-size", 16)
    done = command("train", "--noisy", "noisy.npy", *sizes, "--noise", "gaussian:0.5", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "method: levels, since" in done.stdout
    # What is cut off is brighter than black on average; a mean of noisy values would stay so.
    assert error(tmp_path / "run", clean, noisy) < 0.5 * np.square(noisy - clean).mean()


def test_noise_that_was_named_is_repeated(shots: Path, command: Command, tmp_path: Path) -> None:
    few = (*SIZES[:2], "--epochs", 1, "--epoch-steps", 2, "--patch", 32, "--no-renoise")
    done = command("train", "--noisy", shots / "first.npy", "--noise", "gaussian:0.15:unclipped", *few, "--out", "run")
    assert done.returncode == 0, done.stderr
    done = command("repeat", "run", "--out", "again")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "again" / "config.json").read_text() == (tmp_path / "run" / "config.json").read_text()


def test_two_shots_of_one_image(command: Command, tmp_path: Path) -> None:
    clean = np.tile(scenes(1)[0], (2, 3))
    for seed, name in enumerate(("first", "second")):
        shot = np.rint(noisy_shot(clean, seed).clip(0, 1) * 65535).astype(np.uint16)
        write_image(tmp_path / f"{name}.png", shot)
    few = (*SIZES[:2], "--epochs", 1, "--epoch-steps", 2, "--patch", 32)
    done = command("train", "--noisy", "first.png", "--second", "second.png", *few, "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "split by place" in done.stdout
    assert (tmp_path / "run" / "verdict.txt").read_text() in done.stdout
