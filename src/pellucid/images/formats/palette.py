"""From the indices of a palette to pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NOT_KEPT = "the palette is not kept: its colours are written as RGB"
NOT_KEPT_GRAY = "the palette is not kept: its grays are written as 8-bit gray"


def is_gray(colours: NDArray[np.uint8]) -> bool:
    """Return whether all colours (N, 3 or 4) of a palette are gray."""
    return bool((colours[:, :3] == colours[:, :1]).all())


def resolve(indices: NDArray[Any], colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the pixels of indices (H, W) into colours (N, C), C being 3, or 4 with alpha.

    Returns
    -------
    uint8, (H, W, C); without two of its three colours, as (H, W) or (H, W, 2), if the palette is gray.

    Raises
    ------
    ValueError
        If an index has no colour.
    """
    if indices.max() >= len(colours):
        raise ValueError(f"index {indices.max()} of a palette of {len(colours)} colours")
    if is_gray(colours):
        colours = colours[:, 2:] if colours.shape[1] == 4 else colours[:, 0]
    return np.asarray(colours[indices])


def note(colours: NDArray[np.uint8]) -> str:
    """Return what the user should know: pellucid writes no palettes."""
    return NOT_KEPT_GRAY if is_gray(colours) else NOT_KEPT
