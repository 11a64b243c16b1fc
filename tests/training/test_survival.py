"""A training that is killed, stopped or starved ends with the very same weights once it is continued."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from conftest import Command, run_command
from pellucid.datasets import load
from pellucid.datasets.strokes import draw_digits
from pellucid.errors import PellucidError
from pellucid.formats import write_image
from pellucid.training.checkpoints import numbered
from pellucid.workflow import train

pytestmark = pytest.mark.keras

SIZES = ("--epochs", "3", "--batch-size", "32", "--limit", "640", "--learning-rate", "0.01", "--checkpoint-every", "0")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Path:
    """A data set with few test images."""
    with np.load(digits) as arrays:
        path = tmp_path_factory.mktemp("small") / "small.npz"
        np.savez(path, x_train=arrays["x_train"], x_test=arrays["x_test"][:8])
    return path


@pytest.fixture(scope="module")
def whole(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped, by a process of its own, as the others are."""
    folder = tmp_path_factory.mktemp("whole")
    done = run_command("train", small, *SIZES, "--out", "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run"


def results(run: Path) -> tuple[str, list[dict[str, str]], str]:
    """The weights' checksum, the history without its times, and the scores."""
    history = list(csv.DictReader((run / "history.csv").read_text().splitlines()))
    kept = [{name: row[name] for name in ("epoch", "loss", "validation_loss", "learning_rate")} for row in history]
    weights = json.loads((run / "run.json").read_text())["weights"]
    assert len(weights) == 64
    return weights, kept, (run / "scores.json").read_text()


def start(arguments: tuple[object, ...], folder: Path, **more: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pellucid", *map(str, arguments)],
        **{"cwd": folder, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, **more},  # type: ignore[arg-type]
    )


def reaches(run: Path, process: subprocess.Popen[str], place: str) -> None:
    """Wait until a checkpoint's name begins with some epoch, and step."""
    end = time.monotonic() + 200
    while not any(place in path.name for path in run.glob("checkpoints/*.safetensors")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


def interrupted(data: Path, out: Path, behind: str = "epoch 2/", **changes: object) -> list[str]:
    """Train in this process and press Ctrl-C at a line of what is said."""
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if line.startswith(behind):
            signal.raise_signal(signal.SIGINT)

    settings = {"epochs": 3, "batch_size": 32, "limit": 640, "learning_rate": 0.01, **changes}
    run = train(data, out=out, say=say, **settings)
    assert run.interrupted
    return said


def test_killed_and_terminated_it_ends_as_if_nothing_had_happened(small: Path, whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start(("train", small, *SIZES, "--out", "run"), tmp_path)
    reaches(run, process, "epoch-1-step-1")
    process.kill()
    process.communicate()
    assert not (run / "model.onnx").exists()
    process = start(("train", "--resume", "run", "--checkpoint-every", "0"), tmp_path)
    reaches(run, process, "epoch-2-step-1")
    begin = time.monotonic()
    process.terminate()
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, time.monotonic() - begin < 5) == (143, True), said
    assert "continue with: pellucid train --resume run" in said
    (run / ".model.0123abcd.onnx").write_bytes(b"half a file of a killed process")
    done = run_command("train", "--resume", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "continuing in epoch 2, behind step" in done.stdout
    assert results(run) == results(whole)
    assert {path.name for path in run.iterdir()} == {path.name for path in whole.iterdir()}


def test_a_terminal_that_closes_leaves_a_checkpoint(small: Path, tmp_path: Path) -> None:
    terminal, inside = pty.openpty()
    process = start(
        ("train", small, *SIZES, "--out", "run"),
        tmp_path,
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(inside)
    os.set_blocking(terminal, False)
    end = time.monotonic() + 200
    while len(numbered(tmp_path / "run" / "checkpoints")) < 2 and time.monotonic() < end:
        try:
            os.read(terminal, 10_000)
        except BlockingIOError:
            time.sleep(0.01)
    os.close(terminal)
    assert process.wait(60) == 129
    assert numbered(tmp_path / "run" / "checkpoints")


def test_ctrl_c_judges_what_is_there_and_can_be_continued(small: Path, whole: Path, tmp_path: Path) -> None:
    said = interrupted(small, tmp_path / "run")
    assert any("interrupted: keeping the weights of epoch" in line for line in said)
    assert (tmp_path / "run" / "verdict.txt").exists()
    assert len(numbered(tmp_path / "run" / "checkpoints")) <= 3
    assert not train(resume=tmp_path / "run").interrupted
    assert results(tmp_path / "run") == results(whole)
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize("damage", ["a bit", "truncated", "empty"])
def test_a_damaged_checkpoint_is_told_from_a_sound_one(
    damage: str, small: Path, whole: Path, command: Command, tmp_path: Path
) -> None:
    interrupted(small, tmp_path / "run", checkpoint_every=0)
    *_, last = (path for _, path in sorted(numbered(tmp_path / "run" / "checkpoints").items()))
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes({"a bit": bytes(content), "truncated": content[: len(content) // 2], "empty": b""}[damage])
    done = command("train", "--resume", "run")
    assert done.returncode == 0, done.stderr
    assert f"{last.name} is damaged" in done.stdout
    assert "continuing from the one before it" in done.stdout
    assert results(tmp_path / "run") == results(whole)


def test_with_no_sound_checkpoint_it_says_so(small: Path, command: Command, tmp_path: Path) -> None:
    interrupted(small, tmp_path / "run")
    for path in numbered(tmp_path / "run" / "checkpoints").values():
        path.write_bytes(path.read_bytes()[:-1])
    done = command("train", "--resume", "run")
    assert (done.returncode, "nothing to continue from" in done.stderr) == (2, True)


def test_a_run_killed_before_its_first_checkpoint_starts_again(
    small: Path, whole: Path, command: Command, tmp_path: Path
) -> None:
    interrupted(small, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    assert command("train", "--resume", "run").returncode == 0
    assert results(tmp_path / "run") == results(whole)


def edit(path: Path, change: Callable[[dict[str, object]], None]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def test_nothing_is_continued_that_would_end_differently(small: Path, command: Command, tmp_path: Path) -> None:
    interrupted(small, tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}

    def refused(*arguments: object) -> str:
        done = command("train", *arguments)
        assert done.returncode == 2
        *_, said = done.stderr.splitlines()
        assert said.startswith("pellucid: ")
        return said

    assert "epochs: 3, now 5" in refused("--resume", "run", "--epochs", 5)
    assert "model: swift, now classic" in refused("--resume", "run", "--recipe", "tutorial")
    assert "leave out --out" in refused("--resume", "run", "--out", "elsewhere")
    assert "holds no run to continue" in refused("--resume", "nowhere")
    with np.load(small) as arrays:
        changed = {name: arrays[name].copy() for name in arrays.files}
    changed["x_train"][5, 3, 3] ^= 1
    np.savez(tmp_path / "other.npz", **changed)
    assert "fingerprint: " in refused("other.npz", "--resume", "run")
    with FileLock(tmp_path / "run" / ".lock"):
        assert "another process is training" in refused("--resume", "run")
    assert {path: path.read_bytes() for path in before} == before
    edit(tmp_path / "run" / "config.json", lambda config: config.update(seed=4))
    assert "seed: 0, now 4" in refused("--resume", "run")
    edit(tmp_path / "run" / "config.json", lambda config: config.update(seed=0))
    shutil.copy(small, tmp_path / "moved.npz")
    assert command("train", "moved.npz", "--resume", "run").returncode == 0
    assert "was finished on" in refused("--resume", "run")


def test_other_versions_are_refused_or_told(
    small: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(small, tmp_path / "run")
    from pellucid import resumption

    real = resumption.versions()
    monkeypatch.setattr(resumption, "versions", lambda: {**real, "pellucid": "9.9"})
    done = command("train", "--resume", "run")
    assert (done.returncode, "pellucid: 0.1.0, now 9.9" in done.stderr) == (2, True)
    monkeypatch.setattr(resumption, "versions", lambda: {**real, "numpy": "9.9"})
    done = command("train", "--resume", "run")
    assert done.returncode == 0, done.stderr
    assert "the last digits may differ" in done.stdout


@pytest.mark.parametrize("where", ["a file's limit", "a full disk"])
def test_a_disk_that_fills_up_costs_nothing_but_time(where: str, small: Path, whole: Path, tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "pellucid", "train", str(small), *SIZES, "--out", "run"]
    if where == "a full disk":
        if subprocess.run(["unshare", "-Urm", "true"], check=False, capture_output=True).returncode:
            pytest.skip("no file system can be mounted here")
        (tmp_path / "disk").mkdir()
        # Room for the first checkpoints, but not for all that comes; what is there is copied out of the namespace.
        script = 'mount -t tmpfs -o size=3300k none disk && (cd disk && "$@"); code=$?; cp -a disk/run . && exit $code'
        command = ["unshare", "-Urm", "sh", "-c", script, "sh", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=250, check=False)
    else:
        limit = 1_000_000  # bytes; a checkpoint has more once there are best weights

        def confine() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

        done = subprocess.run(
            arguments, cwd=tmp_path, capture_output=True, text=True, timeout=250, check=False, preexec_fn=confine
        )
    assert done.returncode == 2, done.stderr
    (said,) = (line for line in done.stderr.splitlines() if line.startswith("pellucid: "))
    assert "cannot write" in said
    assert "continue with: pellucid train --resume run" in said
    resumed = run_command("train", "--resume", "run", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert results(tmp_path / "run") == results(whole)


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
    settings = {"epochs": 3, "batch_size": 32, "limit": 640, "learning_rate": 0.01}
    run = train(small, out=tmp_path / "run", say=said.append, **settings)
    assert "epoch 2, step 10: the loss became nan; back to the start of the epoch, at 0.5 of the learning rate" in said
    assert len(calls) == 60 + 10
    assert calls[30:40] == pytest.approx([rate / 2 for rate in calls[20:30]])
    assert len(run.history) == 3
    assert run.history[1].loss < run.history[0].loss


def test_a_training_that_always_diverges_ends(small: Path, command: Command, tmp_path: Path) -> None:
    options = ("--optimizer", "adam", "--schedule", "constant", "--learning-rate", "1e30", "--loss", "mse")
    done = command("train", small, *SIZES, "--model", "residual", *options, "--limit", 64, "--out", "run")
    assert done.returncode == 2
    assert done.stdout.count("back to the start of the epoch") == 4
    assert "Train anew with a lower --learning-rate" in done.stderr


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


SCANS = {"epochs": 3, "batch_size": 8, "learning_rate": 0.01, "model": "classic"}


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


def test_too_many_of_them_end_it_and_nothing_is_lost(folder: Path, tmp_path: Path) -> None:
    lost = {path: path.read_bytes() for path in load(folder).train.paths[:5]}

    def say(line: str) -> None:
        if line.startswith("epoch 2/"):
            for path in lost:
                path.unlink()

    with pytest.raises(PellucidError, match=r"more than 5%.*continue with: pellucid train --resume"):
        train(folder, out=tmp_path / "run", say=say, **SCANS)
    assert (tmp_path / "run" / "model.onnx").exists()
    with pytest.raises(PellucidError, match="its data has changed"):
        train(resume=tmp_path / "run")
    for path, content in lost.items():
        path.write_bytes(content)
    assert len(train(resume=tmp_path / "run").history) == 3
