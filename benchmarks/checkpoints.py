"""What checkpoints cost: `python benchmarks/checkpoints.py` (no data is needed).

Trains networks for some epochs on drawn digits and adds up, within the same run, the time spent on writing
checkpoints (copying the arrays, their checksum, the file, and waiting for the disk), beside that of the training
itself. So one number does not depend on how fast the machine was during another.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import pellucid
from pellucid.training import Checkpoints, Learner


def main() -> None:
    """Train, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=float, nargs="+", default=[60, 5, 1], help="seconds between checkpoints")
    parser.add_argument("--networks", nargs="+", default=["swift", "swift:widths=48/96,depth=3"])
    parser.add_argument("--limit", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    save = Learner.save
    spent: list[float] = []

    def timed(learner: Learner, checkpoints: Checkpoints, **how: Any) -> None:
        begin = time.perf_counter()
        save(learner, checkpoints, **how)
        spent.append(time.perf_counter() - begin)

    Learner.save = timed  # type: ignore[method-assign]
    print("| network | seconds between | checkpoints | a checkpoint, ms | training, s | share |")
    print("|---" * 6 + "|")
    for network in given.networks:
        for every in given.every:
            spent.clear()
            with tempfile.TemporaryDirectory() as name:
                run = pellucid.train(
                    "strokes",
                    network=network,
                    limit=given.limit,
                    epochs=given.epochs,
                    checkpoint_every=every,
                    out=Path(name) / "run",
                )
            whole = sum(epoch.seconds + epoch.validation_seconds for epoch in run.history)
            mean = 1000 * sum(spent) / len(spent)
            share = sum(spent) / whole
            print(f"| `{network}` | {every:g} | {len(spent)} | {mean:.1f} | {whole:.0f} | {share:.2%} |", flush=True)


if __name__ == "__main__":
    main()
