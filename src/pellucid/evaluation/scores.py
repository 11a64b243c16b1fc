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

    `seconds` is what the denoiser took per megapixel, on all the processors that it uses.
    """

    name: str
    psnr: PerImage
    ssim: PerImage
    bce: PerImage
    excess_bce: PerImage
    seconds: float

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

    def add(self, clean: Batch, image: Batch, seconds: float = 0.0) -> None:
        """Score a group of images, NHWC in [0, 1]."""
        self.seconds += seconds
        self.pixels += clean.shape[0] * clean.shape[1] * clean.shape[2]
        for name, part in self.parts.items():
            part.append(getattr(metrics, name)(clean, image))

    def scored(self, name: str) -> Scored:
        """Return all scores so far."""
        scores = {key: np.concatenate(part) for key, part in self.parts.items()}
        return Scored(name, **scores, seconds=1e6 * self.seconds / self.pixels)


def best_by_psnr(scores: Sequence[Scored]) -> Scored:
    """Return the scores with the highest mean PSNR, as of the best classical filter."""
    return max(scores, key=lambda scored: float(np.mean(scored.psnr)))


def mean_scores(scores: Sequence[Scored], noise: str, split: Split) -> dict[str, Any]:
    """Return mean scores, and what they are of, for `write_json`."""
    return {"data": split.about, "noise": noise, "scores": [scored.row() for scored in scores]}
