"""What a user should know of a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pellucid.common import PellucidError
from pellucid.domain import Finding
from pellucid.images import Scale, kind_of, shown, usual_range
from pellucid.modelfile import Card


class Note(NamedTuple):
    """What a user should know of one result.

    Attributes
    ----------
    text : the same for every file of which it is true
    figures : of this file
    argument : the argument of `Denoiser` to change, by its name, where that is the remedy
    """

    text: str
    figures: str = ""
    argument: str = ""


class Notes:
    """Gathers the notes on one file while it is denoised.

    Parameters
    ----------
    name : how messages call the file
    strict : what was found of an image is not noted; the image is refused
    """

    def __init__(self, name: str, *, strict: bool = False) -> None:
        self._name, self._strict = name, strict
        self._notes: list[Note] = []

    def found(self, findings: Sequence[Finding]) -> None:
        """Take what `domain.check` found of an image before it is denoised, and note each sentence once.

        Raises
        ------
        PellucidError
            If it is not nothing, and `strict`.
        """
        if findings and self._strict:
            said = "; ".join(map(str, findings))
            arguments = dict.fromkeys(["strict", *(one.argument for one in findings if one.argument)])
            raise PellucidError(
                f"{self._name} was refused, since it is unlike the images that the model was trained for: {said}. "
                "Mend that, or allow such images.",
                argument=" ".join(arguments),
            )
        known = {note.text for note in self._notes}
        self._notes += [Note(one.sentence, one.figures, one.argument) for one in findings if one.sentence not in known]

    def add(self, texts: Sequence[str]) -> None:
        """Take what is said of the form that the file is written in."""
        self._notes += map(Note, texts)

    def channels(self, card: Card, colours: int) -> None:
        """Note what a model does with an image of so many colour channels, if they are not its own."""
        if colours == card.channels:
            return
        self._once(
            Note("a gray model took a colour image channel by channel")
            if colours == 3
            else Note("a colour model took a gray image as three equal channels")
        )

    def range(self, dtype: np.dtype[Any], scale: Scale) -> None:
        """Note what was taken as black and white, if it was found in the image and is not that of its type."""
        if scale.range != usual_range(dtype):
            self._once(Note(f"black and white were found in the values of {kind_of(dtype)}", shown(scale.range)))

    def holes(self, count: int, values: int) -> None:
        """Note how many of the values of a file are no numbers."""
        if count:
            self._once(Note("values that are no numbers (NaN) stay as they are", f"{count:,} of {values:,}"))

    def _once(self, note: Note) -> None:
        if all(known.text != note.text for known in self._notes):
            self._notes.append(note)

    @property
    def all(self) -> tuple[Note, ...]:
        """The notes so far."""
        return tuple(self._notes)
