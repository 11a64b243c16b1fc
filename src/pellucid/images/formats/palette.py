"""From at most 256 colours to pixels and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def resolve(indices: NDArray[Any], colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Look up indices (H, W) in colours (N, C).

    Raises
    ------
    ValueError
        If an index has no colour.
    """
    if indices.max() >= len(colours):
        raise ValueError(f"index {indices.max()} of a palette of {len(colours)} colours")
    return np.asarray(colours[indices])


def requantise(page: NDArray[np.uint8], count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Choose at most `count` colours for a page, without dither, which would be noise.

    Parameters
    ----------
    page : uint8 (H, W, 3) or (H, W, 4)
    count : 2..256

    Returns
    -------
    Indices (H, W) and colours (N, 3 or 4), N <= count. Up to `count` different colours are kept exactly. Alpha is kept
    exactly where there are at most `count` levels of it, as in every page that came from such a palette; the colours
    of each level are reduced by median cut (Heckbert, 1982).
    """
    pixels = page.reshape(-1, page.shape[2])
    packed = np.zeros((len(pixels), 4), np.uint8)
    packed[:, : page.shape[2]] = pixels
    different, first, inverse = np.unique(packed.view(np.uint32)[:, 0], return_index=True, return_inverse=True)
    if len(different) <= count:
        return inverse.reshape(page.shape[:2]).astype(np.uint8), pixels[first]
    return _reduce(page, count)


def _reduce(page: NDArray[np.uint8], count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    alpha = page[..., 3] if page.shape[2] == 4 else np.full(page.shape[:2], 255, np.uint8)
    levels, pixels = np.unique(alpha, return_counts=True)
    if len(levels) > count:
        levels = levels[np.linspace(0, len(levels) - 1, count).round().astype(int)]
        pixels = np.ones(count, np.intp)
        nearest = levels[np.abs(np.arange(256)[:, None] - levels.astype(int)).argmin(axis=1)]
        alpha = nearest[alpha]
    shares = np.where(levels == 0, 1, 1 + (pixels * (count - len(levels)) // max(pixels[levels > 0].sum(), 1)))
    indices = np.zeros(page.shape[:2], np.uint8)
    chosen: list[NDArray[np.uint8]] = []
    used = 0
    for level, share in zip(levels, shares, strict=True):
        where = alpha == level
        places, colours = _median_cut(page[where][:, :3], int(share))
        indices[where] = places + used
        chosen.append(np.column_stack([colours, np.full(len(colours), level, np.uint8)]))
        used += len(colours)
    return indices, np.concatenate(chosen)[:, : page.shape[2]]


def _median_cut(colours: NDArray[np.uint8], count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    from PIL import Image as pillow

    line = pillow.fromarray(np.ascontiguousarray(colours)[None])
    reduced = line.quantize(count, method=pillow.Quantize.MEDIANCUT, dither=pillow.Dither.NONE)
    table = np.asarray(reduced.getpalette("RGB"), np.uint8).reshape(-1, 3)
    return np.asarray(reduced)[0], table
