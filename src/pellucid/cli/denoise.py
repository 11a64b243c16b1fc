"""The command `denoise`: files, folders, or standard input."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pellucid.cli.output import SOME_FAILED, one_line, say
from pellucid.errors import PellucidError


def denoise(options: argparse.Namespace) -> int:
    """Denoise what was named; return 0, or 1 if some of several files failed."""
    from pellucid.bulk import denoise_files, plan
    from pellucid.denoise import Denoiser
    from pellucid.formats import Limits
    from pellucid.memory import parse_size
    from pellucid.progress import progress

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
    denoiser = Denoiser(options.model, threads=1 if len(jobs) > 1 else 0, engine=options.engine)
    with progress("denoising", len(jobs), "images", enabled=len(jobs) > 1) as report:
        outcome = denoise_files(denoiser, jobs, workers=options.workers, memory=memory, limits=limits, report=report)
    for note, count in outcome.notes.items():
        sys.stderr.write(f"note: {note} ({count:,} of {len(jobs):,} files)\n")
    if outcome.failed and len(jobs) == 1:
        raise PellucidError(outcome.failed[0][1])
    if len(jobs) == 1:
        say(str(jobs[0].target))
    else:
        say(f"{outcome.written:,} of {len(jobs):,} images denoised")
    for _, reason in outcome.failed:
        sys.stderr.write(f"pellucid: {one_line(reason)}\n")
    return SOME_FAILED if outcome.failed else 0


def _pipe(options: argparse.Namespace, limits: object) -> int:
    """Denoise standard input; write standard output, or the file named by -o."""
    from pellucid.bulk import denoise_picture
    from pellucid.denoise import Denoiser
    from pellucid.formats import Limits, read_picture, write_picture

    assert isinstance(limits, Limits)
    picture = read_picture(sys.stdin.buffer.read(limits.bytes + 1), limits=limits, name="standard input")
    clean, notes = denoise_picture(Denoiser(options.model, engine=options.engine), picture)
    for note in notes:
        sys.stderr.write(f"note: {note}\n")
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
