"""What to do next where a model is no clear gain: what would most likely help, by what the training showed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.evaluation import Scored, best_by_psnr, paired
from pellucid.networks import find
from pellucid.training import Config, Epoch

STEEP = 0.03
"""A loss that fell by more than this share over the last quarter of a training would have gone on falling."""

SHORT = 3600.0
"""Seconds of training, from which on more time is no longer what is advised first."""

FEW = 30
"""Images to learn from, of fewer of which more are advised."""

LONGER = 4
"""How many times the time is advised."""


def next_steps(scores: Sequence[Scored], config: Config, history: Sequence[Epoch], learned: int) -> list[str]:
    """Return lines on what to do next, the most promising first; none if the model clearly beats the best filter.

    Parameters
    ----------
    scores : of the noisy images, of the model, and of classical filters
    config, history : of the training
    learned : how many images or regions were learned from
    """
    _, model, *classical = scores
    best = best_by_psnr(classical)
    margin = paired(model.psnr, best.psnr).difference
    if margin.mean > 0 and not margin.low <= 0:
        return []
    steps = []
    seconds = sum(epoch.seconds for epoch in history)
    if history and seconds < SHORT and _falling(history):
        minutes = max(1, round(LONGER * seconds / 60))
        steps.append(f"train longer, for {minutes} minutes say: the validation loss was still falling")
    if find(config.network).bounded:
        steps.append("train the network residual, which is the better one unless the noise is very strong")
    if learned < FEW:
        steps.append(f"learn from more images: these were {learned}")
    steps.append(f"or use the classical filter by its name, {best.name!r}, in place of a model")
    return ["What would most likely help: " + "; ".join(steps) + "."]


def _falling(history: Sequence[Epoch]) -> bool:
    losses = [epoch.validation_loss for epoch in history]
    before = losses[-1 - max(1, len(losses) // 4)] if len(losses) > 1 else np.inf
    return bool(losses[-1] < (1 - STEEP) * before)
