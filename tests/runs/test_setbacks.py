"""What goes wrong within a training, or is looked at afterwards: losses, images, the history, a repetition."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from conftest import Command
from pellucid.common.errors import PellucidError
from pellucid.datasets import load
from pellucid.datasets.strokes import draw_digits
from pellucid.images.formats import write_image
from pellucid.runs.train import train
from stopped import SETTINGS, SIZES, interrupted, results

pytestmark = pytest.mark.keras


def test_a_loss_that_is_no_number_sends_it_back_at_half_the_rate(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    real, calls = keras.Model.train_on_batch, []

    def fails_once(model: keras.Model, *arguments: object, **more: object) -> object:
        calls.append(float(model.optimizer.learning_rate))
        return float("nan") if len(calls) == 30 else real(model, *arguments, **more)

    monkeypatch.setattr(keras.Model, "train_on_batch", fails_once)
    said: list[str] = []
    run = train(small, out=tmp_path / "run", say=said.append, **SETTINGS)
    assert "epoch 2, step 6: the loss became nan; back to the start of the epoch, at 0.5 of the learning rate" in said
    assert len(calls) == 72 + 6
    assert calls[30:36] == pytest.approx([rate / 2 for rate in calls[24:30]])
    assert len(run.history) == 3
    assert run.history[1].loss < run.history[0].loss


@pytest.mark.one_backend
def test_a_training_that_always_diverges_ends(small: Path, command: Command, tmp_path: Path) -> None:
    options = ("--optimizer", "adam", "--schedule", "constant", "--learning-rate", "1e30", "--loss", "mse")
    done = command(
        "train", small, *SIZES, "--network", "residual:widths=8/16,depth=1", *options, "--limit", 64, "--out", "run"
    )
    assert done.returncode == 2
    assert done.stdout.count("back to the start of the epoch") == 4
    assert "Train anew with a lower learning rate" in done.stderr


@pytest.mark.one_backend
def test_the_history_for_tensorboard_is_whole_after_a_break(small: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    from tensorflow.compat.v1.train import summary_iterator

    interrupted(small, tmp_path / "run", tensorboard=True)
    run = train(resume=tmp_path / "run", tensorboard=True)
    (events,) = (tmp_path / "run" / "tensorboard").iterdir()
    found = {
        (value.tag, event.step): value.simple_value
        for event in summary_iterator(str(events))
        for value in event.summary.value
    }
    assert [found["loss", epoch] for epoch in (1, 2, 3)] == pytest.approx([epoch.loss for epoch in run.history])


@pytest.mark.one_backend
def test_a_run_is_repeated_and_compared(small: Path, command: Command, tmp_path: Path) -> None:
    shutil.copy(small, tmp_path / "data.npz")
    assert command("train", "data.npz", *SIZES, "--epochs", 1, "--out", "run").returncode == 0
    again = command("repeat", "run")
    assert (again.returncode, "identical: the weights are the same" in again.stdout) == (0, True)
    assert results(tmp_path / "run-again") == results(tmp_path / "run")
    with np.load(small) as arrays:
        np.savez(tmp_path / "data.npz", x_train=arrays["x_train"][::-1], x_test=arrays["x_test"])
    other = command("repeat", "run", "--out", "other")
    assert other.returncode == 1
    assert "differs: data fingerprint" in other.stdout
    assert "differs: epoch 1, loss" in other.stdout
    assert "differs: weights" in other.stdout
    nothing = command("repeat", ".")
    assert (nothing.returncode, "not a run folder" in nothing.stderr) == (2, True)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of 44 images that are read anew each time."""
    monkeypatch.setattr("pellucid.datasets.sources.CACHE_BYTES", 0)
    images, _ = draw_digits(44, seed=3)
    for index, image in enumerate(images):
        write_image(tmp_path / "scans" / f"{index:02d}.png", image)
    return tmp_path / "scans"


def spoil(path: Path, how: str) -> None:
    if how == "vanished":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[:80])
    else:
        write_image(path, np.zeros((9, 9), np.uint8))


SCANS = {"epochs": 3, "batch_size": 8, "learning_rate": 0.01, "network": "classic:width=8"}


@pytest.mark.one_backend
def test_images_that_fail_underneath_are_named_once_and_left_out(folder: Path, tmp_path: Path) -> None:
    paths = load(folder).train.paths
    count, learned = len(paths), paths[:3]
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if line.startswith("epoch 1/"):
            for path, how in zip(learned, ("vanished", "truncated", "resized"), strict=True):
                spoil(path, how)

    train(folder, out=tmp_path / "run", say=say, max_unreadable=0.1, **SCANS)
    for path in learned:
        assert sum(path.name in line for line in said) == 1
    assert f"3 of {count} train images could not be read and were left out" in said


@pytest.mark.one_backend
def test_too_many_of_them_end_it_and_nothing_is_lost(folder: Path, tmp_path: Path) -> None:
    lost = {path: path.read_bytes() for path in load(folder).train.paths[:5]}

    def say(line: str) -> None:
        if line.startswith("epoch 2/"):
            for path in lost:
                path.unlink()

    with pytest.raises(PellucidError, match=r"more than 5%.*can be resumed"):
        train(folder, out=tmp_path / "run", say=say, **SCANS)
    assert (tmp_path / "run" / "model.onnx").exists()
    with pytest.raises(PellucidError, match="its data has changed"):
        train(resume=tmp_path / "run")
    for path, content in lost.items():
        path.write_bytes(content)
    assert len(train(resume=tmp_path / "run").history) == 3


@pytest.mark.one_backend
def test_a_model_file_that_could_not_be_written_is_there_in_the_end(
    small: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pellucid import modelfile

    def fails(*arguments: object) -> None:
        raise PellucidError("cannot write model.onnx: No space left on device.")

    with monkeypatch.context() as full:
        full.setattr(modelfile, "save", fails)
        with pytest.raises(PellucidError, match=r"No space left on device\. What was trained is kept"):
            train(small, out=tmp_path / "run", **SETTINGS)
    train(resume=tmp_path / "run")
    assert results(tmp_path / "run") == results(whole)


@pytest.mark.one_backend
def test_validation_images_that_have_all_gone_are_said(folder: Path, tmp_path: Path) -> None:
    lost = {path: path.read_bytes() for path in load(folder).validation.paths}

    def say(line: str) -> None:
        if line.startswith("epoch 1/"):
            for path in lost:
                path.unlink()

    with pytest.raises(PellucidError, match=r"none of the validation images .* cannot read .*\.png"):
        train(folder, out=tmp_path / "run", say=say, max_unreadable=1.0, **SCANS)
    for path, content in lost.items():
        path.write_bytes(content)
    assert len(train(resume=tmp_path / "run").history) == 3


@pytest.mark.one_backend
def test_latest_follows_a_run_elsewhere_and_the_model_says_what_it_learned_from(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {"epochs": 1, "batch_size": 32, "limit": 64, "network": "classic"}
    train(small, out="elsewhere/first", **settings)
    assert not (tmp_path / "elsewhere" / "latest").exists()
    assert not (tmp_path / "runs").exists()
    (tmp_path / "runs").mkdir()
    run = train(small, out="elsewhere/second", **settings)
    assert (tmp_path / "runs" / "latest").resolve() == (tmp_path / "elsewhere" / "second").resolve()
    assert run.denoiser().card.trained_on.endswith("64 of the training images used")
    monkeypatch.setattr(Path, "symlink_to", lambda *arguments, **more: (_ for _ in ()).throw(OSError("no links here")))
    third = train(small, out="runs/third", **settings)
    assert (third.folder / "model.onnx").exists()
