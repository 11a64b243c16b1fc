"""The picture of a judgement: noisy, denoised, residual, and the residual's autocorrelation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pellucid.evaluation.blind.heldout import run
from pellucid.evaluation.blind.residual import RADIUS, whiteness
from pellucid.images import Image, middle
from pellucid.inference import Denoise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 4
"""Images in the picture."""

_SIDE = 160  # of larger images, the middle is shown: noise must stay visible
_SIZE = 2.4  # of an image, in inches
_COLOURS = 0.3  # the correlation from which on colours are full


def residuals(denoise: Denoise, images: Sequence[Image]) -> Figure:
    """Return the picture of some noisy images, denoised, with what was removed and its autocorrelation.

    Parameters
    ----------
    denoise : the denoiser
    images : float32 HWC; the first `SHOWN` are drawn

    Images that use less than a quarter of the range are stretched, noisy and denoised alike, as 16-bit frames are
    nearly black otherwise. The residual is drawn around gray, stretched to three of its standard deviations. In the
    autocorrelation, red stands for agreeing, blue for differing pixels, from -0.3 to 0.3; that of white noise is blank
    but for the middle.
    """
    from matplotlib.figure import Figure

    shown = images[:SHOWN]
    figure = Figure(figsize=(_SIZE * max(2, len(shown)) + 1, 4 * _SIZE + 0.8))
    axes = figure.subplots(4, len(shown), squeeze=False)
    for column, noisy in enumerate(shown):
        result = run(denoise, noisy)
        removed = noisy - result
        spread = 6 * float(removed.std()) or 1.0
        low, high = _window(middle(noisy, _SIDE))
        pictures = ((noisy - low) / (high - low), (result - low) / (high - low), removed / spread + 0.5)
        for axis, image in zip(axes[:3, column], pictures, strict=True):
            part = np.clip(middle(np.asarray(image, dtype=np.float32), _SIDE), 0, 1)
            axis.imshow(
                part[..., 0] if part.shape[2] == 1 else part, cmap="gray", vmin=0, vmax=1, interpolation="nearest"
            )
        white = whiteness([removed])
        extent = (-RADIUS - 0.5, RADIUS + 0.5) * 2
        axes[3, column].imshow(white.map, cmap="RdBu_r", vmin=-_COLOURS, vmax=_COLOURS, extent=extent)
        strongest = "nothing removed" if np.isnan(white.strongest) else f"strongest {white.strongest:+.3f}"
        axes[3, column].set_xlabel(strongest, fontsize=8)
    for axis, label in zip(axes[:, 0], ("noisy", "denoised", "residual", "its autocorrelation"), strict=True):
        axis.set_ylabel(label)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    figure.tight_layout(pad=0.4)
    return figure


def _window(image: Image) -> tuple[float, float]:
    """The values to draw as black and white."""
    low, high = (float(value) for value in np.percentile(image, (0.5, 99.5)))
    return (low, high) if 0 < high - low < 0.25 else (0.0, 1.0)
