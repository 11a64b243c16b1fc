"""Pictures of denoising: functions that return matplotlib figures, and one that saves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pellucid.common import Stream
from pellucid.datasets import Images, Split, noisy_copy
from pellucid.evaluation import metrics
from pellucid.images import Image, gallery, middle
from pellucid.inference import Denoise, on_unit
from pellucid.noise import parse

if TYPE_CHECKING:
    from matplotlib.figure import Figure


SHOWN = 10
"""Images in a picture."""

_SHOWN_SIDE = 128  # of larger images, the middle is shown: noise must stay visible


def curves(
    history: Sequence[Mapping[str, float]], floor: float | None = None, name: str = "loss", part: str = "validation"
) -> Figure:
    """Return the learning curves of a run.

    Parameters
    ----------
    history : one mapping per epoch with `epoch`, `loss` and `validation_loss`
    floor : the least value the loss can take, drawn as a line; None draws none
    name : of the loss, for the axis
    part : of the data that `validation_loss` was taken on
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6, 4))
    axis = figure.subplots()
    epochs = [row["epoch"] for row in history]
    axis.plot(epochs, [row["loss"] for row in history], "o-", label="training")
    axis.plot(epochs, [row["validation_loss"] for row in history], "s-", label=part)
    if floor is not None:
        axis.axhline(floor, color="gray", linestyle=":", label=f"floor {floor:.4f}")
    axis.set(xlabel="epoch", ylabel=name)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)
    axis.legend()
    figure.tight_layout()
    return figure


def quality(history: Sequence[Mapping[str, float]]) -> Figure:
    """Return the learning curve of a run without clean images: its estimated PSNR, with the doubt of two errors.

    Parameters
    ----------
    history : one mapping per epoch with `epoch`, `validation_loss`, a mean squared error, and `validation_doubt`
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = [row["epoch"] for row in history]
    errors, doubts = (np.array([row[name] for row in history]) for name in ("validation_loss", "validation_doubt"))
    low, middle, high = (-10 * np.log10(np.maximum(errors + part * doubts, 1e-9)) for part in (2, 0, -2))
    figure = Figure(figsize=(6, 4))
    axis = figure.subplots()
    axis.plot(epochs, middle, "s-", label="estimated without clean images")
    axis.fill_between(epochs, low, high, alpha=0.2, label="within two standard errors")
    axis.set(xlabel="epoch", ylabel="PSNR of validation images, dB")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3)
    axis.legend(loc="lower right")
    figure.tight_layout()
    return figure


def before_after(denoiser: Denoise, split: Split, noise: str, *, seed: int = 0) -> Figure:
    """Return the picture of noisy, denoised and clean test images, with the PSNR of each."""
    count = min(SHOWN, len(split.test))
    pairs = [noisy_copy(split.test, index, parse(noise), seed, Stream.TEST) for index in range(count)]
    cleaned = [on_unit(denoiser)(noisy) for _, noisy in pairs]
    gains = [
        f"{_psnr(clean, noisy)} -> {_psnr(clean, guess)} dB"
        for (clean, noisy), guess in zip(pairs, cleaned, strict=True)
    ]
    rows = {
        "noisy": [middle(noisy, _SHOWN_SIDE) for _, noisy in pairs],
        "denoised": [middle(guess, _SHOWN_SIDE) for guess in cleaned],
        "clean": [middle(clean, _SHOWN_SIDE) for clean, _ in pairs],
    }
    return gallery(rows, f"{split.name}, {noise}: test images", gains)


def cases(denoiser: Denoise, images: Images, noise: str, chosen: Mapping[str, int], *, seed: int = 0) -> Figure:
    """Return the picture of some test images: noisy, denoised, clean, and what was removed.

    Parameters
    ----------
    chosen : what to call an image -> its index
    seed : of the noise, as in `evaluate`

    What was removed, noisy minus denoised, is drawn around gray; where it shows the image, the denoiser took that away.
    """
    rows: dict[str, list[Image]] = {"noisy": [], "denoised": [], "clean": [], "removed": []}
    notes = []
    for name, index in chosen.items():
        clean, noisy = noisy_copy(images, index, parse(noise), seed, Stream.TEST)
        guess = np.clip(on_unit(denoiser)(noisy), 0, 1)
        removed = np.asarray((noisy - guess) / 2 + 0.5, dtype=np.float32)
        for row, image in zip(rows.values(), (noisy, guess, clean, removed), strict=True):
            row.append(middle(image, 2 * _SHOWN_SIDE))
        notes.append(f"{name} (image {index})\n{_psnr(clean, noisy)} -> {_psnr(clean, guess)} dB")
    return gallery(rows, "", notes, size=2.4)


def show_noise(split: Split, noise: str, *, seed: int = 0) -> Figure:
    """Return the picture of clean training images and their noisy copies."""
    count = min(SHOWN, len(split.train))
    pairs = [noisy_copy(split.train, index, parse(noise), seed, Stream.TRAIN) for index in range(count)]
    rows = {
        "clean": [middle(clean, _SHOWN_SIDE) for clean, _ in pairs],
        "noisy": [middle(noisy, _SHOWN_SIDE) for _, noisy in pairs],
    }
    return gallery(rows, f"{split.name}, {noise}")


def _psnr(clean: Image, image: Image) -> str:
    return f"{metrics.psnr(clean[None], np.clip(image, 0, 1)[None])[0]:.1f}"
