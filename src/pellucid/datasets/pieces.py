"""What of an image is looked at, or judged by: all of it, or of a large one evenly spaced squares."""

from __future__ import annotations

from pellucid.datasets.sources import Images
from pellucid.images import Image

WHOLE = 2**22
"""Pixels of an image up to which it is taken whole: a judgement must not take gigabytes."""

SIDE = 512
"""Side of the squares that stand for a larger image, in pixels."""

ACROSS = 4
"""Squares along either side: together they have as many pixels as the largest image that is taken whole."""


def pieces(images: Images, index: int) -> list[tuple[slice, slice]]:
    """Return the rows and columns of what stands for an image: of all of it, or of squares from the top left on."""
    height, width = images.size(index)
    if height * width <= WHOLE:
        return [(slice(0, height), slice(0, width))]
    return [(rows, columns) for rows in _spans(height) for columns in _spans(width)]


def piece(images: Images, index: int) -> Image:
    """Return an image; of a large one, one of its squares."""
    found = pieces(images, index)
    return images.window(index, *found[len(found) // 2])


def _spans(length: int) -> list[slice]:
    """Return up to `ACROSS` parts of a side, the first and the last at its ends."""
    count = min(ACROSS, -(-length // SIDE))
    starts = [max(length - SIDE, 0) * place // max(count - 1, 1) for place in range(count)]
    return [slice(start, min(start + SIDE, length)) for start in starts]
