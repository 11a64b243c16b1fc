"""A table of trained runs: `python benchmarks/networks.py RUN...`, where a RUN is a folder of `pellucid train mnist`.

Parameters and multiply-adds per pixel come from the network, the scores from the run's test part. The rate of use is
measured here, all runs in turn: 512 images of 28x28 at a time and one of 512x512, in ONNX Runtime on all cores. How
fast the networks train, `benchmarks/throughput.py` tells.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np

from pellucid.inference.denoiser import Denoiser
from pellucid.networks.graph import multiply_adds
from pellucid.networks.registry import build

SHAPES = ((512, 28, 28, 1), (1, 512, 512, 1))


def rate(denoiser: Denoiser, shape: tuple[int, ...]) -> float:
    """Return images per second."""
    images = np.random.default_rng(0).random(shape, dtype=np.float32)
    begin = time.perf_counter()
    denoiser.batch(images)
    return shape[0] / (time.perf_counter() - begin)


def main() -> None:
    """Read the runs, time them in turn, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    denoisers = [Denoiser(run) for run in given.runs]
    rates: list[list[tuple[float, ...]]] = [[] for _ in denoisers]
    for _ in range(given.rounds + 1):
        for denoiser, part in zip(denoisers, rates, strict=True):
            part.append(tuple(rate(denoiser, shape) for shape in SHAPES))
    print(
        "| network | epochs | parameters | multiply-adds per pixel | BCE | PSNR | SSIM "
        "| use, 28x28/s | use, 512x512/s |\n|---|---|---|---|---|---|---|---|---|"
    )
    for run, part in zip(given.runs, rates, strict=True):
        config = json.loads((run / "config.json").read_text())
        score = json.loads((run / "scores.json").read_text())["scores"][1]
        epochs = len((run / "history.csv").read_text().splitlines()) - 1
        model = build(config["network"])
        small, large = (statistics.median(column) for column in zip(*part[1:], strict=True))  # the first warms up
        print(
            f"| `{config['network']}` | {epochs} | {model.count_params():,} | {multiply_adds(model):,.0f} "
            f"| {score['bce']:.4f} | {score['psnr']:.2f} | {score['ssim']:.3f} "
            f"| {small:,.0f} | {large:.1f} |"
        )


if __name__ == "__main__":
    main()
