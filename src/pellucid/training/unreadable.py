"""Images that cannot be read while a training runs: counted, named once, left out; too many of them end it."""

from __future__ import annotations

from collections.abc import Callable

from pellucid.common import PellucidError

NAMED = 10
"""How many are named; the others are only counted."""


class TooManyError(PellucidError):
    """More images cannot be read than may be left out."""


class Unreadable:
    """The images of one part of a data set that could not be read.

    Parameters
    ----------
    part : what to call them, such as "training"
    total : images in that part
    share : of them that may be left out; one always may
    say : told of each once

    Attributes
    ----------
    last : why the last of them could not be read
    """

    def __init__(self, part: str, total: int, share: float, say: Callable[[str], None]) -> None:
        self._part, self._total, self._share, self._say = part, total, share, say
        self._found: set[int] = set()
        self.last = ""

    def note(self, image: int, reason: PellucidError) -> None:
        """Count image number `image`.

        Raises
        ------
        TooManyError
            If they are more than may be.
        """
        if image in self._found:
            return
        self._found.add(image)
        self.last = str(reason)
        if len(self._found) > max(1.0, self._share * self._total):
            raise TooManyError(
                f"{len(self._found):,} of {self._total:,} {self._part} images can no longer be read, more than "
                f"{self._share:.0%}. The last: {reason} Restore them, or allow more.",
                argument="max_unreadable",
            )
        if len(self._found) <= NAMED:
            more = "; further ones are counted only" if len(self._found) == NAMED else ""
            self._say(f"left out, as it cannot be read: {reason}{more}")

    def summary(self) -> str:
        """Return a line of how many there were; empty for none."""
        count = len(self._found)
        return f"{count:,} of {self._total:,} {self._part} images could not be read and were left out" if count else ""
