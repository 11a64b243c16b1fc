"""The time to the tutorial's quality: the tutorial's script against pellucid's recipe, in turn within one run.

`python benchmarks/time_to_quality.py` trains a few epochs of the tutorial (`benchmarks/tutorial.py`, Keras on
TensorFlow), then pellucid's default recipe, then the tutorial again, on the same cores. The tutorial's validation loss
after 100 epochs, 0.0932, is the goal; its time is 100 times its median epoch. pellucid's time is that of its whole
training, validation included; whether the goal is reached is judged by the test set at its end.
"""

from __future__ import annotations

import argparse
import csv
import json
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


def pellucid(options: list[str], folder: Path) -> tuple[float, float]:
    """Train with pellucid; return the seconds of its epochs, validation included, and the test BCE."""
    run = folder / "run"
    subprocess.run(
        [sys.executable, "-m", "pellucid", "train", "mnist", "--out", run, *options],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    with (run / "history.csv").open() as file:
        seconds = sum(float(row["seconds"]) + float(row["validation_seconds"]) for row in csv.DictReader(file))
    scores = json.loads((run / "scores.json").read_text())["scores"]
    return seconds, scores[1]["bce"]


def main() -> None:
    """Run both in turn and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--tutorial-epochs", type=int, default=3, help="measured before and again behind pellucid's run"
    )
    parser.add_argument("options", nargs="*", help="for pellucid train, behind --")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        epochs = tutorial(given.tutorial_epochs, folder)
        seconds, bce = pellucid(given.options, folder)
        epochs += tutorial(given.tutorial_epochs, folder)
    whole = EPOCHS * statistics.median(epochs)
    median = statistics.median(epochs)
    print(f"tutorial: {median:.1f} s an epoch ({min(epochs):.1f} to {max(epochs):.1f}), {whole:,.0f} s for {EPOCHS}")
    print(f"pellucid: {seconds:.0f} s, test BCE {bce:.4f} (the tutorial's after {EPOCHS} epochs: {GOAL})")
    if bce <= GOAL:
        print(f"ratio of the times: {whole / seconds:.1f}")
    else:
        print("the goal was not reached: no ratio")


if __name__ == "__main__":
    main()
