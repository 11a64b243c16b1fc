"""Are the two images of a pair of one brightness and contrast? Where not, PSNR judges that difference as well."""

from __future__ import annotations

import numpy as np

from pellucid.datasets.pairs import PairedImages
from pellucid.datasets.pieces import piece
from pellucid.datasets.split import Split

LOOKED_AT = 40
"""At most so many training pairs are read, evenly chosen."""

_GAIN, _OFFSET = 0.1, 0.05  # further from 1 and 0 is worth a word
_FLAT = 1e-3  # standard deviation of a clean image in which no gain can be seen


def gains(pairs: PairedImages) -> tuple[list[float], list[float]]:
    """Return (a, b) of noisy = a * clean + b by least squares for some pairs; flat images are left out.

    The noise is on one side of the fit alone, so it does not bias a; only noise that was clipped does.
    """
    slopes, offsets = [], []
    for index in np.unique(np.linspace(0, len(pairs) - 1, LOOKED_AT).round().astype(int)):
        clean, noisy = np.split(piece(pairs, int(index)).astype(np.float64), 2, axis=2)
        if clean.std() > _FLAT:
            slopes.append(float(np.mean((clean - clean.mean()) * noisy) / clean.var()))
            offsets.append(float(noisy.mean() - slopes[-1] * clean.mean()))
    return slopes, offsets


def doubt(split: Split) -> list[str]:
    """Return lines on what is doubtful of the data: files left out, and pairs that differ in brightness or contrast."""
    return [*(f"note: {note}" for note in split.notes), *_differing(split)]


def _differing(split: Split) -> list[str]:
    if not isinstance(split.train, PairedImages):
        return []
    slopes, offsets = gains(split.train)
    if not slopes:
        return []
    a, b = float(np.median(slopes)), float(np.median(offsets))
    if abs(a - 1) <= _GAIN and abs(b) <= _OFFSET:
        return []
    return [
        f"note: the noisy images are about {a:.2f} x clean {'+' if b >= 0 else '-'} {abs(b):.2f} (gains from "
        f"{min(slopes):.2f} to {max(slopes):.2f}). Unless that is part of what to remove, bring the pairs to one scale "
        "first: PSNR judges brightness and contrast, too."
    ]
