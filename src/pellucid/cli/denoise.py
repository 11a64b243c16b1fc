"""The command `denoise`: files, folders, or standard input."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.cli.options import (
    add_model,
    add_range,
    add_recursive,
    value_range,
)
from pellucid.cli.output import SOME_FAILED, say
from pellucid.common import PellucidError, one_line

if TYPE_CHECKING:
    from pellucid.images import Limits
    from pellucid.inference import Denoiser


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
        "--memory", metavar="SIZE", help="stay within this much memory, as in 500MB; TIFF and .npy are streamed"
    )
    add_range(command)
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
    from pellucid.images import Limits
    from pellucid.inference import denoise_file, denoise_files, parse_size, plan

    limits = Limits(pixels=int(options.max_pixels)) if options.max_pixels else Limits()
    memory = parse_size(options.memory) if options.memory else 0
    if options.images == ["-"]:
        return _pipe(options, limits)
    jobs = plan(
        options.images,
        options.output,
        recursive=options.recursive,
        overwrite=options.overwrite,
        skip_existing=options.skip_existing,
    )
    denoiser = _open(options, 1 if len(jobs) > 1 else 0)
    if len(jobs) == 1:
        height = _rows_to_watch(jobs[0].source)
        with progress("denoising", height, "rows", enabled=height > 0) as report:
            notes = denoise_file(denoiser, jobs[0], memory, limits, report, strict=options.strict)
        _say_notes(dict.fromkeys(map(str, notes), 1), 1)
        say(str(jobs[0].target))
        return 0
    with progress("denoising", len(jobs), "images", enabled=len(jobs) > 1) as report:
        outcome = denoise_files(
            denoiser,
            jobs,
            workers=options.workers,
            memory=memory,
            limits=limits,
            report=report,
            strict=options.strict,
        )
    _say_notes(outcome.notes, len(jobs))
    say(f"{outcome.written:,} of {len(jobs):,} images denoised")
    for _, reason in outcome.failed:
        sys.stderr.write(f"pellucid: {one_line(reason)}\n")
    return SOME_FAILED if outcome.failed else 0


def _open(options: argparse.Namespace, threads: int = 0) -> Denoiser:
    from pellucid.inference import Denoiser

    limits = value_range(options.range)
    return Denoiser(options.model, threads, options.engine, limits, ensemble=options.ensemble)


def _rows_to_watch(path: Path) -> int:
    """Return the height of an image that is large enough to take a while, else 0."""
    from pellucid.images import probe
    from pellucid.inference import LIMITS, WHOLE

    with contextlib.suppress(PellucidError):  # whatever is wrong with the file, reading it will say so
        height, width, _ = probe(path, limits=LIMITS)
        return height if height * width > WHOLE else 0
    return 0


def _say_notes(notes: Mapping[str, int], files: int) -> None:
    for note, count in notes.items():
        sys.stderr.write(f"note: {note}{f' ({count:,} of {files:,} files)' if files > 1 else ''}\n")


def _pipe(options: argparse.Namespace, limits: Limits) -> int:
    """Denoise standard input; write standard output, or the file named by -o."""
    from pellucid.images import read_picture, write_picture
    from pellucid.inference import Judge, denoise_picture

    denoiser = _open(options)
    picture = read_picture(sys.stdin.buffer.read(limits.bytes + 1), limits=limits, name="standard input")
    clean, notes = denoise_picture(denoiser, picture, Judge("standard input", options.strict))
    _say_notes(dict.fromkeys(map(str, notes), 1), 1)
    if options.output in (None, "-"):
        write_picture(sys.stdout.buffer, clean)
        sys.stdout.buffer.flush()
        return 0
    target = Path(options.output)
    if target.exists() and not options.overwrite:
        raise PellucidError(f"{target} exists already. Add --overwrite, or choose another -o.")
    write_picture(target, clean)
    say(str(target))
    return 0
