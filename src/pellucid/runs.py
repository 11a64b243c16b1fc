"""The run folder: what a person wants to find a month later, every file written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pellucid.datasets import Split
from pellucid.errors import PellucidError
from pellucid.evaluation import Scored
from pellucid.files import write_text
from pellucid.training.config import Config


def write_scores(path: Path, scores: Sequence[Scored], noise: str, split: Split) -> None:
    """Write mean scores as JSON (see `plain`)."""
    write_text(path, json.dumps(plain(scores, noise, split), indent=2) + "\n")


def plain(scores: Sequence[Scored], noise: str, split: Split) -> dict[str, Any]:
    """Return mean scores as JSON has them: a value that is not finite becomes None."""
    rows = [
        {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in scored.row().items()
        }
        for scored in scores
    ]
    return {"data": split.about, "noise": noise, "scores": rows}


def write_history(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Write one row per epoch as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_text(path, text.getvalue())


def new_folder(out: str | os.PathLike[str] | None, config: Config) -> Path:
    """Make the run folder; lead `runs/latest` to it."""
    if out is None:
        words = f"{Path(config.data).stem}-{config.model}-{config.noise}"
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        folder = Path("runs") / f"{re.sub(r'[^A-Za-z0-9.]+', '-', words)}-{stamp}"
    else:
        folder = Path(out)
    if (folder / "config.json").exists():
        raise PellucidError(f"{folder} already holds a run. Choose another --out, or delete it.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        latest = folder.parent / "latest"
        if latest.is_symlink() or not latest.exists():
            fresh = folder.parent / f".latest-{os.getpid()}"
            fresh.symlink_to(folder.name)
            fresh.replace(latest)
    except OSError as error:
        raise PellucidError(f"cannot make the run folder {folder}: {error.strerror}. Choose another --out.") from error
    return folder
