"""One path for one file and for many: what fails is named and the rest go on, whatever it is that fails."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from conftest import Command
from pellucid.common import PellucidError
from pellucid.evaluation.classical import Median
from pellucid.images import read_image, write_image
from pellucid.inference import MANY, Denoiser, Job, denoise_files, memory, plan

pytestmark = pytest.mark.one_backend

Trained = tuple[Path, str]
RNG = np.random.default_rng(0)


class Odd(Denoiser):
    """A denoiser that some images are too much for, told by their first pixel."""

    def plane(self, image: np.ndarray, scale: Any, report: Any = None) -> np.ndarray:
        first = int(image.flat[0])
        if first in ODD:
            ODD[first]()
        return super().plane(image, scale, report)


def unexpected() -> None:
    raise TypeError("an oddity")


def endless() -> None:
    endless()


def no_memory() -> None:
    raise MemoryError


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


ODD: dict[int, Callable[[], None]] = {201: unexpected, 202: endless, 203: no_memory, 204: killed}


def write_some(folder: Path, count: int, odd: dict[int, int]) -> None:
    """Write images whose first pixel is 0, or what `odd` says."""
    for index in range(count):
        image = RNG.integers(0, 255, (12, 13), dtype=np.uint8)
        image[0, 0] = odd.get(index, 0)
        write_image(folder / f"{index:03}.png", image)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def any_left(group: int) -> bool:
    """Say whether a process of a group is alive."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command run the odd denoiser, in other processes, too."""
    monkeypatch.setattr("pellucid.inference.Denoiser", Odd)


CASES = {
    "raises": ({50: 201}, {"050.png: unexpected TypeError: an oddity."}),
    "killed": ({50: 204}, {"050.png: the process that worked on it was ended by the signal SIGKILL."}),
    "several": (
        {0: 204, 17: 202, 150: 203, 151: 204, MANY + 9: 201},
        {
            "000.png: the process that worked on it was ended",
            "017.png: unexpected RecursionError",
            "150.png: there is not enough memory",
            "151.png: the process that worked on it was ended",
            f"{MANY + 9:03}.png: unexpected TypeError",
        },
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize("case", CASES)
def test_whatever_happens_to_a_file_is_its_own_failure(
    case: str, trained: Trained, command: Command, tmp_path: Path
) -> None:
    values, said = CASES[case]
    write_some(tmp_path / "in", MANY + 10, values)
    done = command("denoise", "in", "-o", "out", "--workers", 2, "-m", trained[0])
    assert done.returncode == 1, done.stderr
    assert f"{MANY + 10 - len(values)} of {MANY + 10} images denoised" in done.stdout
    assert names(tmp_path / "out") == [f"{index:03}.png" for index in range(MANY + 10) if index not in values]
    failures = [line for line in done.stderr.splitlines() if line.startswith("pellucid: ")]
    assert len(failures) == len(said)
    for text in said:
        assert sum(line.startswith(f"pellucid: in/{text}") for line in failures) == 1, (text, failures)
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("odd")
def test_a_few_files_and_a_single_one_fail_like_that_too(trained: Trained, command: Command, tmp_path: Path) -> None:
    write_some(tmp_path / "in", 4, {1: 201, 2: 203})
    done = command("denoise", "in", "-o", "out", "-m", trained[0])
    assert (done.returncode, names(tmp_path / "out")) == (1, ["000.png", "003.png"])
    assert "in/001.png: unexpected TypeError: an oddity." in done.stderr
    assert "in/002.png: there is not enough memory for it." in done.stderr
    done = command("denoise", "in/001.png", "-o", "one.png", "-m", trained[0])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pellucid: in/001.png: unexpected TypeError: an oddity.\n"


def test_a_failure_to_write_names_the_file_that_was_read(trained: Trained, tmp_path: Path) -> None:
    write_some(tmp_path / "in", 2, {})
    (tmp_path / "file").write_text("in the way")
    jobs = [Job(tmp_path / "in" / f"00{at}.png", tmp_path / "file" / f"{at}.png") for at in (0, 1)]
    results = list(denoise_files(Denoiser(trained[0]), jobs))
    assert sorted(str(result.error).count("in/00") for result in results) == [1, 1]


def test_a_denoiser_can_be_pickled(trained: Trained) -> None:
    image = RNG.integers(0, 4096, (20, 31), dtype=np.uint16)
    before = Denoiser(trained[0], value_range=(0, 4095), ensemble=True)
    after = pickle.loads(pickle.dumps(before))
    assert (after.value_range, after.ensemble, after.engine) == ((0, 4095), True, before.engine)
    assert (before.threads, after.threads) == (0, 1)
    assert np.array_equal(after(image), before(image))


@pytest.mark.parametrize("count", [1, 3, MANY])
def test_any_function_from_image_to_image_will_do(count: int, tmp_path: Path) -> None:
    write_some(tmp_path / "in", count, {})
    jobs = plan([str(tmp_path / "in")], str(tmp_path / "out"))
    assert all(result.error is None for result in denoise_files(Median(3), jobs, workers=2))
    given = read_image(jobs[-1].source)
    expected = Median(3)((given / np.float32(255))[..., None])[..., 0]
    assert np.abs(read_image(jobs[-1].target) - 255 * expected).max() <= 0.5
    kept = denoise_files(lambda image: image, plan([str(tmp_path / "in")], str(tmp_path / "same")), workers=2)
    assert all(result.error is None for result in kept)  # though it cannot be pickled
    assert np.array_equal(read_image(tmp_path / "same" / f"{count - 1:03}.png"), given)


def test_a_model_that_is_gone_is_said_in_a_sentence(trained: Trained, tmp_path: Path) -> None:
    write_some(tmp_path / "in", MANY, {})
    model = tmp_path / "gone.onnx"
    model.write_bytes((trained[0] / "model.onnx").read_bytes())
    denoiser = Denoiser(model)
    model.unlink()
    with pytest.raises(PellucidError, match=r"could not be started.*no model at"):
        list(denoise_files(denoiser, plan([str(tmp_path / "in")], str(tmp_path / "out")), workers=2))


@pytest.mark.skipif(sys.platform == "win32", reason="has no groups of processes")
def test_ctrl_c_finishes_the_files_at_hand(trained: Trained, tmp_path: Path) -> None:
    write_image(tmp_path / "in" / "0.png", RNG.integers(0, 255, (300, 300), dtype=np.uint8))
    content = (tmp_path / "in" / "0.png").read_bytes()
    for index in range(1, 1500):
        (tmp_path / "in" / f"{index}.png").write_bytes(content)
    line = [sys.executable, "-m", "pellucid", "denoise", "in", "-o", "out", "--workers", "2", "-m", str(trained[0])]
    process = subprocess.Popen(line, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    end = time.monotonic() + 120
    while time.monotonic() < end and not (tmp_path / "out").exists():
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors.splitlines()[-1], "Traceback" in errors) == (130, "pellucid: interrupted", False)
    written = names(tmp_path / "out")
    assert 0 < len(written) < 1500
    assert all(name.endswith(".png") and not name.startswith(".") for name in written)
    while any_left(process.pid) and time.monotonic() < end:  # Python's own tracker of processes goes last
        time.sleep(0.05)
    assert not any_left(process.pid)


def test_a_stream_says_what_a_model_does_with_other_channels(
    trained: Trained, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "SIDES", (32,))
    tifffile.imwrite(tmp_path / "a.tif", RNG.integers(0, 255, (60, 70, 3), dtype=np.uint8), photometric="rgb")
    done = command("denoise", "a.tif", "--memory", "10GB", "-m", trained[0])
    assert done.returncode == 0
    assert "note: a gray model took a colour image channel by channel" in done.stderr


def test_files_follow_each_other_within_a_bound_on_memory(
    trained: Trained, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one file took counts in the peak of the process, and must not stand against the next."""
    monkeypatch.setattr(memory, "SIDES", (32, 64))
    base, taken = 10**8, iter([10**8, 1.5 * 10**8, 1.6 * 10**8])
    peaks = [base]

    def peak() -> int:
        peaks.append(int(next(taken, 4 * 10**8)))
        return peaks[-1]

    monkeypatch.setattr(memory, "peak", peak)
    for name in ("a.tif", "b.tif", "c.tif"):
        tifffile.imwrite(tmp_path / name, RNG.integers(0, 255, (300, 500), dtype=np.uint8))
    done = command("denoise", "a.tif", "b.tif", "c.tif", "-o", "out", "--memory", "200MB", "-m", trained[0])
    assert done.returncode == 0, done.stderr
    assert "3 of 3 images denoised" in done.stdout


WRONG = [
    (("--workers", "-1"), "--workers"),
    (("--workers", "2", "--memory", "1GB"), "--workers, --memory"),
    (("--max-pixels", "nan"), "--max-pixels"),
    (("--max-pixels", "inf"), "--max-pixels"),
    (("--max-pixels", "-5"), "--max-pixels"),
    (("--max-pixels", "0"), "--max-pixels"),
    (("--memory", "0"), "--memory"),
    (("--memory", "0.4B"), "--memory"),
    (("--memory", "much"), "--memory"),
    (("--memory", "9" * 400), "--memory"),
    (("--memory", "5 apples"), "--memory"),
    (("--range", "low-high"), "--range"),
    (("--range", "nan-3"), "--range"),
    (("--range", "0-inf"), "--range"),
    (("-o", "a.png"), "--output"),
    (("b.png", "-o", "-"), "--output"),
    (("-",), "standard input"),
]


@pytest.mark.parametrize(("options", "named"), WRONG, ids=[" ".join(options)[:30] for options, _ in WRONG])
def test_options_that_cannot_be_are_refused_in_a_sentence(
    options: tuple[str, ...], named: str, trained: Trained, command: Command, tmp_path: Path
) -> None:
    write_some(tmp_path, 1, {})
    (tmp_path / "000.png").rename(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    done = command("denoise", "a.png", *options, "-m", trained[0])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pellucid: ")
    assert done.stderr.count("\n") == 1
    assert named in done.stderr
    assert names(tmp_path) == ["a.png", "b.png"]


def test_a_folder_that_a_pattern_matches_is_searched(trained: Trained, command: Command, tmp_path: Path) -> None:
    write_some(tmp_path / "scans" / "one", 2, {})
    write_some(tmp_path / "scans" / "one" / "deep", 1, {})
    (tmp_path / "scans" / "empty").mkdir()
    done = command("denoise", "scans/*", "-o", "flat", "-m", trained[0])
    assert (done.returncode, names(tmp_path / "flat")) == (0, ["000.png", "001.png"]), done.stderr
    done = command("denoise", "scans/*", "-r", "-o", "deep", "-m", trained[0])
    assert (done.returncode, names(tmp_path / "deep")) == (0, ["000.png", "001.png", "deep"]), done.stderr
    done = command("denoise", "scans/e*", "-m", trained[0])
    assert (done.returncode, "no images in the folders that match" in done.stderr) == (2, True)


def test_a_file_goes_to_standard_output(trained: Trained, tmp_path: Path) -> None:
    write_some(tmp_path, 1, {})
    line = [sys.executable, "-m", "pellucid", "denoise", "000.png", "-o", "-", "-m", str(trained[0])]
    done = subprocess.run(line, capture_output=True, check=True, cwd=tmp_path)
    (tmp_path / "out.png").write_bytes(done.stdout)
    assert np.array_equal(read_image(tmp_path / "out.png"), Denoiser(trained[0])(read_image(tmp_path / "000.png")))
