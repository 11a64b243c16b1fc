"""Cutting large images into tiles whose results, put together, equal the result of the whole.

Two things make that exact. The core of every tile begins on the model's grid, as pooling and strided convolutions see
the same groups of pixels then; and every tile is read with a halo that covers the model's receptive field. At the
image's own edges there is no halo: the model pads there as it does for the whole image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pellucid.common import PellucidError


@dataclass(frozen=True)
class Span:
    """One axis of a tile: pixels `begin` to `end` are its own; it is read from `read_begin` to `read_end`."""

    begin: int
    end: int
    read_begin: int
    read_end: int

    @property
    def own(self) -> slice:
        """The tile's own pixels in the image."""
        return slice(self.begin, self.end)

    @property
    def read(self) -> slice:
        """The pixels to read from the image."""
        return slice(self.read_begin, self.read_end)

    @property
    def crop(self) -> slice:
        """The tile's own pixels within what was read."""
        return slice(self.begin - self.read_begin, self.end - self.read_begin)


@dataclass(frozen=True)
class Tiling:
    """How a model's images are cut.

    Parameters
    ----------
    core : side of a tile's own square, in pixels
    halo : pixels that the result depends on beyond a cell of the grid
    multiple_of : the grid, in pixels

    Raises
    ------
    PellucidError
        If `core` is not a positive multiple of `multiple_of`.
    """

    core: int
    halo: int
    multiple_of: int

    def __post_init__(self) -> None:
        if self.core < 1 or self.core % self.multiple_of:
            raise PellucidError(
                f"the side of a tile must be a positive multiple of {self.multiple_of} pixels; got {self.core}."
            )

    @property
    def margin(self) -> int:
        """The halo rounded up to the grid, so that what is read begins on it, too."""
        # At least one cell: the rows mirrored outwards at an edge off the grid come from there.
        return -(-max(self.halo, 1) // self.multiple_of) * self.multiple_of

    @property
    def read_side(self) -> int:
        """The largest side that is ever read at once."""
        return self.core + 2 * self.margin

    def spans(self, length: int) -> Iterator[Span]:
        """Yield the tiles along an axis of `length` pixels."""
        for begin in range(0, length, self.core):
            end = min(begin + self.core, length)
            yield Span(begin, end, max(0, begin - self.margin), min(length, end + self.margin))

    def tiles(self, height: int, width: int) -> Iterator[tuple[Span, Span]]:
        """Yield (rows, columns) of the tiles of an image, row by row."""
        for rows in self.spans(height):
            for columns in self.spans(width):
                yield rows, columns
