"""Stained pages beside their clean originals: `python benchmarks/documents.py FOLDER_OR_ZIP --out RUN`.

The data is the training part of "Denoising Dirty Documents": the folders `train` and `train_cleaned` with pages of one
name. Pages of one text go to one part (see docs/documents.md): one text to learn from and to choose by, the other to
judge by. Prints a table, also by background, as one background lies under both texts, and writes an HTML report.
Where the program `tesseract` is at hand, a sample of the test pages is read, and the character error rate against
what it reads on the clean page is printed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

import numpy as np
from ocr import error_rate, find_tesseract, read_text
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.ndimage import grey_closing, label, median_filter
from skimage.filters import threshold_otsu

from pellucid.common.randomness import Stream
from pellucid.datasets import load
from pellucid.datasets.pairs import noisy_copy
from pellucid.evaluation.classical import tune
from pellucid.evaluation.compare import TUNING_SIDE, evaluate, tune_classical
from pellucid.evaluation.files import Judged
from pellucid.evaluation.html import write_html
from pellucid.evaluation.scores import Scored
from pellucid.evaluation.verdict import verdict
from pellucid.images.formats import read_image
from pellucid.images.geometry import middle
from pellucid.inference.denoiser import Denoiser
from pellucid.noise.corruptions import PAIRED

TRAINING = (
    *("--network", "residual:widths=24/48,depth=1", "--epochs", "12", "--batch-size", "8"),
    *("--learning-rate", "2e-3", "--augment", "--patience", "0"),
)
"""Chosen on held-out backgrounds under the training text alone (see docs/documents.md)."""

WORDS = 5
"""A text is known by the widths of the first words of its first line, which do not depend on where lines break."""

VALIDATED = 7
"""Of every so many clean pages, one goes to validation."""


@dataclass(frozen=True)
class Background:
    """The strong simple filter for documents: estimate the paper, divide by it, stretch and clip.

    The paper is what a closing (which fills the dark letters) and a median of `side` pixels leave.
    """

    side: int
    black: float
    white: float

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Return the filtered image, float32 HWC, clipped to [0, 1]."""
        paper = median_filter(grey_closing(image[..., 0], size=(self.side, self.side)), size=self.side)
        flat = image[..., 0] / np.maximum(paper, 1e-3)
        return ((flat - self.black) / (self.white - self.black)).clip(0, 1).astype(np.float32)[..., None]

    def __str__(self) -> str:
        return f"paper divided out, {self.side}x{self.side}, {self.black:g} to {self.white:g}"


BACKGROUNDS = [
    Background(*values) for values in product((3, 5, 7, 11, 15, 21), (0, 0.1, 0.2, 0.3, 0.4), (0.6, 0.7, 0.8, 0.9, 1))
]


def word_widths(page: np.ndarray) -> np.ndarray:
    """Return the widths of the first `WORDS` words of the first line as shares of their sum."""
    ink = page < 0.5
    rows, _ = label(ink.any(axis=1))
    line = ink[rows == np.argmax(np.bincount(rows)[1:] >= 5) + 1].any(axis=0)  # the first row of letters, no speck
    marks, count = label(line)
    ends = [np.flatnonzero(marks == mark)[[0, -1]] for mark in range(1, count + 1)]
    gaps = np.array([after[0] - before[1] for before, after in pairwise(ends)])
    # A gap between words is wider than one between letters.
    between = threshold_otsu(gaps)
    starts = [ends[0][0], *(ends[place + 1][0] for place in np.flatnonzero(gaps > between))]
    stops = [*(ends[place][1] for place in np.flatnonzero(gaps > between)), ends[-1][1]]
    widths = np.array(stops[:WORDS]) - np.array(starts[:WORDS]) + 1.0
    return widths / widths.sum()


def texts(clean: Sequence[np.ndarray]) -> np.ndarray:
    """Return the number of each page's text, 1, 2, ...: clusters of word widths.

    The tree of average linkage is cut in the middle of the widest gap between the heights at which clusters join.
    """
    tree = linkage(np.stack([word_widths(page) for page in clean]), "average")
    heights = tree[:, 2]
    widest = int(np.argmax(np.diff(heights)))
    return fcluster(tree, heights[widest : widest + 2].mean(), "distance")


def backgrounds(clean: Sequence[np.ndarray], noisy: Sequence[np.ndarray]) -> np.ndarray:
    """Return the number of each page's background: pages of one background correlate where both are white."""
    height = min(page.shape[0] for page in clean)
    numbers: list[int] = []
    known: list[int] = []
    for index, page in enumerate(noisy):
        for number, other in enumerate(known):
            white = (clean[index][:height] > 0.99) & (clean[other][:height] > 0.99)
            if np.corrcoef(page[:height][white], noisy[other][:height][white])[0, 1] > 0.7:
                numbers.append(number)
                break
        else:
            numbers.append(len(known))
            known.append(index)
    return np.array(numbers)


@dataclass(frozen=True)
class Page:
    """A page: its files, its text and its background."""

    noisy: Path
    clean: Path
    text: int
    background: int

    @property
    def name(self) -> str:
        """The page's name, so that the order of names is that of the numbers."""
        return f"{self.noisy.stem:0>3}"


def find_pages(folder: Path) -> list[Page]:
    """Return the pages below `folder`, in the order of their numbers."""
    noisy = sorted(folder.rglob("train/*.png"), key=lambda path: f"{path.stem:0>3}")
    clean = [path.parent.parent / "train_cleaned" / path.name for path in noisy]
    images = [[read_image(path) / 255 for path in paths] for paths in (noisy, clean)]
    numbers = texts(images[1]), backgrounds(images[1], images[0])
    return [Page(*row) for row in zip(noisy, clean, *(map(int, column) for column in numbers), strict=True)]


def lay_out(pages: Sequence[Page], judged: int, held: int | None, folder: Path) -> list[Page]:
    """Link the pages into train, validation and test, so that each clean page has one part; return the test pages.

    The text `judged` is the test part; or, if a background is `held` out, that text is left out, and some fonts on this
    background are validation and test, so that something can be chosen without a look at the other text.
    """
    known: dict[bytes, int] = {}
    test = []
    for page in pages:
        if page.text == judged:
            part = "test" if held is None else ""
        else:
            font = known.setdefault(read_image(page.clean).tobytes(), len(known))
            if held is None:
                part = "validation" if font % VALIDATED == VALIDATED // 2 else "train"
            elif page.background == held:
                part = ("test", "validation")[font // 3 % 2] if font % 3 == 2 else ""
            else:
                part = "" if font % 3 == 2 else "train"
        if not part:
            continue
        if part == "test":
            test.append(page)
        for side, path in (("noisy", page.noisy), ("clean", page.clean)):
            target = folder / side / part / f"{page.name}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(path.resolve())
    return test


def table(scores: Sequence[Scored], pixels: np.ndarray, chosen: np.ndarray, title: str) -> None:
    """Print mean PSNR and SSIM, and the RMSE over all pixels of the chosen pages."""
    print(f"{title}: {chosen.sum()} pages")
    for one in scores:
        errors = 10 ** (-one.psnr[chosen] / 10)
        rmse = np.sqrt(np.average(errors, weights=pixels[chosen]))
        psnr, ssim = one.psnr[chosen].mean(), one.ssim[chosen].mean()
        print(f"  {one.name:44s} {psnr:6.2f} dB  SSIM {ssim:.3f}  RMSE {rmse:.4f}", flush=True)


def read_pages(methods: dict[str, Callable], pairs: Sequence[tuple[np.ndarray, np.ndarray]], program: str) -> None:
    """Print character error rates against what Tesseract reads on the clean pages."""
    print(f"character error rate against the clean page's reading, {len(pairs)} pages")
    truths = [read_text(clean[..., 0], program) for clean, _ in pairs]
    for name, method in {"noisy": lambda image: image, **methods}.items():
        found = [read_text(method(noisy)[..., 0], program) for _, noisy in pairs]
        rates = [error_rate(truth, text) for truth, text in zip(truths, found, strict=True)]
        print(f"  {name:44s} {np.mean(rates):.3f}", flush=True)


def main() -> None:
    """Find the texts, train, judge, and write the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("data", type=Path, help="folder or .zip with train and train_cleaned")
    parser.add_argument("--judge", type=int, default=2, help="number of the text to judge by (default 2)")
    parser.add_argument(
        "--choose", type=int, metavar="BACKGROUND", help="hold this one out and leave the test text out"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/documents"), help="run folder (default runs/documents)")
    parser.add_argument("--run", type=Path, help="judge this run instead of training one")
    parser.add_argument("--read", type=int, default=24, help="test pages to read, if tesseract is at hand (default 24)")
    given, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = given.data
        if source.suffix == ".zip":
            source = folder / "unpacked"
            with zipfile.ZipFile(given.data) as archive:
                archive.extractall(source)
        pages = find_pages(source)
        test = lay_out(pages, given.judge, given.choose, folder)
        count = len({page.text for page in pages}), len({page.background for page in pages})
        print(f"{len(pages)} pages, {count[0]} texts, {count[1]} backgrounds")
        pair = ("--noisy", str(folder / "noisy"), "--clean", str(folder / "clean"))
        run = given.run or given.out
        if not given.run:
            command = [sys.executable, "-m", "pellucid", "train", *pair, *TRAINING, *options, "--out", str(run)]
            subprocess.run(command, check=True)
        learnt = {page.background for page in pages if page.text != given.judge} - {given.choose}
        judge(folder, run, test, learnt, given.read)


def judge(folder: Path, run: Path, test: Sequence[Page], learnt: set[int], read: int) -> None:
    """Print the tables, for all test pages and by background, and write the report; `learnt` were trained on."""
    split = load(folder / "clean", noisy=folder / "noisy")
    denoiser = Denoiser(run)
    copies = [
        noisy_copy(split.validation, index, PAIRED, 0, Stream.VALIDATION)
        for index in range(min(4, len(split.validation)))
    ]
    clean, noisy = ([middle(image, TUNING_SIDE) for image in column] for column in zip(*copies, strict=True))
    paper, _ = tune(BACKGROUNDS, clean, noisy)
    methods = {denoiser.card.network: denoiser, str(paper): paper, **tune_classical(split.validation, PAIRED)}
    scores = evaluate(methods, split.test, PAIRED)
    pixels = np.array([np.prod(split.test.size(index)) for index in range(len(test))])
    table(scores, pixels, np.ones(len(test), bool), "test pages")
    beneath = np.array([page.background for page in test])
    table(scores, pixels, ~np.isin(beneath, list(learnt)), "of these, on backgrounds never seen")
    for number in np.unique(beneath):
        known = ", which lies under both texts" if number in learnt else ""
        table(scores[:3], pixels, beneath == number, f"background {number}{known}")
    print(verdict(scores))
    report = run / "report.html"
    write_html(report, denoiser.name, denoiser, split, [Judged(str(PAIRED), scores)])
    print(report)
    program = find_tesseract()
    if program is None:
        print("no character error rates: the program tesseract is not at hand")
    else:
        some = np.unique(np.linspace(0, len(test) - 1, read).round().astype(int))
        pairs = [noisy_copy(split.test, int(index), PAIRED, 0, Stream.TEST) for index in some]
        read_pages(dict(list(methods.items())[:3]), pairs, program)


if __name__ == "__main__":
    main()
