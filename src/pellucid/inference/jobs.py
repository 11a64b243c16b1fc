"""Which files to read, and where to write the results."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pellucid.common import PellucidError, one_line
from pellucid.images import MARK, WRITTEN_AS, find_images

STANDARD = "-"
"""Stands for standard input where a file to read is named, and for standard output where one to write is."""


@dataclass(frozen=True)
class Job:
    """One file to read and the file to write; the text `STANDARD` in their place is standard input, or output."""

    source: Path | str
    target: Path | str

    @property
    def name(self) -> str:
        """How messages call what is read, on one line."""
        return "standard input" if self.source == STANDARD else one_line(self.source)


def plan(
    inputs: Sequence[str],
    output: str | None = None,
    *,
    recursive: bool = False,
    overwrite: bool = False,
    skip_existing: bool = False,
) -> list[Job]:
    """Find the files to read, and name the files to write.

    Parameters
    ----------
    inputs : image files, folders of images, or patterns such as `scans/*.png`; or `-` alone, which is standard input
    output : a file for a single input file, else a folder in which the tree of the inputs is mirrored; None writes
        beside each input, as `name.denoised.png`. `-` is standard output, as is None for standard input.
    recursive : look into folders below the given ones, too
    overwrite : outputs may replace files that exist
    skip_existing : leave out inputs whose output exists

    Raises
    ------
    PellucidError
        If nothing is found, an output exists, an output is an input, or two inputs have the same output.
    """
    if STANDARD in inputs:
        if len(inputs) > 1:
            raise PellucidError("standard input (-) is denoised alone. Leave it out, or the other images.")
        jobs = [Job(STANDARD, STANDARD if output in (None, STANDARD) else Path(str(output)))]
    else:
        jobs = _from_files(inputs, output, recursive)
    sources = {Path(job.source).resolve() for job in jobs if job.source != STANDARD}
    targets: set[Path] = set()
    kept = []
    for job in jobs:
        if job.target == STANDARD:
            kept.append(job)
            continue
        target = Path(job.target)
        place = target.resolve()
        if place in sources:
            raise PellucidError(
                f"{one_line(target)} is an input; inputs are never replaced. Choose another place.", argument="output"
            )
        if place in targets:
            raise PellucidError(
                f"two inputs would be written to {one_line(target)}. Denoise them one by one, or rename one."
            )
        targets.add(place)
        if target.exists() and not overwrite:
            if skip_existing:
                continue
            raise PellucidError(
                f"{one_line(target)} exists already. Replace it, leave it out, or choose another place.",
                argument="overwrite skip_existing output",
            )
        kept.append(job)
    return kept


def _from_files(inputs: Sequence[str], output: str | None, recursive: bool) -> list[Job]:
    found = [pair for name in inputs for pair in find_images(name, recursive=recursive).items()]
    if output == STANDARD and len(found) > 1:
        raise PellucidError(f"standard output takes one image, not {len(found):,}. Choose a folder.", argument="output")
    single = len(found) == 1 and len(inputs) == 1 and not Path(inputs[0]).is_dir()
    jobs = [Job(path, _target(path, below, output, single)) for path, below in found]
    if output is not None:
        return jobs
    made = {job.target for job in jobs}  # the results of an earlier run are not images to denoise
    return [job for job in jobs if job.source not in made or str(job.source) in inputs]


def _target(path: Path, below: Path, output: str | None, single: bool) -> Path | str:
    suffix = WRITTEN_AS.get(path.suffix.lower(), path.suffix)
    if output is None:
        return path.with_name(f"{path.stem}{MARK}{suffix}")
    if output == STANDARD:
        return output
    if single and not Path(output).is_dir() and not output.endswith(("/", os.sep)):
        return Path(output)
    return Path(output) / below.with_suffix(suffix)
