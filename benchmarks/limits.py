"""Notes of `pellucid denoise` on images like those of training, and on foreign ones: `python benchmarks/limits.py`.

For each data set and noise, what is usual is recorded as training does it; no network is needed. Then images of the
test part are checked, with the noise of training, which should be silent, and in ways that are foreign. A cell is the
share of images with a note that says what is foreign; of images as trained, the share with any note. `--data` takes
names and folders. (`--part validation` is what margins were chosen on.) `--time MODEL` measures what a check costs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from pellucid.common.randomness import Stream, generator
from pellucid.datasets import Split, load
from pellucid.domain import check, describe
from pellucid.images.formats import write_image
from pellucid.inference.denoiser import Denoiser
from pellucid.inference.jobs import Job
from pellucid.inference.one_file import denoise_file
from pellucid.modelfile.card import Card
from pellucid.noise.corruptions import parse
from pellucid.training.batches import Batches, Patches

Array = NDArray[np.float32]


def card_of(split: Split, noise: str) -> Card:
    """Make a card as training does."""
    patches = Patches(split.train, 64, 4, 0, Stream.TRAIN)
    batches = Batches(patches, parse(noise), 64, 0, Stream.TRAIN, fresh=True, shuffle=True)
    statistics = describe((noisy for noisy, _ in batches.epoch(1)), noise)
    return Card("none", split.channels, 4, 0, noise, "", "", statistics=statistics)


def scaled(noise: str, factor: float) -> str:
    """Multiply the level of a noise beyond the end of its range: below its weakest, or above its strongest."""
    kind, _, strength = noise.partition(":")
    values = [float(value) for value in strength.removesuffix(":unclipped").split("-")]
    end = values[-1] if (factor > 1) != (kind == "poisson") else values[0]
    tail = ":unclipped" if strength.endswith(":unclipped") else ""
    return f"{kind}:{end / factor**2 if kind == 'poisson' else end * factor:g}{tail}"


def noisy(image: Array, index: int, noise: str) -> Array:
    """Add noise that depends on the index alone."""
    return np.asarray(parse(noise)(image[None], generator(1, Stream.TEST, 0, index))[0])


Make = Callable[[Array, int, str], NDArray[np.generic]]
ROWS: dict[str, tuple[Make, str]] = {
    "**as trained**": (noisy, ""),
    "half the noise": (lambda image, at, noise: noisy(image, at, scaled(noise, 0.5)), "weaker"),
    "twice the noise": (lambda image, at, noise: noisy(image, at, scaled(noise, 2)), "stronger"),
    "without noise": (lambda image, at, noise: image, "weaker"),
    "negatives": (lambda image, at, noise: 1 - noisy(image, at, noise), "negative"),
}


def share(card: Card, images: list[NDArray[np.generic]], said: str) -> str:
    """Return the share of images with a note that holds `said`."""
    count = sum(any(said in one.sentence for one in check(card, image)) for image in images)
    return f"{count / len(images):.1%}".replace(".0%", "%")


def table(name: str, cards: dict[str, Card], parts: dict[str, list[Array]]) -> None:
    """Print what is noted by models that were trained on the data set `name`."""
    print(f"\n| {name}: {len(parts[name])} images | {' | '.join(f'`{noise}`' for noise in cards)} |")
    print(f"|---|{'---|' * len(cards)}", flush=True)

    def row(label: str, images: list[Array], make: Make, said: str) -> None:
        cells = [
            share(card, [make(image, at, noise) for at, image in enumerate(images)], said)
            for noise, card in cards.items()
        ]
        print(f"| {label} | {' | '.join(cells)} |", flush=True)

    for label, (make, said) in ROWS.items():
        row(label, parts[name], make, said)
    for other, images in parts.items():
        if other != name:
            row(f"{other} ({len(images)}), same noise", images, noisy, "")
            row(f"{other} ({len(images)}), without noise", images, lambda image, at, noise: image, "")


def times(model: str) -> None:
    """Print what a check takes beside denoising, and beside all that is done for a file, in turn within one process."""
    denoiser = Denoiser(model)
    split = load("mnist")
    small = noisy(split.test[0], 0, "gaussian:0.5")
    page = np.concatenate([np.concatenate([split.test[37 * row + at] for at in range(37)], 1) for row in range(37)])
    large = noisy(page, 0, "gaussian:0.5")
    print("\n| | check, ms | denoising, ms | a PNG file, ms | check of a file's time |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        job = Job(Path(folder) / "in.png", Path(folder) / "out.png")
        for name, image, count in (
            ("28x28", small, 100),
            ("1036x1036", large, 9),
            ("1036x1036, suspicious", np.clip(large / 4 + 0.3, 0, 1), 9),
        ):
            pixels = np.rint(255 * image[..., 0]).astype(np.uint8)
            write_image(job.source, pixels)
            runs: dict[Callable[[], object], list[float]] = {
                lambda pixels=pixels: check(denoiser.card, pixels): [],
                lambda pixels=pixels: denoiser(pixels): [],
                lambda: denoise_file(denoiser, job, durable=False): [],
            }
            for _ in range(count):
                for run, taken in runs.items():
                    time.sleep(0.05)  # until the engine's threads have gone to sleep
                    start = time.perf_counter()
                    run()
                    taken.append(1e3 * (time.perf_counter() - start))
            first, second, whole = map(median, runs.values())
            print(f"| {name} | {first:.2f} | {second:.2f} | {whole:.2f} | {first / whole:.1%} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", default="test", choices=("test", "validation"))
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--data", nargs="*", default=["mnist", "fashion-mnist", "strokes"])
    parser.add_argument(
        "--noise", nargs="+", default=["gaussian:0.5", "gaussian:0.1-0.6", "gaussian:0.05", "poisson:30"]
    )
    parser.add_argument("--time", metavar="MODEL", help="measure what a check costs, with this model")
    options = parser.parse_args()
    splits = {Path(name).name: load(name) for name in options.data}
    parts: dict[str, list[Array]] = {}
    for name, split in splits.items():
        part = getattr(split, options.part)
        parts[name] = [part[index] for index in range(min(len(part), options.limit))]
    for name, split in splits.items():
        table(name, {noise: card_of(split, noise) for noise in options.noise}, parts)
    if options.time:
        times(options.time)


if __name__ == "__main__":
    main()
