"""Denoising one file: read, compared with what the model was trained for, run, written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from pellucid.common import PellucidError, Report, one_line
from pellucid.domain import Finding, check
from pellucid.images import Limits, Picture, read_picture, to_unit, write_picture
from pellucid.inference.denoiser import Denoiser
from pellucid.inference.streaming import can_stream, denoise_stream


@dataclass(frozen=True)
class Job:
    """One file to read and the file to write."""

    source: Path
    target: Path


class Note(NamedTuple):
    """What a user should know of a result: a text that is the same for every file, and the figures of this one."""

    text: str
    figures: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.figures})" if self.figures else self.text


def denoise_file(
    denoiser: Denoiser,
    job: Job,
    memory: int = 0,
    limits: Limits | None = None,
    report: Report | None = None,
    *,
    durable: bool = True,
    strict: bool = False,
) -> list[Note]:
    """Denoise one file; return what a user should know of the result.

    Parameters
    ----------
    denoiser, job, memory, limits : as in `many_files.denoise_files`
    report : called with the number of rows done, while a large image is worked on
    durable : wait until the file is on disk
    strict : refuse an image outside of what the model was trained for

    Raises
    ------
    PellucidError
        If the file cannot be read, is refused, or the result cannot be written.
    """
    judge = Judge(str(job.source), strict)
    if memory and can_stream(job.source):
        denoise_stream(denoiser, job.source, job.target, memory, report, judge)
        return judge.notes
    picture = read_picture(job.source, limits=limits or Limits())
    clean, notes = denoise_picture(denoiser, picture, judge, report)
    write_picture(job.target, clean, durable=durable)
    return notes


class Judge:
    """Takes what was found of an image before it is denoised: notes it or, if `strict`, refuses the image."""

    def __init__(self, name: str, strict: bool) -> None:
        self.name, self.strict = name, strict
        self.notes: list[Note] = []

    def __call__(self, findings: Sequence[Finding]) -> None:
        """Note each finding once."""
        if findings and self.strict:
            said = "; ".join(map(str, findings))
            raise PellucidError(
                f"{one_line(self.name)} was refused, as --strict asks: {said}. Leave --strict out to denoise it."
            )
        known = {note.text for note in self.notes}
        self.notes += [Note(one.sentence, one.figures) for one in findings if one.sentence not in known]


def denoise_picture(
    denoiser: Denoiser, picture: Picture, judge: Judge, report: Report | None = None
) -> tuple[Picture, list[Note]]:
    """Denoise every page of a picture, once all have passed the judge; return it, and what a user should know of it."""
    for page in picture.pages:
        judge(check(denoiser.card, page, denoiser.value_range))
    notes = [*judge.notes, *map(Note, picture.form.notes)]
    given = to_unit(picture.pages[0][:1, :1]).shape[2]
    if given != denoiser.card.channels:
        notes.append(
            Note("a gray model took a colour image channel by channel")
            if given == 3
            else Note("a colour model took a gray image as three equal channels")
        )
    return replace(picture, pages=tuple(denoiser(page, report) for page in picture.pages)), notes
