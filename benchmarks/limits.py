"""Notes of `pellucid denoise`, on images like the training images and on foreign ones: `python benchmarks/limits.py`.

For each kind of training data and noise, what is usual is recorded as training does it; no network is needed. Then
images of the test part with the same noise are checked, which should be silent, and images that are foreign: each row
is a share of images with a note, and what the notes are of. `--part validation` is the part on which margins were
chosen. Digits and photographs: MNIST, and the folder or .zip file given by --photographs, and those of --others.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.artifact import Card
from pellucid.corruptions import parse
from pellucid.datasets import Split, load
from pellucid.limits import check, describe
from pellucid.randomness import Stream, generator
from pellucid.training.batches import Batches, Patches

Array = NDArray[np.float32]

SCALES = {"half the noise": 0.5, "twice the noise": 2.0}


def card_of(split: Split, noise: str) -> Card:
    """Make a card as `workflow` does."""
    patches = Patches(split.train, 64, 4, 0, Stream.TRAIN)
    batches = Batches(patches, parse(noise), 64, 0, Stream.TRAIN, fresh=True, shuffle=True)
    return Card(
        "none",
        split.channels,
        4,
        0,
        noise,
        "",
        "",
        statistics=describe((noisy for noisy, _ in batches.epoch(1)), noise),
    )


def scaled(noise: str, factor: float) -> str:
    """Multiply the level of a noise beyond the end of its range: below its weakest, or above its strongest."""
    kind, _, strength = noise.partition(":")
    values = [float(value) for value in strength.removesuffix(":unclipped").split("-")]
    end = values[-1] if (factor > 1) != (kind == "poisson") else values[0]
    tail = ":unclipped" if strength.endswith(":unclipped") else ""
    return f"{kind}:{end / factor**2 if kind == 'poisson' else end * factor:g}{tail}"


def noisy(image: Array, noise: str, index: int) -> Array:
    """Add noise that depends on the index alone."""
    return np.asarray(parse(noise)(image[None], generator(1, Stream.TEST, 0, index))[0])


def sixteen(image: Array, white: int) -> NDArray[np.uint16]:
    """Store an image in 16 bits with `white` for white."""
    return np.rint(np.clip(image, 0, 1) * white).astype(np.uint16)


def report(name: str, card: Card, images: list[NDArray[np.generic]]) -> None:
    """Print one row."""
    kinds: Counter[str] = Counter()
    noted = 0
    for image in images:
        found = check(card, image)
        noted += bool(found)
        kinds.update(" ".join(one.sentence.replace(";", " ;").split()[:3]) for one in found)
    which = ", ".join(f"{kind} {count / len(images):.0%}" for kind, count in kinds.most_common(3))
    print(f"| {name} | {len(images)} | {noted / len(images):.1%} | {which} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", default="test", choices=("test", "validation"))
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--data", nargs="+", default=["mnist", "fashion-mnist", "strokes"])
    parser.add_argument(
        "--noise", nargs="+", default=["gaussian:0.5", "gaussian:0.1-0.6", "gaussian:0.05", "poisson:30"]
    )
    options = parser.parse_args()
    splits = {Path(name).name: load(name) for name in options.data}
    chosen: dict[str, list[Array]] = {}
    for name, split in splits.items():
        part = getattr(split, options.part)
        chosen[name] = [part[index] for index in range(min(len(part), options.limit))]
    for name, images in chosen.items():
        for noise in options.noise:
            card = card_of(splits[name], noise)
            given: dict[str, Callable[[Array, int], NDArray[np.generic]]] = {
                "as trained": lambda image, index, noise=noise: noisy(image, noise, index),
                **{
                    text: lambda image, index, noise=noise, factor=factor: noisy(image, scaled(noise, factor), index)
                    for text, factor in SCALES.items()
                },
                "12 bits in 16": lambda image, index, noise=noise: sixteen(noisy(image, noise, index), 4095),
                "floats, twice as bright": lambda image, index, noise=noise: 2 * noisy(image, noise, index),
                "negatives": lambda image, index, noise=noise: 1 - noisy(image, noise, index),
            }
            print(f"\n{name}, {noise}\n\n| images | | noted | of that |\n|---|---|---|---|")
            for text, make in given.items():
                report(text, card, [make(image, index) for index, image in enumerate(images)])
            for other, foreign in chosen.items():
                if other != name:
                    report(f"{other}, same noise", card, [noisy(one, noise, at) for at, one in enumerate(foreign)])
                    report(f"{other}, without noise", card, list(foreign))


if __name__ == "__main__":
    main()
