"""The run folder: what a person wants to find a month later, every file written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pellucid.common import PellucidError, sweep, write_text
from pellucid.datasets import Split
from pellucid.evaluation import Scored
from pellucid.evaluation.scores import plain
from pellucid.training import Config

CONFIG = "config.json"
"""The name of a run's config."""


def write_scores(path: Path, scores: Sequence[Scored], noise: str, split: Split) -> None:
    """Write mean scores as JSON (see `plain`)."""
    write_text(path, json.dumps(plain(scores, noise, split), indent=2) + "\n")


def write_history(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Write one row per epoch as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_text(path, text.getvalue())


def new_folder(out: str | os.PathLike[str] | None, config: Config) -> Path:
    """Return the folder of a new run, which is made with its parents; None names one in `runs`."""
    if out is None:
        words = f"{Path(config.data).stem}-{config.model}-{config.noise}"
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        folder = Path("runs") / f"{re.sub(r'[^A-Za-z0-9.]+', '-', words)}-{stamp}"
    else:
        folder = Path(out)
    _refuse_run(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PellucidError(f"cannot make the run folder {folder}: {error.strerror}. Choose another --out.") from error
    return folder


def _refuse_run(folder: Path) -> None:
    if (folder / CONFIG).exists():
        raise PellucidError(
            f"{folder} already holds a run. Choose another --out, or continue it: pellucid train --resume {folder}"
        )


@contextmanager
def claimed(folder: Path, *, new: bool = False) -> Iterator[None]:
    """Keep a run folder to this process; the claim dies with it. What killed processes left half written is deleted.

    Parameters
    ----------
    folder : the folder, which exists
    new : whether a run begins in it; `latest` beside it is led to it

    Raises
    ------
    PellucidError
        If another process has claimed it, nothing can be written there, or a new run would meet an old one.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise PellucidError(f"another process is training in {folder}. Wait for it, or choose another --out.") from None
    except OSError as error:
        raise PellucidError(f"cannot write to {folder}: {error.strerror}. Choose another --out.") from error
    try:
        if new:
            _refuse_run(folder)
            _lead_to(folder)
        sweep(folder)
        yield
    finally:
        lock.release()


def _lead_to(folder: Path) -> None:
    """Lead `latest`, beside the folder, to it."""
    latest = folder.parent / "latest"
    if latest.is_symlink() or not latest.exists():
        fresh = folder.parent / f".latest-{os.getpid()}"
        fresh.symlink_to(folder.name)
        fresh.replace(latest)
