"""The engines side by side: `python benchmarks/engines.py [--threads N]`.

Untrained networks (their speed is that of trained ones) run by every engine, in turn, in one process. Prints images per
second as medians, the ratio to ONNX Runtime round by round, and the time to open a model and run a first image.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from pellucid.inference.denoiser import Denoiser
from pellucid.modelfile.card import Card
from pellucid.modelfile.engines import ENGINES
from pellucid.modelfile.export import to_onnx
from pellucid.modelfile.file import write
from pellucid.networks.graph import receptive_field
from pellucid.networks.registry import NETWORKS, build

CASES = ((128, 28), (1, 28), (1, 512))


def model_file(name: str, folder: Path) -> Path:
    """Write an untrained network."""
    model, grid = build(name), NETWORKS[name].multiple_of
    card = Card(name, 1, grid, receptive_field(model, grid), "gaussian:0.5", "nothing", "2026-01-01T00:00:00+00:00")
    path = folder / f"{name}.onnx"
    write(path, to_onnx(model, 1), card)
    return path


def rate(denoiser: Denoiser, images: np.ndarray, seconds: float = 0.5) -> float:
    """Return images per second over about `seconds`."""
    denoiser.batch(images)
    count, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        denoiser.batch(images)
        count += len(images)
    return count / (time.perf_counter() - begin)


def first_image(path: Path, engine: str) -> float:
    """Return the seconds to open a model and run one image of 28x28."""
    begin = time.perf_counter()
    Denoiser(path, engine=engine).batch(np.zeros((1, 28, 28, 1), np.float32))
    return time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in (name for name, network in NETWORKS.items() if network.denoises):
            path = model_file(name, Path(folder))
            opened = {engine: Denoiser(path, options.threads, engine) for engine in ENGINES}
            for count, side in CASES:
                images = np.random.default_rng(0).random((count, side, side, 1), dtype=np.float32)
                rounds = [{engine: rate(one, images) for engine, one in opened.items()} for _ in range(options.rounds)]
                line = []
                for engine in ENGINES:
                    ratio = statistics.median(found[engine] / found["onnxruntime"] for found in rounds)
                    line.append(f"{engine} {statistics.median(found[engine] for found in rounds):,.1f} ({ratio:.2f})")
                print(f"{name}, {count} of {side}x{side}, {options.threads} threads, images/s: {', '.join(line)}")
            starts = {engine: statistics.median(first_image(path, engine) for _ in range(5)) for engine in ENGINES}
            print(f"{name}, opened and a first image: " + ", ".join(f"{one} {s:.3f} s" for one, s in starts.items()))


if __name__ == "__main__":
    main()
