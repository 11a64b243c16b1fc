"""A training that is killed, stopped or starved ends with the very same weights once it is continued."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from conftest import Command
from pellucid.runs.train import train
from pellucid.training.checkpoints import numbered
from stopped import SIZES, interrupted, results

pytestmark = pytest.mark.keras


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


def test_killed_and_terminated_it_ends_as_if_nothing_had_happened(
    small: Path, whole: Path, command: Command, tmp_path: Path
) -> None:
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
    assert "run can be resumed" in said
    (run / ".model.0123abcd.onnx").write_bytes(b"half a file of a killed process")
    done = command("train", "--resume", "run")
    assert done.returncode == 0, done.stderr
    assert "continuing in epoch 2, after step" in done.stdout
    assert results(run) == results(whole)
    assert {path.name for path in run.iterdir()} == {path.name for path in whole.iterdir()}


@pytest.mark.one_backend
def test_a_terminal_that_closes_leaves_a_checkpoint(small: Path, tmp_path: Path) -> None:
    terminal, inside = pty.openpty()
    arguments = [sys.executable, "-m", "pellucid", "train", str(small), *SIZES, "--out", "run"]
    process = subprocess.Popen(
        ["setsid", "--ctty", *arguments], cwd=tmp_path, stdin=inside, stdout=inside, stderr=inside
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


@pytest.mark.one_backend
@pytest.mark.parametrize("damage", ["a bit", "truncated", "empty"])
def test_a_damaged_checkpoint_is_told_from_a_sound_one(
    damage: str, stopped: Path, whole: Path, command: Command
) -> None:
    *_, last = (path for _, path in sorted(numbered(stopped / "checkpoints").items()))
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes({"a bit": bytes(content), "truncated": content[: len(content) // 2], "empty": b""}[damage])
    done = command("train", "--resume", "run")
    assert done.returncode == 0, done.stderr
    assert f"{last.name} is damaged" in done.stdout
    assert "continuing from the one before it" in done.stdout
    assert results(stopped) == results(whole)


@pytest.mark.one_backend
def test_with_no_sound_checkpoint_it_says_so(stopped: Path, command: Command) -> None:
    for path in numbered(stopped / "checkpoints").values():
        path.write_bytes(path.read_bytes()[:-1])
    done = command("train", "--resume", "run")
    assert (done.returncode, "nothing to continue from" in done.stderr) == (2, True)


@pytest.mark.one_backend
def test_a_run_killed_before_its_first_checkpoint_starts_again(stopped: Path, whole: Path, command: Command) -> None:
    shutil.rmtree(stopped / "checkpoints")
    assert command("train", "--resume", "run").returncode == 0
    assert results(stopped) == results(whole)


def edit(path: Path, change: Callable[[dict[str, object]], None]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


@pytest.mark.one_backend
def test_nothing_is_continued_that_would_end_differently(
    small: Path, stopped: Path, command: Command, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()}

    def refused(*arguments: object) -> str:
        done = command("train", *arguments)
        assert done.returncode == 2
        *_, said = done.stderr.splitlines()
        assert said.startswith("pellucid: ")
        return said

    assert "epochs: 3, now 5" in refused("--resume", "run", "--epochs", 5)
    assert "network: swift:widths=8/16,depth=1, now classic" in refused("--resume", "run", "--recipe", "tutorial")
    assert "leave out the other folder. (--out)" in refused("--resume", "run", "--out", "elsewhere")
    assert "holds no run to continue" in refused("--resume", "nowhere")
    with np.load(small) as arrays:
        changed = {name: arrays[name].copy() for name in arrays.files}
    changed["x_train"][5, 3, 3] ^= 1
    np.savez(tmp_path / "other.npz", **changed)
    assert "fingerprint: " in refused("other.npz", "--resume", "run")
    with FileLock(stopped / ".lock"):
        assert "another process is training" in refused("--resume", "run")
    assert {path: path.read_bytes() for path in before} == before
    edit(stopped / "config.json", lambda config: config.update(seed=4))
    assert "seed: 0, now 4" in refused("--resume", "run")
    edit(stopped / "config.json", lambda config: config.update(seed=0))
    shutil.copy(small, tmp_path / "moved.npz")
    assert command("train", "moved.npz", "--resume", "run").returncode == 0
    assert "was finished on" in refused("--resume", "run")


@pytest.mark.one_backend
@pytest.mark.usefixtures("stopped")
def test_other_versions_are_refused_or_told(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.runs import resume as resumption

    real = resumption.versions()
    monkeypatch.setattr(resumption, "versions", lambda: {**real, "pellucid": "9.9"})
    done = command("train", "--resume", "run")
    assert (done.returncode, "pellucid: 0.1.0, now 9.9" in done.stderr) == (2, True)
    monkeypatch.setattr(resumption, "versions", lambda: {**real, "numpy": "9.9"})
    done = command("train", "--resume", "run")
    assert done.returncode == 0, done.stderr
    assert "the last digits may differ" in done.stdout


@pytest.mark.one_backend
@pytest.mark.parametrize("where", ["a file's limit", "a full disk"])
def test_a_disk_that_fills_up_costs_nothing_but_time(
    where: str, small: Path, whole: Path, command: Command, tmp_path: Path
) -> None:
    arguments = [sys.executable, "-m", "pellucid", "train", str(small), *SIZES, "--out", "run"]
    if where == "a full disk":
        if subprocess.run(["unshare", "-Urm", "true"], check=False, capture_output=True).returncode:
            pytest.skip("no file system can be mounted here")
        (tmp_path / "disk").mkdir()
        # Room for the first checkpoints, but not for all that comes; what is there is copied out of the namespace.
        script = 'mount -t tmpfs -o size=170k none disk && (cd disk && "$@"); code=$?; cp -a disk/run . && exit $code'
        limited = ["unshare", "-Urm", "sh", "-c", script, "sh", *arguments]
        done = subprocess.run(limited, cwd=tmp_path, capture_output=True, text=True, timeout=250, check=False)
    else:
        # A checkpoint takes 66 kB, and 88 kB once there are best weights.
        limit = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (77_000, -1)); "
        limited = [sys.executable, "-c", limit + "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"]
        limited += arguments[1:]
        done = subprocess.run(limited, cwd=tmp_path, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 2, done.stderr
    (said,) = (line for line in done.stderr.splitlines() if line.startswith("pellucid: "))
    assert "cannot write" in said
    assert "run can be resumed" in said
    assert numbered(tmp_path / "run" / "checkpoints")
    resumed = command("train", "--resume", "run")
    assert resumed.returncode == 0, resumed.stderr
    assert results(tmp_path / "run") == results(whole)
