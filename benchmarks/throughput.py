"""How fast the networks train: `python benchmarks/throughput.py`.

For every network, in turn within one run: images per second of plain Keras' `fit` and of pellucid's training, on the
same images and cores; pellucid's step with and without its data preparation; and what share of this machine's
matrix-multiply peak, measured between the rounds, the convolutions of its training reach.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from pellucid.common.randomness import Stream
from pellucid.datasets import load
from pellucid.networks.graph import multiply_adds
from pellucid.networks.registry import NETWORKS, build
from pellucid.noise.corruptions import parse
from pellucid.training.batches import Batches, Patches
from pellucid.training.folding import folded
from pellucid.training.prefetch import prefetch

BATCH = 128
SIZE = 4096  # of the square matrices


def peak() -> float:
    """Return multiply-adds per second of a float32 matrix product."""
    square = np.random.default_rng(0).random((SIZE, SIZE), dtype=np.float32)
    tensor = keras.ops.convert_to_tensor(square)
    np.asarray(keras.ops.matmul(tensor, tensor))
    begin = time.perf_counter()
    np.asarray(keras.ops.matmul(tensor, tensor))
    return float(SIZE**3 / (time.perf_counter() - begin))


def compiled(model: keras.Model) -> keras.Model:
    """Return the model, ready to train as the tutorial does it."""
    model.compile("adam", "binary_crossentropy", jit_compile=keras.backend.backend() == "jax")
    return model


class Contest:
    """One network in three ways of training: each returns its images per second over some steps."""

    def __init__(self, name: str, steps: int, batches: Batches, noisy: np.ndarray, clean: np.ndarray) -> None:
        self.stock, self.fast = compiled(build(name)), compiled(folded(build(name)))
        self._steps, self._batches = steps, batches
        self._noisy, self._clean = noisy[: steps * BATCH], clean[: steps * BATCH]

    def fit(self) -> float:
        """Plain Keras, noise drawn beforehand, shuffled."""
        begin = time.perf_counter()
        self.stock.fit(self._noisy, self._clean, batch_size=BATCH, shuffle=True, verbose=0)
        return len(self._noisy) / (time.perf_counter() - begin)

    def pellucid(self) -> float:
        """Pellucid's steps on batches as they are prepared."""
        begin, seen = time.perf_counter(), 0
        for noisy, clean in prefetch(lambda: self._batches.epoch(0)):
            self.fast.train_on_batch(noisy, clean)
            seen += len(noisy)
            if seen >= len(self._noisy):
                break
        return seen / (time.perf_counter() - begin)

    def prepared(self) -> float:
        """Pellucid's steps on one batch that is there already."""
        begin = time.perf_counter()
        for _ in range(self._steps):
            self.fast.train_on_batch(self._noisy[:BATCH], self._clean[:BATCH])
        return self._steps * BATCH / (time.perf_counter() - begin)


def main() -> None:
    """Run all in turn and print a line per network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=40, help="per round")
    parser.add_argument("--data", default="mnist", help="a data set of small images")
    denoisers = [name for name, network in NETWORKS.items() if network.denoises]
    parser.add_argument("networks", nargs="*", default=denoisers)
    given = parser.parse_args()
    images = load(given.data).train
    batches = Batches(
        Patches(images, 64, 4, 0, Stream.TRAIN), parse("gaussian:0.5"), BATCH, 0, Stream.TRAIN, fresh=True, shuffle=True
    )
    pairs = [pair for pair, _ in zip(batches.epoch(0), range(given.steps), strict=False)]
    noisy, clean = (np.concatenate(part) for part in zip(*pairs, strict=True))
    pixels = noisy.shape[1] * noisy.shape[2]
    print("network           fit  pellucid  ratio               without data preparation  share of peak")
    for name in given.networks:
        contest = Contest(name, given.steps, batches, noisy, clean)
        ways: tuple[Callable[[], float], ...] = (contest.fit, contest.pellucid, contest.prepared)
        for way in ways:
            way()
        rounds = [(*(way() for way in ways), peak()) for _ in range(given.rounds)]
        stock, mine, ready, product = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratios = [one[1] / one[0] for one in rounds]
        lost = statistics.median(one[1] / one[2] for one in rounds)
        # A step's gradients cost twice its forward pass.
        work = 3 * multiply_adds(contest.stock) * pixels
        share = statistics.median(one[1] * work / one[3] for one in rounds)
        gflops = 2 * product / 1e9
        print(
            f"{name:12s} {stock:8,.0f} {mine:9,.0f}  {statistics.median(ratios):.2f} ({min(ratios):.2f} to "
            f"{max(ratios):.2f})  {ready:8,.0f} ({lost:.2f})            {share:.0%} of {gflops:,.0f} GFLOP/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
