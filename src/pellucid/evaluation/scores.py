"""Scores of a denoiser, image by image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.datasets import Split
from pellucid.evaluation import metrics
from pellucid.evaluation.intervals import estimate
from pellucid.evaluation.metrics import PerImage
from pellucid.noise import Batch


@dataclass(frozen=True)
class Scored:
    """A denoiser's scores, one value per image: PSNR in dB, SSIM, and BCE and its excess in nats per value.

    `seconds` is what the denoiser took per megapixel, on all the processors that it uses; `in_squares` counts the
    images that were too large to be judged whole: evenly spaced squares of each were.
    """

    name: str
    psnr: PerImage
    ssim: PerImage
    bce: PerImage
    excess_bce: PerImage
    seconds: float
    in_squares: int = 0

    def row(self) -> dict[str, Any]:
        """Return the name, the number of images, the mean of every score and the PSNR's interval: all but the time."""
        means = {name: float(np.mean(getattr(self, name))) for name in MEASURES}
        sure = estimate(self.psnr)
        interval = {"psnr_low": sure.low, "psnr_high": sure.high}
        return {"name": self.name, "images": len(self.psnr), **means, **interval}


MEASURES = ("psnr", "ssim", "bce", "excess_bce")
"""The scores, as `Scored` names them."""


@dataclass
class Collector:
    """Collects the scores of one denoiser, group by group."""

    parts: dict[str, list[PerImage]] = field(default_factory=lambda: {name: [] for name in MEASURES})
    seconds: float = 0.0
    pixels: int = 0
    in_squares: int = 0

    def add(self, clean: Batch, image: Batch, seconds: float = 0.0, *, one: bool = False) -> None:
        """Score a group of images, or the pieces of one large image, NHWC in [0, 1]."""
        self.seconds += seconds
        self.pixels += clean.shape[0] * clean.shape[1] * clean.shape[2]
        self.in_squares += one
        for name, part in self.parts.items():
            measure = getattr(metrics, name)
            if one:  # one after the other: the measures take many times the memory of what they compare
                pairs = zip(clean, image, strict=True)
                part.append(_together(name, np.concatenate([measure(a[None], b[None]) for a, b in pairs])))
            else:
                part.append(measure(clean, image))

    def scored(self, name: str) -> Scored:
        """Return all scores so far."""
        scores = {key: np.concatenate(part) for key, part in self.parts.items()}
        return Scored(name, **scores, seconds=1e6 * self.seconds / self.pixels, in_squares=self.in_squares)


def _together(name: str, scores: PerImage) -> PerImage:
    """Return the score of an image from those of its pieces, which have one size: of PSNR, that of their mean error."""
    if name != "psnr":
        return np.asarray(scores.mean(keepdims=True))
    with np.errstate(divide="ignore"):
        return np.asarray(-10 * np.log10(np.mean(10 ** (-scores / 10), keepdims=True)))


def best_by_psnr(scores: Sequence[Scored]) -> Scored:
    """Return the scores with the highest mean PSNR, as of the best classical filter."""
    return max(scores, key=lambda scored: float(np.mean(scored.psnr)))


def mean_scores(scores: Sequence[Scored], noise: str, split: Split) -> dict[str, Any]:
    """Return mean scores, and what they are of, for `write_json`."""
    return {"data": split.about, "noise": noise, "scores": [scored.row() for scored in scores]}
