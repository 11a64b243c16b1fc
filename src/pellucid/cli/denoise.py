"""The command `denoise`: files, folders, or standard input."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.cli.output import SOME_FAILED, one_line, say
from pellucid.errors import PellucidError

if TYPE_CHECKING:
    from pellucid.denoise import Denoiser
    from pellucid.formats import Limits


def denoise(options: argparse.Namespace) -> int:
    """Denoise what was named; return 0, or 1 if some of several files failed."""
    from pellucid.bulk import denoise_files, plan
    from pellucid.formats import Limits
    from pellucid.memory import parse_size
    from pellucid.progress import progress
    from pellucid.single import denoise_file

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
    from pellucid.denoise import Denoiser

    limits = value_range(options.range)
    return Denoiser(options.model, threads, options.engine, limits, ensemble=options.ensemble)


def value_range(text: str | None) -> tuple[float, float] | None:
    """Read LOW-HIGH; None stays None."""
    if text is None:
        return None
    low, _, high = text.partition("-")
    try:
        return float(low), float(high)
    except ValueError:
        raise PellucidError(f"a range of values is written LOW-HIGH, as in 0-4095; got {text!r}.") from None


def _rows_to_watch(path: Path) -> int:
    """Return the height of an image that is large enough to take a while, else 0."""
    from pellucid.denoise import WHOLE
    from pellucid.formats import probe
    from pellucid.streaming import LIMITS

    with contextlib.suppress(PellucidError):  # whatever is wrong with the file, reading it will say so
        height, width, _ = probe(path, limits=LIMITS)
        return height if height * width > WHOLE else 0
    return 0


def _say_notes(notes: Mapping[str, int], files: int) -> None:
    for note, count in notes.items():
        sys.stderr.write(f"note: {note}{f' ({count:,} of {files:,} files)' if files > 1 else ''}\n")


def _pipe(options: argparse.Namespace, limits: Limits) -> int:
    """Denoise standard input; write standard output, or the file named by -o."""
    from pellucid.formats import read_picture, write_picture
    from pellucid.single import Judge, denoise_picture

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
