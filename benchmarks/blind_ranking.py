"""Do scores without clean images rank denoisers as the true PSNR does? `python benchmarks/blind_ranking.py FOLDER`.

Adds noise to clean images: the digits of a data set, and natural images, those of FOLDER or the few photographs that
come with scikit-image. Every classical filter in every strength, the noisy image itself, a gross blur, a flat image and
the models given with -m are then ranked by each score of `evaluation.blind`, and by the true PSNR (mean squared
error over all images, clipped to [0, 1]). The table holds Spearman's rank correlation of either ranking, and in
brackets how many dB are lost by taking the denoiser that the score calls best. The reference filter of the held-out
error is chosen on other images than those judged. Two shots, where the score needs them, are two draws of the noise.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

import pellucid
from pellucid.evaluation.blind.heldout import HeldOut, ask, hide, mean, run
from pellucid.evaluation.blind.judging import tune
from pellucid.evaluation.blind.pairs import pair_errors
from pellucid.evaluation.blind.residual import structure, whiteness
from pellucid.evaluation.classical import FAMILIES, GaussianBlur
from pellucid.images.contract import Image, to_unit
from pellucid.images.finding import find_images
from pellucid.images.formats import read_image
from pellucid.images.geometry import middle
from pellucid.inference.denoiser import Denoise, Denoiser
from pellucid.noise.corruptions import parse

NOISES = (
    "gaussian:0.02",
    "gaussian:0.05:unclipped",
    "gaussian:0.1:unclipped",
    "gaussian:0.2:unclipped",
    "gaussian:0.1",
    "gaussian:0.3",
    "gaussian:0.5",
    "poisson:10",
    "poisson:100",
    "salt-pepper:0.1",
    "speckle:0.3",
    "correlated:0.1",
)
SCORES = ("held-out", "J-invariant", "two shots", "correlation", "structure")


def photographs(folder: Path | None, side: int, count: int) -> list[Image]:
    """Return the middles of natural images, gray."""
    if folder:
        found = [to_unit(read_image(path)) for path in find_images(folder)]
    else:
        from skimage import data

        found = [to_unit(getattr(data, name)()) for name in ("camera", "astronaut", "coffee", "chelsea", "rocket")]
    return [middle(image, side).mean(axis=2, keepdims=True) for image in found[:count]]


def corrupted(image: Image, noise: str, rng: np.random.Generator) -> Image:
    """Add noise; `correlated:SIGMA` is Gaussian noise that was blurred by 1 pixel, as in developed photographs."""
    kind, _, strength = noise.partition(":")
    if kind != "correlated":
        return parse(noise)(image[None], rng)[0]
    grain = gaussian_filter(rng.standard_normal(image.shape), (1, 1, 0))
    return (image + float(strength) / grain.std() * grain).astype(np.float32)


def flat(image: Image) -> Image:
    """Take everything away."""
    return np.full_like(image, image.mean())


def scored(denoisers: dict[str, Denoise], clean: Sequence[Image], noise: str, tuning: int) -> dict[str, list[float]]:
    """Return each score, smaller is better, for each denoiser; the first is the true mean squared error."""
    shots = []
    for shot in range(2):
        rng = np.random.default_rng([zlib.crc32(noise.encode()), shot])
        shots.append([corrupted(image, noise, rng) for image in clean])
    reference, _ = tune(shots[0][:tuning])
    images, others, truth = shots[0][tuning:], shots[1][tuning:], clean[tuning:]
    hidden = [one for image in images for one in hide(image, 1)]
    held = HeldOut(hidden, reference)
    found: dict[str, list[float]] = {name: [] for name in ("true", *SCORES)}
    for denoise in denoisers.values():
        raw = ask(denoise, hidden)
        said = held.levelled(raw)
        results = said.results
        white = whiteness([image - result for image, result in zip(images, results, strict=True)])
        pairs = zip(results, images, others, strict=True)
        crosswise = [pair_errors((result, said.level(run(denoise, b))), (a, b)) for result, a, b in pairs]
        marks = (
            np.mean([np.square(a - b).mean() for a, b in zip(raw.results, truth, strict=True)]),
            mean(held.errors(said)),
            mean(held.invariant(said)),
            mean(crosswise),
            abs(white.strongest),
            structure(results, held).share,
        )
        for values, mark in zip(found.values(), marks, strict=True):
            values.append(float(np.nan_to_num(mark, nan=1)))  # no residual at all counts as the worst of residuals
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="of clean natural images")
    parser.add_argument("--digits", default="mnist", help="data set; its test part is used")
    parser.add_argument("-m", "--model", action="append", default=[], help="a trained model, to be ranked, too")
    parser.add_argument("--noise", action="append", help="may be given several times")
    parser.add_argument("--side", type=int, default=256, help="of the squares of natural images")
    parser.add_argument("--count", type=int, default=8, help="of natural images")
    parser.add_argument("--contents", nargs="+", default=["digits", "natural"])
    given = parser.parse_args()
    denoisers: dict[str, Denoise] = {"noisy": np.copy, "flat": flat, "gross blur": GaussianBlur(6)}
    denoisers |= {str(one): one for family in FAMILIES.values() for one in family}
    denoisers |= {f"model {path}": Denoiser(path, threads=1) for path in given.model}
    contents: dict[str, tuple[list[Image], int]] = {}
    if "digits" in given.contents:
        digits = pellucid.load(given.digits).test
        contents[given.digits] = [digits[index] for index in range(160)], 40
    if "natural" in given.contents:
        natural = photographs(given.folder, given.side, given.count)
        contents["natural"] = natural, max(1, len(natural) // 4)
    print(f"{len(denoisers)} denoisers\n\n| content | noise | best | {' | '.join(SCORES)} |")
    print("|---" * (3 + len(SCORES)) + "|")
    for content, (clean, tuning) in contents.items():
        for noise in given.noise or NOISES:
            found = scored(denoisers, clean, noise, tuning)
            true = np.array(found.pop("true"))
            cells = []
            for values in found.values():
                lost = 10 * np.log10(true[int(np.argmin(values))] / true.min())
                cells.append(f"{spearmanr(values, true).statistic:.2f} ({lost:.1f})")
            best = list(denoisers)[int(np.argmin(true))]
            print(f"| {content} | {noise} | {best} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
