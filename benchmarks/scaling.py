"""Where the curve bends: `python benchmarks/scaling.py --out runs/scaling`.

Trains the default recipe on MNIST, then with 2 and 10 times the epochs and with 2 and 10 times the parameters, and
prints what each brings on the test images. Trainings that stand in the folder already are not done again, and one that
was stopped goes on, so that the hour this takes may be cut into pieces.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

from pellucid.networks.registry import build
from pellucid.training.config import Config

CHANGES = {
    "the default recipe": "",
    "2 times the epochs": "--epochs 6",
    "2 times the parameters": "--network swift:widths=45/91",
    "10 times the parameters": "--network swift:widths=102/203",
    "10 times the epochs": "--epochs 30",
}


def train(run: Path, options: list[str]) -> None:
    """Train into the folder `run`, or continue the training that was begun there."""
    command = [sys.executable, "-m", "pellucid", "train"]
    if not (run / "scores.json").exists():
        begun = (run / "config.json").exists()
        rest = ["--resume", str(run)] if begun else ["mnist", *options, "--patience", "0", "--out", str(run)]
        subprocess.run([*command, *rest], check=True, stdout=sys.stderr)


def main() -> None:
    """Train all, one by one, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs, kept")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print("| | parameters | epochs | training, s | BCE | PSNR, dB | SSIM |\n|---|---|---|---|---|---|---|")
    for name, options in CHANGES.items():
        run = given.out / name.replace(" ", "-")
        train(run, [*options.split(), "--seed", str(given.seed)])
        config = Config.from_json((run / "config.json").read_text())
        score = json.loads((run / "scores.json").read_text())["scores"][1]
        with (run / "history.csv").open() as file:
            seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
        print(
            f"| {name} | {build(config.network).count_params():,} | {len(seconds)} | {sum(seconds):.0f} "
            f"| {score['bce']:.4f} | {score['psnr']:.2f} | {score['ssim']:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
