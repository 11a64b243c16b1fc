"""Does it help? What every judgement says, a verdict, and that of scores in sentences and a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.common import Table
from pellucid.datasets import Cleanliness
from pellucid.evaluation.intervals import Estimate, estimate, paired
from pellucid.evaluation.metrics import PerImage
from pellucid.evaluation.scores import Scored, best_by_psnr


@dataclass(frozen=True)
class Verdict:
    """A judgement in words: the sentence that matters most, and further lines. As text, each is a line."""

    head: str
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join((self.head, *self.lines))


FEW = 5
"""Of fewer test images, the verdict says what it rests on."""


def verdict(scores: Sequence[Scored], *, images: str = "test images", clean: Cleanliness | None = None) -> Verdict:
    """Say in words and numbers whether a model helps.

    Parameters
    ----------
    scores : of the noisy images, of the model, and of at least one classical filter, in this order
    images : what the test images are, as "test regions of 2 images"
    clean : what was measured of the clean ones; against noisy ones, nothing is said to help
    """
    noisy, model, *classical = scores
    best = best_by_psnr(classical)
    gain, against = (paired(model.psnr, other.psnr) for other in (noisy, best))
    margin = against.difference
    if clean and clean.noisy:
        head = (
            f"Whether it helps cannot be told: {clean}. Against them it is {gain.difference.mean:+.2f} dB beside the "
            f"noisy images and {margin.mean:+.2f} dB beside {best.name}, which says little of the true image."
        )
    elif gain.difference.mean <= 0:
        head = "It does not help: on average the noisy images are nearer to the clean ones than its results are."
    elif margin.low <= 0 <= margin.high:
        head = (
            f"It helps: {gain.difference.mean:.2f} dB better than the noisy images. But it is no clear gain over "
            f"{best.name}: {margin.mean:+.2f} dB, uncertain by {margin.half:.2f} dB."
        )
    elif margin.mean <= 0:
        head = f"It helps, but a classical filter helps more: {best.name} is {-margin.mean:.2f} dB better."
    else:
        head = (
            f"It helps: {gain.difference.mean:.2f} dB better than the noisy images, {margin.mean:.2f} dB better than "
            f"{best.name}."
        )
    # Images that are too thin for a window have no SSIM.
    thin = np.isnan(_mean(model.ssim))
    measures = (
        f"PSNR {_mean(noisy.psnr):.2f} -> {_mean(model.psnr):.2f} dB",
        *([] if thin else [f"SSIM {_mean(noisy.ssim):.3f} -> {_mean(model.ssim):.3f}"]),
        f"BCE {_mean(noisy.bce):.4f} -> {_mean(model.bce):.4f}",
        f"excess over the BCE's floor {_mean(noisy.excess_bce):.4f} -> {_mean(model.excess_bce):.4f}",
    )
    parts = (_in_squares(model.in_squares, against.count, images),) if model.in_squares else ()
    few = () if against.count >= FEW else (_few(against.count, images),)
    lines = (
        f"Noisy -> denoised: {', '.join(measures)}.",
        f"Best classical filter, tuned on validation images: {best.name}, PSNR {_mean(best.psnr):.2f} dB, "
        f"{'' if thin else f'SSIM {_mean(best.ssim):.3f}, '}BCE {_mean(best.bce):.4f}.",
        f"The model is nearer to the clean image than it in {against.wins:,} of {against.count:,} {images}.",
        *parts,
        *few,
    )
    return Verdict(head, lines)


def _in_squares(large: int, count: int, images: str) -> str:
    are = "is" if large == 1 else "are"
    return (
        f"{large:,} of {count:,} {images} {are} too large to be judged whole: up to 16 evenly spaced squares of "
        "512x512 pixels of each were judged."
    )


def _few(count: int, images: str) -> str:
    what = images if count > 1 else images.replace("images", "image", 1).replace("regions", "region", 1)
    return f"This rests on {count} {what} only: others may come out differently."


def _mean(values: PerImage) -> float:
    return float(np.mean(values))


SECONDS = "s/megapixel"
"""The heading of the one column that differs from run to run."""


def table(scores: Sequence[Scored]) -> Table:
    """Return the table of mean scores, one row per denoiser.

    Parameters
    ----------
    scores : of the noisy images, of the model, and of others; the last two columns compare the model with the row
        image by image. Half of a 95 % confidence interval stands after a mean.
    """
    model = scores[1]
    headings = ("denoiser", "images", "PSNR dB", "", "SSIM", "BCE", "excess BCE", SECONDS, "model better in", "by dB")
    rows = []
    for scored in scores:
        means = {name: _mean(getattr(scored, name)) for name in ("ssim", "bce", "excess_bce")}
        mean = {name: "-" if np.isnan(value) else f"{value:.4f}" for name, value in means.items()}
        sure = estimate(scored.psnr)
        against = paired(model.psnr, scored.psnr)
        rows.append(
            (
                scored.name,
                f"{len(scored.psnr):,}",
                f"{sure.mean:.2f}",
                _within(sure),
                *mean.values(),
                f"{scored.seconds:.3f}" if scored.seconds else "",
                "" if scored is model else f"{against.wins:,} of {against.count:,}",
                "" if scored is model else f"{against.difference.mean:+.2f} {_within(against.difference)}".rstrip(),
            )
        )
    return Table(headings, tuple(rows), numbers=len(headings) - 1, model=1)


def _within(value: Estimate) -> str:
    return "" if np.isnan(value.half) else f"±{value.half:.2f}"
