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
    axes: str | None = None,
    budget: Budget | None = None,
    durable: bool = True,
    report: Report | None = None,
) -> tuple[Note, ...]:
    """Denoise one file; return what a user should know of the result.

    Parameters
    ----------
    denoiser, limits, strict, axes : as in `denoise_files`
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
    clean = _denoise_picture(denoiser, _read(job, limits or Limits(), axes), notes, report)
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


def _denoise_picture(denoiser: Denoise, picture: Picture, notes: Notes, report: Report | None) -> Picture:
    """Denoise every page of a picture, once all have been looked at."""
    notes.add(picture.form.notes)
    if not isinstance(denoiser, Denoiser):  # it has no card to compare with
        scales = _scales(picture, lambda dtype: None)
        return replace(picture, pages=tuple(_filtered(denoiser, page, scales[page.dtype]) for page in picture.pages))
    scales = _scales(picture, denoiser.known_range)
    for page in picture.pages:
        scale, (height, width) = scales[page.dtype], page.shape[:2]
        told = denoiser.value_range is not None
        notes.found(check_rows(denoiser.card, height, width, partial(_rows, page), scale, told=told))
        if denoiser.known_range(page.dtype) is None:
            notes.range(page.dtype, scale)
    holes = sum(int(np.count_nonzero(~np.isfinite(page))) for page in picture.pages if page.dtype.kind == "f")
    notes.holes(holes, sum(page.size for page in picture.pages))
    first = picture.pages[0]
    notes.channels(denoiser.card, layout_of(first.shape, first.dtype).colours)
    several = len(picture.pages) > 1
    clean = []
    for done, page in enumerate(picture.pages, 1):
        clean.append(denoiser.plane(page, scales[page.dtype], None if several else report))
        if report and several:
            report(done)
    return replace(picture, pages=tuple(clean))


def _filtered(denoise: Denoise, page: NDArray[Any], scale: Scale) -> NDArray[Any]:
    filled, holes = fill_holes(page)
    clean = scale.from_unit(denoise(scale.to_unit(filled)), filled)
    return clean if holes is None else np.where(holes, page, clean)


def _rows(page: NDArray[Any], begin: int, end: int) -> NDArray[Any]:
    return page[begin:end]


def _scales(picture: Picture, known: Callable[[np.dtype[Any]], ValueRange | None]) -> dict[np.dtype[Any], Scale]:
    """Return one scale for all pages of a type: the planes of a stack belong together."""
    pages: dict[np.dtype[Any], list[NDArray[Any]]] = {}
    for page in picture.pages:
        pages.setdefault(page.dtype, []).append(page)
    return {dtype: Scale.over(same, known(dtype)) for dtype, same in pages.items()}
