"""What each choice of the default recipe is worth: `python benchmarks/choices.py`.

Trains the default recipe on 20,000 images of MNIST for 3 epochs, then again with one thing changed at a time, and
prints the validation loss and the seconds of training. The test images are not looked at.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
from pathlib import Path

CHANGES = (
    "",
    "--no-fresh-noise",
    "--optimizer adam --learning-rate 1e-2",
    "--optimizer adam --learning-rate 3e-3",
    "--schedule constant --learning-rate 3e-3",
    "--learning-rate 1e-2",
    "--learning-rate 6e-2",
    "--batch-size 64",
    "--loss mse",
    "--network swift:widths=48/96",
    "--network swift:depth=3",
)


def main() -> None:
    """Train all, one by one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    given = parser.parse_args()
    print("| change | validation loss | training, s |\n|---|---|---|")
    for change in CHANGES:
        losses, seconds = [], []
        for seed in given.seeds:
            with tempfile.TemporaryDirectory() as name:
                run = Path(name) / "run"
                command = [sys.executable, "-m", "pellucid", "train", given.data, "--out", run, *change.split()]
                sizes = {"--limit": given.images, "--epochs": given.epochs, "--seed": seed}
                for option, value in sizes.items():
                    command += [option, str(value)]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                with (run / "history.csv").open() as file:
                    rows = list(csv.DictReader(file))
            losses.append(float(rows[-1]["validation_loss"]))
            seconds.append(sum(float(row["seconds"]) for row in rows))
        found = ", ".join(f"{loss:.4g}" for loss in losses)
        print(f"| {f'`{change}`' if change else 'none'} | {found} | {min(seconds):.0f} |", flush=True)


if __name__ == "__main__":
    main()
