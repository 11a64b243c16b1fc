"""The command `denoise`: files, folders, or standard input."""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from pellucid.cli.options import add_model, add_recursive, add_values, open_denoiser, value_range
from pellucid.cli.output import SOME_FAILED, options_of, say
from pellucid.common import PellucidError, one_line

if TYPE_CHECKING:
    from pellucid.images import Limits
    from pellucid.inference import Job, Note

ABOUT = "denoise image files with a trained model"


def add(command: argparse.ArgumentParser) -> None:
    """Declare the options."""
    command.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="image files, folders, patterns such as 'scans/*.png'; - reads standard input",
    )
    add_model(command)
    command.add_argument("-o", "--output", help="file to write; for several images, a folder; - writes standard output")
    add_recursive(command)
    command.add_argument(
        "--overwrite", action="store_true", help="replace outputs that exist; inputs are never replaced"
    )
    command.add_argument("--skip-existing", action="store_true", help="leave out images whose output exists")
    command.add_argument(
        "--memory",
        metavar="SIZE",
        help="stay within this much memory, as in 500MB; TIFF, .npy and OME-Zarr are streamed",
    )
    add_values(command)
    command.add_argument(
        "--strict", action="store_true", help="refuse images outside of what the model was trained for"
    )
    command.add_argument("--engine", default="auto", help="onnxruntime (auto takes it) or openvino")
    command.add_argument(
        "--workers", type=int, default=0, metavar="N", help="files at a time (default: one per processor)"
    )
    command.add_argument("--max-pixels", type=float, metavar="N", help="refuse larger images (default 2.7e8)")


def run(options: argparse.Namespace) -> int:
    """Denoise what was named; return 0, or 1 if some of several files failed."""
    from pellucid.common import progress
    from pellucid.inference import STANDARD, denoise_files, parse_size, plan

    memory = 0 if options.memory is None else parse_size(options.memory)
    limits = _limits(options.max_pixels)
    jobs = plan(
        options.images,
        options.output,
        recursive=options.recursive,
        overwrite=options.overwrite,
        skip_existing=options.skip_existing,
    )
    told = value_range(options)
    _, denoiser = open_denoiser(options, told)
    alone = len(jobs) == 1
    total, unit = _to_watch(jobs[0], options.axes) if alone else (len(jobs), "images")
    notes: Counter[Note] = Counter()
    failed: list[PellucidError] = []
    with progress("denoising", total, unit, enabled=total > 0) as report:
        results = denoise_files(
            denoiser,
            jobs,
            workers=options.workers,
            memory=memory,
            limits=limits,
            strict=options.strict,
            value_range=told,
            axes=options.axes,
            report=report if alone else None,
        )
        with closing(results):  # so that Ctrl-C ends it here
            for done, result in enumerate(results, 1):
                if result.error:
                    failed.append(result.error)
                notes.update(note if alone else note._replace(figures="") for note in result.notes)
                if not alone:
                    report(done)
    if alone and failed:
        raise failed[0]
    _say_notes(notes, len(jobs))
    if not alone:
        say(f"{len(jobs) - len(failed):,} of {len(jobs):,} images denoised")
    elif jobs[0].target != STANDARD:
        say(str(jobs[0].target))
    for error in failed:
        sys.stderr.write(f"pellucid: {one_line(error)}{options_of(error.argument)}\n")
    return SOME_FAILED if failed else 0


def _limits(pixels: float | None) -> Limits:
    from pellucid.images import Limits

    if pixels is None:
        return Limits()
    if not 1 <= pixels < math.inf:
        raise PellucidError(f"the limit on pixels must be a number from 1 on; got {pixels:g}.", argument="max_pixels")
    return Limits(pixels=int(pixels))


def _to_watch(job: Job, axes: str | None) -> tuple[int, str]:
    """Return the number of planes, or of rows of a single large one, that take a while; else 0."""
    from pellucid.images import measure_pages
    from pellucid.inference import LIMITS, STANDARD, WHOLE

    if job.source == STANDARD:
        return 0, "rows"
    with suppress(Exception):  # whatever is wrong with the file, reading it will say so
        pages = measure_pages(job.source, limits=LIMITS, axes=axes)
        if len(pages) > 1:
            return len(pages), "planes"
        return (pages[0].height if pages[0].height * pages[0].width > WHOLE else 0), "rows"
    return 0, "rows"


def _say_notes(notes: Mapping[Note, int], files: int) -> None:
    for note, count in notes.items():
        where = f" ({count:,} of {files:,} files)" if files > 1 else f" ({note.figures})" if note.figures else ""
        sys.stderr.write(f"note: {note.text}{options_of(note.argument)}{where}\n")
