"""Few images, split by place: parts of each to learn from, to choose by and to judge by, with gaps between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.datasets.labels import Labels
from pellucid.datasets.sources import Images
from pellucid.images import Image, Ranges

FEW = 4
"""So many images, or fewer, are split by place where they are large enough: whole ones would be too few to part."""

FEW_NOISY = 16
"""The same of noisy images that are learned from alone: whole ones would leave one or two to choose by."""

GAP = 40
"""Pixels between two parts of an image, more than the networks see around a pixel; fewer where images are small."""

SHARES = (0.7, 0.12, 0.18)
"""Of an image's longer side: to learn from, to choose by, to judge by."""

NOISY_SHARES = (0.8, 0.08, 0.12)
"""The same of noisy images that are learned from alone; there are no gaps, as it is their noise that must be unseen."""

LEAST = 16
"""Pixels that the smallest part has along that side, at least."""


@dataclass(frozen=True)
class Region:
    """A part of image number `image`: its rows and columns, in pixels."""

    image: int
    rows: slice
    columns: slice


class Regions:
    """Parts of images, each an image of its own.

    Parameters
    ----------
    images : the whole ones
    regions : the parts, in order
    """

    def __init__(self, images: Images, regions: Sequence[Region]) -> None:
        self.images, self.regions = images, tuple(regions)
        self.channels = images.channels
        self.labels: Labels | None = None

    def __len__(self) -> int:
        return len(self.regions)

    def __getitem__(self, index: int) -> Image:
        """See `Images`."""
        region = self.regions[index]
        return self.images.window(region.image, region.rows, region.columns)

    def window(self, index: int, rows: slice, columns: slice) -> Image:
        """See `Images`."""
        region = self.regions[index]
        return self.images.window(region.image, _within(region.rows, rows), _within(region.columns, columns))

    def size(self, index: int) -> tuple[int, int]:
        """See `Images`."""
        region = self.regions[index]
        return region.rows.stop - region.rows.start, region.columns.stop - region.columns.start

    def kept(self, index: int) -> int:
        """See `Images`."""
        return self.images.kept(self.regions[index].image)

    def subset(self, indices: NDArray[np.intp]) -> Regions:
        """See `Images`."""
        return Regions(self.images, [self.regions[index] for index in indices])

    def content(self) -> Iterator[bytes]:
        """See `Images`."""
        yield self.places
        yield from self.images.content()

    @property
    def ranges(self) -> Ranges:
        """See `Images`."""
        return self.images.ranges

    @property
    def stacks(self) -> NDArray[np.intp]:
        """See `Images`."""
        return self.images.stacks[[region.image for region in self.regions]]

    @property
    def places(self) -> bytes:
        """Where the parts lie, to recognise them by."""
        return str(self.regions).encode()


def _within(outer: slice, inner: slice) -> slice:
    """Return the part `inner` of the part `outer`."""
    begin, end, _ = inner.indices(outer.stop - outer.start)
    return slice(outer.start + begin, outer.start + end)


def can_split(images: Images, *, gaps: bool = True) -> bool:
    """Whether there are few images or stacks, and all planes are large enough to be split by place."""
    few = 0 < len(np.unique(images.stacks)) <= (FEW if gaps else FEW_NOISY)
    return few and all(_cuts(max(images.size(index))) for index in range(len(images)))


def by_place(images: Images, *, gaps: bool = True) -> tuple[Regions, Regions, Regions, Regions]:
    """Split each image along its longer side: to learn from, to choose by, to judge by, and the first two together.

    Without gaps, the parts are `NOISY_SHARES` of it.

    Raises
    ------
    PellucidError
        If an image is too small to be split.
    """
    parts: tuple[list[Region], ...] = ([], [], [])
    for index in range(len(images)):
        height, width = images.size(index)
        cuts = _cuts(max(height, width), gaps=gaps)
        if cuts is None:
            raise PellucidError(
                f"there are too few images, {len(images)}, and one is too small to be split by place: {width}x{height} "
                f"pixels; expected {_shortest()} along one side, or at least 3 images. Add images."
            )
        for part, cut in zip(parts, cuts, strict=True):
            whole = slice(0, height), slice(0, width)
            part.append(Region(index, *((cut, whole[1]) if height >= width else (whole[0], cut))))
    train, choose, judge = (Regions(images, part) for part in parts)
    return train, choose, judge, Regions(images, [*parts[0], *parts[1]])


def _cuts(length: int, *, gaps: bool = True) -> tuple[slice, slice, slice] | None:
    """Return the three parts of a side; the gaps are narrower where the side is short. None: it is too short."""
    gap = min(GAP, length // 6) if gaps else 0
    rest = length - 2 * gap
    chosen, judged = (max(round(rest * share), LEAST) for share in (SHARES if gaps else NOISY_SHARES)[1:])
    learned = rest - chosen - judged
    if learned < 2 * LEAST:
        return None
    return slice(0, learned), slice(learned + gap, learned + gap + chosen), slice(length - judged, length)


def _shortest() -> int:
    return next(length for length in range(1, 1000) if _cuts(length))
