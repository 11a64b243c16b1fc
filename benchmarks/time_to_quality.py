"""The time to the tutorial's quality: the tutorial's script against pellucid's recipe, in turn within one run.

`python benchmarks/time_to_quality.py` trains a few epochs of the tutorial (`benchmarks/tutorial.py`, Keras on
TensorFlow), then pellucid's default recipe, then the tutorial again, on the same cores. The goal is the tutorial's
validation loss after 100 epochs, 0.0932, which it takes on the noisy test images; its time is 100 times its median
epoch. pellucid is measured on the same images after every epoch (`--validate-on test`, by which nothing is chosen):
its time is that of all epochs, validation included, up to the first one whose loss is at or below the goal.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

GOAL, EPOCHS = 0.0932, 100


def tutorial(epochs: int, folder: Path) -> list[float]:
    """Return the seconds of some epochs of the tutorial's script, without the first, which compiles."""
    script = Path(__file__).with_name("tutorial.py")
    subprocess.run(
        [sys.executable, script, "--epochs", str(epochs + 1), "--out", folder / "curve.csv"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with (folder / "curve.csv").open() as file:
        return [float(row["seconds"]) for row in csv.DictReader(file)][1:]


def pellucid(options: list[str], folder: Path) -> tuple[list[float], list[float]]:
    """Train with pellucid; return the seconds since the start and the test BCE after every epoch."""
    run = folder / "run"
    command = [sys.executable, "-m", "pellucid", "train", "mnist", "--validate-on", "test", "--out", run]
    subprocess.run([*command, *options], check=True, stderr=subprocess.DEVNULL)
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    seconds = itertools.accumulate(float(row["seconds"]) + float(row["validation_seconds"]) for row in rows)
    return list(seconds), [float(row["validation_loss"]) for row in rows]


def main() -> None:
    """Run both in turn and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tutorial-epochs", type=int, default=3, help="measured before and again after pellucid's run")
    parser.add_argument("options", nargs="*", help="for pellucid train, after --")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        epochs = tutorial(given.tutorial_epochs, folder)
        seconds, losses = pellucid(given.options, folder)
        epochs += tutorial(given.tutorial_epochs, folder)
    median = statistics.median(epochs)
    whole = EPOCHS * median
    print(f"tutorial: {median:.1f} s an epoch ({min(epochs):.1f} to {max(epochs):.1f}), {whole:,.0f} s for {EPOCHS}")
    for epoch, (now, loss) in enumerate(zip(seconds, losses, strict=True), 1):
        reached = f": at the goal of {GOAL}, {whole / now:.1f} times as fast" if loss <= GOAL else ""
        print(f"pellucid, epoch {epoch}: {now:.0f} s, test BCE {loss:.4f}{reached}")


if __name__ == "__main__":
    main()
