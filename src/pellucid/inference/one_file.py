"""Denoising one file: read, compared with what the model was trained for, run, written."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import Report
from pellucid.domain import check_rows
from pellucid.images import (
    Limits,
    Picture,
    Scale,
    ValueRange,
    fill_holes,
    layout_of,
    read_picture,
    write_picture,
)
from pellucid.inference.denoiser import Denoise, Denoiser
from pellucid.inference.jobs import STANDARD, Job
from pellucid.inference.memory import Budget
from pellucid.inference.notes import Note, Notes
from pellucid.inference.streaming import can_stream, denoise_stream


def denoise_file(
    denoiser: Denoise,
    job: Job,
    *,
    limits: Limits | None = None,
    strict: bool = False,
    value_range: ValueRange | None = None,
    axes: str | None = None,
    budget: Budget | None = None,
    durable: bool = True,
    report: Report | None = None,
) -> tuple[Note, ...]:
    """Denoise one file; return what a user should know of the result.

    Parameters
    ----------
    denoiser, limits, strict, value_range, axes : as in `denoise_files`
    job : the file to read and the file to write
    budget : of memory, for a model; a file that can be streamed then is
    durable : wait until the file is on disk
    report : called with the number of rows done, or of planes if there are several

    Raises
    ------
    PellucidError
        If the file cannot be read, is refused, or the result cannot be written.
    """
    notes = Notes(job.name, strict=strict)
    if budget and isinstance(denoiser, Denoiser) and can_stream(job.source) and job.target != STANDARD:
        denoise_stream(denoiser, Path(job.source), Path(job.target), budget, report, notes, axes)
        return notes.all
    picture = _read(job, limits or Limits(), axes)
    if isinstance(denoiser, Denoiser):
        clean = _denoise_picture(denoiser, picture, notes, report)
    else:
        clean = _filter_picture(denoiser, picture, value_range, notes)
    if job.target == STANDARD:
        write_picture(sys.stdout.buffer, clean)
        sys.stdout.buffer.flush()
    else:
        write_picture(job.target, clean, durable=durable)
    return notes.all


def _read(job: Job, limits: Limits, axes: str | None) -> Picture:
    if job.source == STANDARD:
        return read_picture(sys.stdin.buffer.read(limits.bytes + 1), limits=limits, name=job.name, axes=axes)
    return read_picture(job.source, limits=limits, axes=axes)


def _denoise_picture(denoiser: Denoiser, picture: Picture, notes: Notes, report: Report | None) -> Picture:
    """Denoise every page of a picture, once all have been looked at."""
    notes.add(picture.form.notes)
    scales = _scales(picture, denoiser.known_range)
    _note_holes(picture, notes)
    for page in picture.pages:
        scale, (height, width) = scales[page.dtype], page.shape[:2]
        told = denoiser.value_range is not None
        notes.found(check_rows(denoiser.card, height, width, partial(_rows, page), scale, told=told))
        if denoiser.known_range(page.dtype) is None:
            notes.range(page.dtype, scale)
    first = picture.pages[0]
    notes.channels(denoiser.card, layout_of(first.shape, first.dtype).colours)
    several = len(picture.pages) > 1
    clean = []
    for done, page in enumerate(picture.pages, 1):
        clean.append(denoiser.plane(page, scales[page.dtype], None if several else report))
        if report and several:
            report(done)
    return replace(picture, pages=tuple(clean))


def _filter_picture(denoise: Denoise, picture: Picture, value_range: ValueRange | None, notes: Notes) -> Picture:
    """Denoise every page by what has no card to compare with."""
    notes.add(picture.form.notes)
    scales = _scales(picture, lambda dtype: value_range)
    _note_holes(picture, notes)
    clean = []
    for page in picture.pages:
        scale = scales[page.dtype]
        if value_range is None:
            notes.range(page.dtype, scale)
        filled, holes = fill_holes(page)
        result = scale.from_unit(denoise(scale.to_unit(filled)), filled)
        clean.append(result if holes is None else np.where(holes, page, result))
    return replace(picture, pages=tuple(clean))


def _note_holes(picture: Picture, notes: Notes) -> None:
    floats = [page for page in picture.pages if page.dtype.kind == "f"]
    holes = sum(page.size - int(np.count_nonzero(np.isfinite(page))) for page in floats)
    notes.holes(holes, sum(page.size for page in floats))


def _rows(page: NDArray[Any], begin: int, end: int) -> NDArray[Any]:
    return page[begin:end]


def _scales(picture: Picture, known: Callable[[np.dtype[Any]], ValueRange | None]) -> dict[np.dtype[Any], Scale]:
    """Return one scale for all pages of a type: the planes of a stack belong together."""
    pages: dict[np.dtype[Any], list[NDArray[Any]]] = {}
    for page in picture.pages:
        pages.setdefault(page.dtype, []).append(page)
    return {dtype: Scale.over(same, known(dtype)) for dtype, same in pages.items()}
