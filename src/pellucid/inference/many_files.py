"""Denoising files, one or millions: what to read, where to write, and workers that keep the processor busy."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from pellucid.common import PellucidError, Report, usable_processors
from pellucid.images import MARK, Limits, find
from pellucid.inference.denoiser import Denoiser
from pellucid.inference.one_file import Job, Note, denoise_file

MANY = 200
"""From so many files on, processes are worth starting."""

CHUNK = 16
"""Files that a worker process takes at a time."""

Result = tuple[Path, list[Note], str | None]
"""A file that was read, what is to be noted about its result, and the reason if there is none."""


@dataclass
class Outcome:
    """What became of the jobs.

    Attributes
    ----------
    written : files that were written
    failed : the source and, in one sentence, the reason, of each that was not
    notes : what a user should know of the results, with the number of files it holds for
    """

    written: int = 0
    failed: list[tuple[Path, str]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, results: Sequence[Result]) -> None:
        """Count some results."""
        for source, notes, error in results:
            if error is None:
                self.written += 1
                self.notes.update(note.text for note in notes)
            else:
                self.failed.append((source, error))


def plan(
    inputs: Sequence[str],
    output: str | None,
    *,
    recursive: bool = False,
    overwrite: bool = False,
    skip_existing: bool = False,
) -> list[Job]:
    """Find the files to read, and name the files to write.

    Parameters
    ----------
    inputs : image files, folders of images, or patterns such as `scans/*.png`
    output : a file for a single input file, else a folder in which the tree of the inputs is mirrored; None writes
        beside each input, as `name.denoised.png`
    recursive : look into folders below the given ones, too
    overwrite : outputs may replace files that exist
    skip_existing : leave out inputs whose output exists

    Raises
    ------
    PellucidError
        If nothing is found, an output exists, an output is an input, or two inputs have the same output.
    """
    found = [pair for name in inputs for pair in find(name, recursive)]
    single = len(found) == 1 and len(inputs) == 1 and not Path(inputs[0]).is_dir()
    jobs = [Job(path, _target(path, relative, output, single)) for path, relative in found]
    if output is None:  # the results of an earlier run are not images to denoise
        made = {job.target for job in jobs}
        jobs = [job for job in jobs if job.source not in made or str(job.source) in inputs]
    sources = {job.source.resolve() for job in jobs}
    targets: set[Path] = set()
    kept = []
    for job in jobs:
        place = job.target.resolve()
        if place in sources:
            raise PellucidError(f"{job.target} is an input; inputs are never replaced. Choose another -o.")
        if place in targets:
            raise PellucidError(f"two inputs would be written to {job.target}. Denoise them one by one, or rename one.")
        targets.add(place)
        if job.target.exists() and not overwrite:
            if skip_existing:
                continue
            raise PellucidError(
                f"{job.target} exists already. Add --overwrite or --skip-existing, or choose another -o."
            )
        kept.append(job)
    return kept


def _target(path: Path, relative: Path, output: str | None, single: bool) -> Path:
    if output is None:
        return path.with_name(f"{path.stem}{MARK}{path.suffix}")
    if single and not Path(output).is_dir() and not output.endswith(("/", os.sep)):
        return Path(output)
    return Path(output) / relative


def denoise_files(
    denoiser: Denoiser,
    jobs: Sequence[Job],
    *,
    workers: int = 0,
    memory: int = 0,
    limits: Limits | None = None,
    report: Report | None = None,
    strict: bool = False,
) -> Outcome:
    """Denoise files in parallel; one that fails is noted, and the rest go on.

    Each worker reads, runs and writes one file at a time, and the disk is waited for once, at the end. Workers are
    threads, or for `MANY` files and more, processes: with small images, threads would wait for Python's lock more than
    they work. Ctrl-C lets the files at hand be finished, and starts no more.

    Parameters
    ----------
    denoiser : for more than one worker, best made with `threads=1`
    jobs : from `plan`
    workers : files at a time; 0 takes one for each processor, 1 if `memory` is given
    memory : the most that the process may occupy, in bytes; 0 for no bound. Files that can be streamed then are.
    limits : on the files that are read
    report : called with the number of files done
    strict : images outside of what the model was trained for fail, and are not written

    Notes
    -----
    A script that calls this for `MANY` files must do so under `if __name__ == "__main__":`, as for any pool of
    processes.
    """
    outcome = Outcome()
    count = workers or (1 if memory else usable_processors())
    chosen = limits or Limits()
    processes = count > 1 and len(jobs) >= MANY and not memory
    size = CHUNK if processes else 1
    chunks = iter([jobs[start : start + size] for start in range(0, len(jobs), size)])
    with _pool(denoiser, count, processes) as pool:

        def start(chunk: Sequence[Job]) -> Future[list[Result]]:
            if processes:
                return pool.submit(_in_worker, chunk, chosen, strict)
            return pool.submit(_denoise_some, denoiser, chunk, memory, chosen, strict)

        running = {start(chunk) for chunk in islice(chunks, 2 * count)}
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    outcome.add(future.result())
                    running |= {start(chunk) for chunk in islice(chunks, 1)}
                if report:
                    report(outcome.written + len(outcome.failed))
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise
    if hasattr(os, "sync"):
        os.sync()
    return outcome


def _pool(denoiser: Denoiser, count: int, processes: bool) -> Executor:
    if not processes:
        return ThreadPoolExecutor(count)
    # Started afresh, not forked: a fork would inherit the engine's locks without its threads.
    settings = (denoiser.path, denoiser.engine, denoiser.value_range, denoiser.ensemble)
    return ProcessPoolExecutor(count, get_context("spawn"), _begin_worker, settings)


_opened: list[Denoiser] = []  # in a worker process, its own model


def _begin_worker(path: Path, engine: str, value_range: tuple[float, float] | None, ensemble: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the first one alone decides
    _opened.append(Denoiser(path, 1, engine, value_range, ensemble=ensemble))


def _in_worker(jobs: Sequence[Job], limits: Limits, strict: bool) -> list[Result]:
    return _denoise_some(_opened[0], jobs, 0, limits, strict)


def _denoise_some(denoiser: Denoiser, jobs: Sequence[Job], memory: int, limits: Limits, strict: bool) -> list[Result]:
    results: list[Result] = []
    for job in jobs:
        try:
            notes = denoise_file(denoiser, job, memory, limits, durable=False, strict=strict)
            results.append((job.source, notes, None))
        except PellucidError as error:
            results.append((job.source, [], str(error)))
    return results
