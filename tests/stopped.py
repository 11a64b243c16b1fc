"""Trainings that are stopped, and what must be the same in the end, for any test."""

from __future__ import annotations

import csv
import json
import signal
from pathlib import Path

from pellucid.runs.train import train

SETTINGS = {
    "network": "swift:widths=8/16,depth=1",
    "epochs": 3,
    "batch_size": 16,
    "limit": 384,
    "learning_rate": 0.01,
}
"""Of a training that takes little but has all that a resumed one must get right: normalisation, both optimizers."""

SIZES = (*(f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()), "--checkpoint-every=0")
"""The same as options of the command."""


def results(run: Path) -> tuple[str, list[dict[str, str]], str]:
    """The weights' checksum, the history without its times, and the scores."""
    history = list(csv.DictReader((run / "history.csv").read_text().splitlines()))
    kept = [{name: row[name] for name in ("epoch", "loss", "validation_loss", "learning_rate")} for row in history]
    weights = json.loads((run / "run.json").read_text())["weights"]
    assert len(weights) == 64
    return weights, kept, (run / "scores.json").read_text()


def interrupted(data: Path, out: Path, behind: str = "epoch 2/", **changes: object) -> list[str]:
    """Train in this process and press Ctrl-C at a line of what is said."""
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if line.startswith(behind):
            signal.raise_signal(signal.SIGINT)

    run = train(data, out=out, say=say, **{**SETTINGS, **changes})
    assert run.interrupted
    return said
