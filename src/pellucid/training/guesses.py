"""Images as a denoiser sees them: clean guesses to learn from once more."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets import CACHE_BYTES, ArrayImages, Images, stack
from pellucid.images import Image, Ranges
from pellucid.noise import Batch

LARGE = 2**20
"""Pixels from which on no whole image is denoised, but what a patch needs of it."""

TOGETHER = 256
"""Images of one array that are denoised together."""


class Guesses:
    """`Images` of noisy ones, denoised; clipped to [0, 1], as clean images are.

    Parameters
    ----------
    noisy : the images
    guess : the denoiser, from images to images of one size, NHWC float32
    halo : how far it sees around a pixel, in pixels
    """

    def __init__(self, noisy: Images, guess: Callable[[Batch], Batch], halo: int) -> None:
        self.noisy, self._guess, self._halo = noisy, guess, halo
        self.channels, self.labels = noisy.channels, noisy.labels
        self._kept: OrderedDict[int, Image] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.noisy)

    def __getitem__(self, index: int) -> Image:
        """See `Images`."""
        return self.window(index, slice(None), slice(None))

    def window(self, index: int, rows: slice, columns: slice) -> Image:
        """See `Images`."""
        height, width = self.size(index)
        if height * width < LARGE:
            return self._whole(index)[rows, columns]
        (top, bottom, _), (left, right, _) = rows.indices(height), columns.indices(width)
        above, before = max(top - self._halo, 0), max(left - self._halo, 0)
        around = self.noisy.window(
            index, slice(above, bottom + self._halo), slice(before, right + self._halo)
        )  # slices end with the image
        clean = np.clip(self._guess(around[None])[0], 0, 1)
        return np.asarray(clean[top - above : bottom - above, left - before : right - before])

    def _whole(self, index: int) -> Image:
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        together = TOGETHER if isinstance(self.noisy, ArrayImages) else 1
        begin = index - index % together
        numbers = [place for place in range(begin, min(begin + together, len(self))) if place not in self._kept]
        for place, image in zip(numbers, np.clip(self._guess(stack(self.noisy, numbers)), 0, 1), strict=True):
            self._kept[place] = image
            self._bytes += image.nbytes
        found = self._kept[index]
        while self._bytes > CACHE_BYTES and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return found

    def size(self, index: int) -> tuple[int, int]:
        """See `Images`."""
        return self.noisy.size(index)

    def kept(self, index: int) -> int:
        """See `Images`."""
        height, width = self.size(index)
        return 4 * height * width * self.channels if height * width < LARGE else self.noisy.kept(index)

    @property
    def ranges(self) -> Ranges:
        """See `Images`."""
        return self.noisy.ranges

    @property
    def stacks(self) -> NDArray[np.intp]:
        """See `Images`."""
        return self.noisy.stacks

    def subset(self, indices: NDArray[np.intp]) -> Guesses:
        """See `Images`."""
        return Guesses(self.noisy.subset(indices), self._guess, self._halo)

    def content(self) -> Iterator[bytes]:
        """See `Images`; the content is that of the noisy images."""
        return self.noisy.content()
