"""What the tests share: the command, small data, one small trained run, and the real images where they are."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from pellucid.cli import main
from pellucid.datasets import NAMED, Split, load
from pellucid.datasets.split import assemble
from pellucid.datasets.strokes import draw_digits
from stopped import SIZES, interrupted

REAL = Path(os.environ.get("PELLUCID_DATA") or Path(__file__).parents[2] / "shared" / "datasets")

Command = Callable[..., subprocess.CompletedProcess[str]]


def pytest_configure() -> None:
    """Let signals reach what is tested: background jobs, and those of nohup, hand on that they ignore some."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real images; without it such tests are skipped, or fail if PELLUCID_REQUIRE_REAL is set."""
    if not (REAL / "mnist").is_dir():
        (pytest.fail if os.environ.get("PELLUCID_REQUIRE_REAL") else pytest.skip)(f"no real images in {REAL}")
    return REAL.resolve()


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Look for data in an empty cache, and let every connection fail at once."""
    empty = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("PELLUCID_DATA", str(empty))
    monkeypatch.setenv("KERAS_HOME", str(empty / "keras"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")


def run_command(*arguments: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `pellucid` as a user would, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pellucid", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=280,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """The command, run in an empty folder and in this process: Keras takes seconds to import."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        code = main([str(argument) for argument in arguments])
        said, errors = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, code, said, errors)

    return run


@pytest.fixture
def few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the named data sets 40 validation and 300 test images, the first ones: to judge all takes a minute.

    `strokes` repeats 700 digits in place of drawing 70,000, which takes ten seconds.
    """

    def fewer(*arguments: object, **options: object) -> Split:
        split = load(*arguments, **options)  # type: ignore[arg-type]
        if split.name not in NAMED:
            return split
        validation, test = split.validation.subset(np.arange(40)), split.test.subset(np.arange(300))
        return assemble(split.name, split.train, validation, test, split.training_part, split.place)

    images, labels = draw_digits(700)
    strokes = np.tile(images, (100, 1, 1)), np.tile(labels, 100)
    monkeypatch.setattr("pellucid.datasets.catalogue._strokes", lambda: strokes)
    for module in ("pellucid.datasets", "pellucid.runs.train"):
        monkeypatch.setattr(import_module(module), "load", fewer)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An .npz of 1,200 training and 60 test digits."""

    def make(folder: Path) -> None:
        images, _ = draw_digits(1260, seed=7)
        np.savez(folder / "digits.npz", x_train=images[:1200], x_test=images[1200:])

    return made_once("digits", tmp_path_factory, make) / "digits.npz"


def made_once(name: str, factory: pytest.TempPathFactory, make: Callable[[Path], None]) -> Path:
    """Return a folder that the first test process to need it makes, for all processes of this test run."""
    parallel = "PYTEST_XDIST_WORKER" in os.environ
    folder = (factory.getbasetemp().parent if parallel else factory.getbasetemp()) / f"once-{name}"
    with FileLock(f"{folder}.lock"):
        if not (folder / "made").exists():
            folder.mkdir()
            make(folder)
            (folder / "made").touch()
    return folder


@pytest.fixture(scope="session")
def trained(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a small training, run by the command, and what it printed."""

    def make(folder: Path) -> None:
        sizes = ("--epochs", 4, "--batch-size", 32, "--learning-rate", 0.01)
        done = run_command("train", digits, *sizes, "--out", "runs/small", cwd=folder)
        assert done.returncode == 0, done.stderr
        (folder / "said").write_text(done.stdout)

    folder = made_once("trained", tmp_path_factory, make)
    return folder / "runs" / "small", (folder / "said").read_text()


@pytest.fixture
def photo() -> np.ndarray:
    """A smooth colour test image, uint8 (45, 70, 3), of a size off every grid."""
    y, x = np.mgrid[0:45, 0:70] / 70
    return (np.stack([x, y, 0.5 + 0.4 * np.sin(9 * x * y)], axis=2) * 255).astype(np.uint8)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Path:
    """A data set with few images: 403 to train, 37 to validate and 8 to test."""

    def make(folder: Path) -> None:
        with np.load(digits) as arrays:
            np.savez(folder / "small.npz", x_train=arrays["x_train"][:440], x_test=arrays["x_test"][:8])

    return made_once("small", tmp_path_factory, make) / "small.npz"


@pytest.fixture(scope="session")
def whole(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped, by a process of its own, as the others are."""

    def make(folder: Path) -> None:
        done = run_command("train", small, *SIZES, "--out", "run", cwd=folder)
        assert done.returncode == 0, done.stderr

    return made_once("whole", tmp_path_factory, make) / "run"


@pytest.fixture
def stopped(small: Path, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """The run `whole` as Ctrl-C after its second epoch left it: a copy of its own for each test."""

    def make(folder: Path) -> None:
        interrupted(small, folder / "run", checkpoint_every=0)

    folder = made_once("stopped", tmp_path_factory, make)
    return shutil.copytree(folder / "run", tmp_path / "run")
