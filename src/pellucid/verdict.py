"""Does it help? The scores in a sentence and a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.evaluation import Scored
from pellucid.metrics import Scores


def verdict(scores: Sequence[Scored]) -> str:
    """Say in words and numbers whether a model helps.

    Parameters
    ----------
    scores : of the noisy images, of the model, and of at least one classical filter, in this order
    """
    noisy, model, *classical = scores
    best = max(classical, key=lambda scored: float(np.mean(scored.psnr)))
    gain, margin = (_mean(model.psnr) - _mean(other.psnr) for other in (noisy, best))
    wins = int(np.sum(model.psnr > best.psnr))
    if gain <= 0:
        head = "It does not help: on average the noisy images are nearer to the clean ones than its results are."
    elif margin <= 0:
        head = f"It helps, but a classical filter helps more: {best.name} is {-margin:.2f} dB better."
    else:
        head = f"It helps: {gain:.2f} dB better than the noisy images, {margin:.2f} dB better than {best.name}."
    measures = (
        f"PSNR {_mean(noisy.psnr):.2f} -> {_mean(model.psnr):.2f} dB",
        f"SSIM {_mean(noisy.ssim):.3f} -> {_mean(model.ssim):.3f}",
        f"BCE {_mean(noisy.bce):.4f} -> {_mean(model.bce):.4f}",
        f"excess over the BCE's floor {_mean(noisy.excess_bce):.4f} -> {_mean(model.excess_bce):.4f}",
    )
    lines = [
        head,
        f"Noisy -> denoised: {', '.join(measures)}.",
        f"Best classical filter, tuned on validation images: {best.name}, PSNR {_mean(best.psnr):.2f} dB, "
        f"SSIM {_mean(best.ssim):.3f}, BCE {_mean(best.bce):.4f}.",
        f"The model is nearer to the clean image than it in {wins:,} of {len(model.psnr):,} test images.",
    ]
    return "\n".join(lines)


def _mean(values: Scores) -> float:
    return float(np.mean(values))


HEADINGS = ("denoiser", "images", "PSNR dB", "SSIM", "BCE", "excess BCE")
"""The columns of `rows`."""


def rows(scores: Sequence[Scored]) -> list[tuple[str, ...]]:
    """Return the table of mean scores as text, one row per denoiser, in the columns `HEADINGS`."""
    table: list[tuple[str, ...]] = []
    for scored in scores:
        row = scored.row()
        numbers = (f"{row['psnr']:.2f}", f"{row['ssim']:.4f}", f"{row['bce']:.4f}", f"{row['excess_bce']:.4f}")
        table.append((scored.name, f"{row['images']:,}", *numbers))
    return table
