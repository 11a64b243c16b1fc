"""An image file in memory: its pages as arrays, and the form to write them back in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from numpy.typing import NDArray

from pellucid.common import PellucidError


@dataclass(frozen=True)
class Limits:
    """The most that a file may claim to hold, checked before it is decoded: a few bytes can claim any size.

    Attributes
    ----------
    pixels : of all pages together
    bytes : of the file
    """

    pixels: int = 2**28
    bytes: int = 2**32

    def check_size(self, name: str, width: int, height: int, before: int = 0) -> int:
        """Return `before` plus the pixels of one more page.

        Raises
        ------
        PellucidError
            If the page is empty or the sum is more than `pixels`.
        """
        if width < 1 or height < 1:
            raise PellucidError(f"{name} claims {width}x{height} pixels; expected at least one. Get a whole copy.")
        total = before + width * height
        if total > self.pixels:
            so_far = f" after {before} on earlier pages" if before else ""
            raise PellucidError(
                f"{name} claims {width}x{height} pixels{so_far}, more than the limit of {self.pixels}. Cut it up first."
            )
        return total


class Size(NamedTuple):
    """What the headers of an image file of one page say of it.

    Attributes
    ----------
    height, width : upright, in pixels
    colours : 1 or 3, alpha not counted
    itemsize : bytes of a value, once it is decoded
    parts : whether a part of it can be read without the rest, see `images.open_rows`
    """

    height: int
    width: int
    colours: int
    itemsize: int = 1
    parts: bool = False

    @property
    def bytes(self) -> int:
        """What its colours take, once they are decoded."""
        return self.height * self.width * self.colours * self.itemsize


@dataclass(frozen=True)
class Form:
    """What is needed, besides the pixels, to write a file as it came.

    Attributes
    ----------
    kind : of the file that is written, a name such as PNG or JPEG2000 (see `reading` and `writing`); that of a GIF is
        PNG; empty for pixels that came from no file
    dpi : horizontal and vertical pixels per inch
    icc : the ICC profile
    exif : without orientation and thumbnail, as in a PNG's eXIf chunk
    xmp : an XMP packet in which the orientation is 1
    extra : what only this kind of file has; another kind ignores it
    notes : what the user should know: what of this file cannot be written back as it came
    """

    kind: str = ""
    dpi: tuple[float, float] | None = None
    icc: bytes | None = field(default=None, repr=False)
    exif: bytes | None = field(default=None, repr=False)
    xmp: bytes | None = field(default=None, repr=False)
    extra: object = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """An image file in memory.

    Attributes
    ----------
    pages : each (H, W) or (H, W, C) with C in 1..4 (of 2 and 4 the last is alpha); bool, integers or floats
    form : how to write them
    """

    pages: tuple[NDArray[Any], ...]
    form: Form = Form()


def channels(page: NDArray[Any]) -> int:
    """Return the number of channels of a page, alpha included."""
    return 1 if page.ndim == 2 else page.shape[2]


def squeezed(page: NDArray[Any]) -> NDArray[Any]:
    """Return (H, W) for (H, W, 1): in a file they are the same."""
    return page[..., 0] if page.ndim == 3 and page.shape[2] == 1 else page


def without_idle_alpha(page: NDArray[Any]) -> NDArray[Any]:
    """Return RGB for uint8 RGBA in which nothing is transparent."""
    return page[..., :3] if channels(page) == 4 and page[..., 3].min() == 255 else page
