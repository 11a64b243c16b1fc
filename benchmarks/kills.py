"""Trainings killed with SIGKILL at random moments, and continued: `python benchmarks/kills.py --kills 50`.

One run is never stopped. Then, for every kill, a training of the same config is started, killed at a moment drawn
uniformly from the time that the first took (start-up, steps, checkpoints, validation, export and judging included),
continued with `--resume`, and compared: the weights' sha256, every loss and learning rate of the history, and all
scores must be the same. Checkpoints are written at every step, so that many kills hit one half written.
"""

from __future__ import annotations

import argparse
import collections
import csv
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from pellucid.datasets.strokes import draw_digits

SETTINGS = (
    "--epochs",
    "3",
    "--batch-size",
    "32",
    "--limit",
    "960",
    "--learning-rate",
    "0.01",
    "--checkpoint-every",
    "0",
)


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start `pellucid train` in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "pellucid", "train", *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def results(run: Path) -> tuple[object, ...]:
    """What must be the same."""
    with (run / "history.csv").open() as file:
        rows = [(row["loss"], row["validation_loss"], row["learning_rate"]) for row in csv.DictReader(file)]
    return json.loads((run / "run.json").read_text())["weights"], rows, (run / "scores.json").read_text()


def stage(run: Path) -> str:
    """How far a killed run had come."""
    if not (run / "config.json").exists():
        return "before the run began"
    steps = sorted(path.name for path in run.glob("checkpoints/[0-9]*"))
    if not steps:
        return "before the first checkpoint" if not (run / "verdict.txt").exists() else "at its end"
    _, _, epoch, _, step = steps[-1].removesuffix(".safetensors").split("-")
    halves = [*run.glob(".*.????????.*"), *run.glob("checkpoints/.*")]
    if halves:
        return "while writing a file"
    return "while judging" if epoch == "4" else "between epochs" if step == "0" else "in an epoch"


def main() -> None:
    """Kill, continue, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    given = parser.parse_args()
    moments = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        digits, _ = draw_digits(1240, seed=7)
        np.savez(folder / "digits.npz", x_train=digits[:1200], x_test=digits[1200:])
        begin = time.monotonic()
        assert start(folder, "digits.npz", *SETTINGS, "--out", "whole").wait() == 0
        whole, expected = time.monotonic() - begin, results(folder / "whole")
        print(f"never stopped: {whole:.0f} s, weights {str(expected[0])[:16]}", flush=True)
        stages: collections.Counter[str] = collections.Counter()
        identical = 0
        kills = 0
        while kills < given.kills:
            run = folder / f"run-{sum(1 for _ in folder.glob('run-*'))}"
            arguments = ("digits.npz", *SETTINGS, "--out", run.name)
            process = start(folder, *arguments)
            try:
                process.wait(moments.uniform(0.25, 1.0) * whole)
            except subprocess.TimeoutExpired:
                process.kill()
            else:
                continue  # it had ended before; another moment is drawn
            process.wait()
            kills += 1
            found = stage(run)
            stages[found] += 1
            start(folder, *(("--resume", run.name) if (run / "config.json").exists() else arguments)).wait()
            same = results(run) == expected
            identical += same
            print(f"kill {kills}, {found}: {'identical' if same else 'DIFFERS'}", flush=True)
        for found, count in stages.most_common():
            print(f"{count:3d} {found}")
        print(f"{identical} of {given.kills} identical")
    sys.exit(identical != given.kills)


if __name__ == "__main__":
    main()
