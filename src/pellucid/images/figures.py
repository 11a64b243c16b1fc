"""Rows of images as a figure, and figures as files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.common import PellucidError, atomic
from pellucid.images.contract import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure


FORMATS = (".png", ".svg", ".pdf", ".jpg")
"""The endings that a picture's name may have."""


def gallery(
    rows: Mapping[str, Sequence[Image]], title: str = "", notes: Sequence[str] = (), size: float = 1.2
) -> Figure:
    """Return rows of images under each other, one label per row: noisy, denoised, clean.

    Parameters
    ----------
    rows : label -> images (HWC float32 in [0, 1]), the same number in every row
    title : above the picture
    notes : a short text below each column, such as its PSNR
    size : of an image, in inches
    """
    from matplotlib.figure import Figure

    columns = max(len(images) for images in rows.values())
    lines = max((note.count("\n") + 1 for note in notes), default=0)
    height = size * len(rows) + (0.5 if title else 0.1) + 0.2 * lines
    figure = Figure(figsize=(size * columns + 1.0, height))
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, (label, images) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(line, images, strict=True):
            shown = np.clip(image, 0, 1)
            axis.imshow(
                shown[..., 0] if shown.shape[2] == 1 else shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest"
            )
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(drawable(label))
    for axis, note in zip(axes[-1], notes, strict=False):
        axis.set_xlabel(drawable(note), fontsize=8)
    figure.suptitle(drawable(title), fontsize=10, wrap=True)
    figure.tight_layout(pad=0.4)
    return figure


def drawable(text: str) -> str:
    """Return a text in which a question mark stands for what the font cannot draw, such as Chinese in a file's name."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties()))
    known = "".join(letter if letter.isspace() or font.get_char_index(ord(letter)) else "?" for letter in text)
    return known.replace("$", r"\$")  # two of them would begin and end a formula


def save_figure(figure: Any, path: str | os.PathLike[str]) -> None:
    """Save a figure, whole or not at all, in the format that the name's ending says: one of `FORMATS`.

    Raises
    ------
    PellucidError
        For another ending, or a place that cannot be written.
    """
    if Path(path).suffix.lower() not in FORMATS:
        raise PellucidError(f"cannot write the picture {path}; expected a name ending in {' '.join(FORMATS)}.")
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=150)
