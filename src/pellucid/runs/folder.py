"""The run folder: what a person wants to find a month later, every file written whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pellucid.common import PellucidError, sweep, write_text
from pellucid.modelfile import MODEL_NAME
from pellucid.runs.record import Record, now
from pellucid.training import Checkpoints, Config, Epoch, recipe

CONFIG = "config.json"
RUNS = Path("runs")
"""Where runs are made unless another place is given; `latest` in it is a link to the newest run."""


class RunFolder:
    """The folder of one run. While it is open, no other process can write to it.

    Attributes
    ----------
    path : the folder
    config : all that the run depends on
    record : where it came from and how far it got
    """

    def __init__(self, path: Path, config: Config, record: Record) -> None:
        self.path, self.config, self.record = path, config, record

    @classmethod
    @contextmanager
    def begin(cls, out: str | os.PathLike[str] | None, config: Config, record: Record) -> Iterator[RunFolder]:
        """Make the folder of a new run, with its parents; None names one in `RUNS`.

        Raises
        ------
        PellucidError
            If it already holds a run, cannot be written to, or another process has it open.
        """
        path = _name(config) if out is None else Path(out)
        refuse_run(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PellucidError(
                f"cannot make the run folder {path}: {error.strerror}. Choose another.", argument="out"
            ) from error
        with _locked(path):
            refuse_run(path)
            folder = cls(path, config, record)
            folder.save_record()
            config.save(path / CONFIG)  # from here on, there is a run
            _link_latest(path)
            yield folder

    @classmethod
    @contextmanager
    def reopen(cls, path: Path) -> Iterator[RunFolder]:
        """Open the folder of a run that has begun.

        Raises
        ------
        PellucidError
            If there is none, its config or record cannot be understood, or another process has it open.
        """
        if not (path / CONFIG).is_file():
            raise PellucidError(f"{path} holds no run to continue. Name the folder of one.", argument="resume")
        with _locked(path):
            yield cls(path, recipe(str(path / CONFIG)), Record.read(path))

    def inner(self, name: str, config: Config) -> RunFolder:
        """Return a folder in this one for a part of the run, made if need be, under the same lock and record."""
        path = self.path / name
        path.mkdir(exist_ok=True)
        config.save(path / CONFIG)
        return RunFolder(path, config, self.record)

    @property
    def model(self) -> Path:
        """The model file."""
        return self.path / MODEL_NAME

    @property
    def weights(self) -> Path:
        """The Keras model."""
        return self.path / "model.keras"

    @property
    def checkpoints_path(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / "checkpoints"

    def checkpoints(self, every: float) -> Checkpoints:
        """Return the run's checkpoints, one every so many seconds; each says of which config, data and versions."""
        config, record = dataclasses.asdict(self.config), self.record
        about = {"config": config, "data": record.data, "versions": record.versions}
        return Checkpoints(self.checkpoints_path, about, every)

    def save_record(self) -> None:
        """Write the record."""
        self.record.save(self.path)

    def write_history(self, history: Sequence[Epoch]) -> None:
        """Write one row per epoch as CSV."""
        text = io.StringIO()
        rows = [epoch.row() for epoch in history]
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path / "history.csv", text.getvalue())

    def finish(self, weights: str) -> None:
        """Note that the run is finished, with the sha256 of its weights."""
        self.record.ended, self.record.weights = now(), weights
        self.save_record()


def _name(config: Config) -> Path:
    words = f"{Path(config.data or config.noisy).stem}-{config.network}-{config.noise}"
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return RUNS / f"{re.sub(r'[^A-Za-z0-9.]+', '-', words)}-{stamp}"


def refuse_run(path: Path) -> None:
    """Raise PellucidError if a folder holds a run already."""
    if (path / CONFIG).exists():
        raise PellucidError(f"{path} already holds a run. Choose another folder, or resume that run.", argument="out")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lock a folder; the lock dies with the process. What killed processes left half written is deleted."""
    from filelock import FileLock, Timeout

    lock = FileLock(path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise PellucidError(
            f"another process is training in {path}. Wait for it, or choose another folder.", argument="out"
        ) from None
    except OSError as error:
        raise PellucidError(
            f"cannot write to {path}: {error.strerror}. Choose another folder.", argument="out"
        ) from error
    try:
        sweep(path)
        yield
    finally:
        lock.release()


def _link_latest(path: Path) -> None:
    """Make `latest` in `RUNS` a link to the run, wherever the run is; without that folder there is nothing to link.

    Where no links can be made, as for most users of Windows, there is none.
    """
    if not RUNS.is_dir():
        return
    latest, fresh = RUNS / "latest", RUNS / f".latest-{os.getpid()}"
    if latest.exists() and not latest.is_symlink():
        return
    with contextlib.suppress(OSError, NotImplementedError):
        fresh.symlink_to(os.path.relpath(path.resolve(), RUNS.resolve()), target_is_directory=True)
        fresh.replace(latest)
