"""What `pellucid inspect` estimates, against the truth: `python benchmarks/noise_estimates.py`.

Known noise is put on clean images of several contents, which are rounded to 8 bits as a file would be and inspected.
`--content NAME=PATH` adds a folder of clean images, or a data set; without any, drawn digits and generated clouds are
used. A cell holds the recommended `--noise`, and in brackets what else was found; bold is another kind than the truth.

`--pairs NOISY=CLEAN` (two files, or two folders of files with the same names) judges real noise instead: the truth is
what a frame differs by from the average of many, fitted to it by least squares.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from pellucid.datasets import NAMED, load
from pellucid.datasets.sources import FileImages
from pellucid.images.contract import Image
from pellucid.images.finding import find_images
from pellucid.images.formats import read_image
from pellucid.noise import Inspection, inspect
from pellucid.noise.corruptions import parse

Noise = Callable[[Image, np.random.Generator], Image]

LEVELS = (
    *(f"gaussian:{level}" for level in ("0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "0.1-0.5", "0.2:unclipped")),
    *(f"poisson:{peak}" for peak in (2, 10, 100, 1000)),
    *(f"speckle:{level}" for level in ("0.05", "0.2", "0.5")),
    *(f"salt-pepper:{share}" for share in ("0.02", "0.1", "0.3")),
    *("mask:0.2", "gaussian:0.1+salt-pepper:0.05", "poisson:50+gaussian:0.05"),
    *(f"correlated:{noise}" for noise in ("0.05/0.68", "0.1/0.68", "0.1/0.68x0", "0.1/0.68x0.3", "0.1/1")),
    *("gaussian:0.05+rows:0.03", "gaussian:0.05+columns:0.03"),
)


def wave(image: Image, rng: np.random.Generator) -> Image:
    """Add pixel noise of 0.05, and a wave of amplitude 0.05 and a period of 6 pixels."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    pattern = 0.05 * np.sin(2 * np.pi * (0.8 * x + 0.6 * y) / 6)[..., None]
    return np.clip(image + 0.05 * rng.standard_normal(image.shape) + pattern, 0, 1)


CASES: dict[str, Noise] = {
    "none": lambda image, rng: image,
    **{text: lambda image, rng, text=text: parse(text)(image[None], rng)[0] for text in LEVELS},
    "gaussian:0.05, wave 0.05": wave,
}


def clouds(count: int) -> list[Image]:
    """Generate smooth images with edges, 192 pixels a side."""
    rng = np.random.default_rng(7)
    made = []
    for _ in range(count):
        field = gaussian_filter(rng.standard_normal((192, 192)), 12)
        field = field + 0.02 * (gaussian_filter(rng.standard_normal((192, 192)), 20) > 0)
        made.append(((field - field.min()) / np.ptp(field))[..., None].astype(np.float32))
    return made


def contents(given: Sequence[str], count: int) -> dict[str, list[Image]]:
    """Read the clean images of each content."""
    if not given:
        digits = load("strokes").test
        return {"strokes": [digits[index] for index in range(count)], "clouds": clouds(min(count, 12))}
    found = {}
    for text in given:
        name, _, place = text.partition("=")
        images = load(place).test if place in NAMED else FileImages(list(find_images(place, recursive=True)))
        found[name] = [images[index] for index in range(min(len(images), count))]
    return found


def noisy(clean: Sequence[Image], noise: Noise, kept: bool) -> list[np.ndarray]:
    """Put noise on images; `kept` leaves them floats."""
    made = [noise(image, np.random.default_rng(index)) for index, image in enumerate(clean)]
    return made if kept else [np.rint(image * 255).astype(np.uint8) for image in made]


def kinds(noise: str) -> set[str]:
    """Return the kinds of a noise."""
    return {part.partition(":")[0] for part in noise.split("+")}


def cell(truth: str, found: Inspection) -> tuple[str, bool]:
    """Return what was found, and whether its kinds are the true ones."""
    level, notes = found.level, []
    if level.kind in ("none", "unclear") and not any(found.impulses.shares):
        return level.kind, truth == level.kind
    notes += [f"wave {found.wave[0]:.3f}, period {found.wave[1]:.1f}"] if found.wave else []
    right = kinds(truth.partition(",")[0]) == kinds(found.noise)
    text = f"`{found.noise}`" + (f" ({', '.join(notes)})" if notes else "")
    return (text if right else f"**{text}**"), right


def error(truth: str, found: Inspection) -> float | None:
    """Return the relative error of a single strength."""
    kind, _, strength = truth.partition(":")
    try:
        true = float(strength.removesuffix(":unclipped").partition("/")[0])
    except ValueError:
        return None
    if kind in ("salt-pepper", "mask"):
        return abs(float(found.noise.rpartition(":")[2]) / true - 1)
    return abs(found.level.strength / true - 1) if found.level.strength else None


def judge_pairs(texts: Sequence[str]) -> None:
    """Print what is estimated from single frames beside their difference from the average."""
    print("| frame | true sigma | estimate | true correlation | estimate | noise |\n|---|---|---|---|---|---|")
    for text in texts:
        noisy, _, clean = text.partition("=")
        names = [""] if Path(noisy).is_file() else [path.name for path in find_images(noisy, recursive=True)]
        for name in names:
            frame, average = read_image(Path(noisy) / name), read_image(Path(clean) / name).astype(np.float64)
            found = inspect([frame])
            level, unit = found.level, frame / found.values.white
            rest = unit - np.polyval(np.polyfit(average.ravel(), unit.ravel(), 1), average)
            pairs = (rest[:, 1:] * rest[:, :-1]).mean(), (rest[1:] * rest[:-1]).mean()
            true = " ".join(f"{pair / rest.var():.2f}" for pair in pairs)
            seen = " ".join(f"{one:.2f}" for one in level.correlation)
            low, high = level.sigma_interval
            print(
                f"| {name or Path(noisy).name} | {rest.std():.3f} | {level.sigma:.3f} ({low:.3f} to {high:.3f}) "
                f"| {true} | {seen} | `{found.noise}` |",
                flush=True,
            )


def main() -> None:
    """Print the table, then how far off it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--content", nargs="+", default=[], metavar="NAME=PATH")
    parser.add_argument("--images", type=int, default=100, help="of each content, at most")
    parser.add_argument("--pairs", nargs="+", metavar="NOISY=CLEAN")
    given = parser.parse_args()
    if given.pairs:
        judge_pairs(given.pairs)
        return
    clean = contents(given.content, given.images)
    print("| truth | " + " | ".join(clean) + " |\n" + "|---" * (1 + len(clean)) + "|")
    right, errors = dict.fromkeys(clean, 0), {name: [] for name in clean}
    for truth, noise in CASES.items():
        cells = []
        for name, images in clean.items():
            found = inspect(noisy(images, noise, truth.endswith("unclipped")))
            text, good = cell(truth, found)
            cells.append(text)
            right[name] += good
            off = error(truth, found) if good else None
            errors[name] += [] if off is None else [off]
        print(f"| `{truth}` | " + " | ".join(cells) + " |", flush=True)
    for name, off in errors.items():
        print(
            f"\n{name}: the kind is right in {right[name]} of {len(CASES)}; where it is, a single strength is off by "
            f"{np.median(off):.1%} in the median and {max(off):.1%} at the most ({len(off)} cases)."
        )


if __name__ == "__main__":
    main()
