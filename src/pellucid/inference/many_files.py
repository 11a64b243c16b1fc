"""Denoising files, one or millions, in threads or processes that keep the processor busy."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pellucid.common import PellucidError, Report, one_line, usable_processors
from pellucid.images import Limits, ValueRange
from pellucid.inference.denoiser import Denoise, Denoiser
from pellucid.inference.jobs import STANDARD, Job
from pellucid.inference.memory import Budget
from pellucid.inference.notes import Note
from pellucid.inference.one_file import denoise_file
from pellucid.inference.workers import Died, in_processes, in_threads

MANY = 200
"""From so many files on, processes are worth starting."""


@dataclass(frozen=True)
class Result:
    """What became of one file.

    Attributes
    ----------
    source, target : as in the job
    notes : what a user should know of the result
    error : why there is none, in a sentence that names the file; None if it was written
    """

    source: Path | str
    target: Path | str
    notes: tuple[Note, ...] = ()
    error: PellucidError | None = None


def denoise_files(
    denoiser: Denoise,
    jobs: Sequence[Job],
    *,
    workers: int = 0,
    memory: int = 0,
    limits: Limits | None = None,
    strict: bool = False,
    value_range: ValueRange | None = None,
    axes: str | None = None,
    report: Report | None = None,
) -> Generator[Result, None, None]:
    """Denoise one file or millions; yield what became of each, as they are done.

    Whatever goes wrong with a file, even if it ends the process that works on it, is that file's failure, and the rest
    go on. Closing the generator and Ctrl-C let the files at hand be finished, and start no more; a file that is alone
    is left unwritten.

    Parameters
    ----------
    denoiser : a `Denoiser`, or another function from image to image, as a classical filter
    jobs : the files to read and to write, as from `plan`
    workers : files at a time; 0 takes one for each processor
    memory : the most that the process may occupy (peak resident set), in bytes; 0 for no bound
    limits : on the files that are read
    strict : images outside of what the model was trained for fail, and are not written
    value_range : the values that are black and white, for what is no `Denoiser`, which has its own
    axes : of arrays, as in `Denoiser`
    report : of a file that is alone: called with the number of rows done, or of planes if there are several

    Raises
    ------
    PellucidError
        At once, if `workers` or `memory` is out of range. Later, if worker processes cannot be started.

    Notes
    -----
    The processors are shared out among the files at hand: a single file is run by as many threads of the engine as
    there are processors, of fewer files than processors each gets several, and of more files each gets one. In
    threads, a `Denoiser` that was made with a number of threads of its own keeps it.

    For `MANY` files and more, workers are processes: with small images, threads would wait for Python's lock more than
    they work. A script that calls this for so many files must do so under `if __name__ == "__main__":`. What cannot
    be pickled stays in threads. When a process dies, the files that it had at hand are tried once more at the end, one
    at a time: so only the one that is to blame fails.

    With `memory`, TIFF, `.npy` and zarr files are streamed by a `Denoiser`, and files are taken one after the other,
    each by all processors, since the promise is about the whole process. Other files are read whole, whatever it takes.
    Zarr is always streamed.

    The disk is waited for once, at the end.
    """
    if workers < 0:
        raise PellucidError(
            f"the number of files at a time must be 0 (one for each processor) or more; got {workers}.",
            argument="workers",
        )
    if memory < 0:
        raise PellucidError(f"a bound on memory must be 0 (none) or more bytes; got {memory}.", argument="memory")
    if memory and workers > 1:
        raise PellucidError(
            f"within a bound on memory, files are denoised one after the other, not {workers} at a time.",
            argument="workers memory",
        )
    work = partial(_attempt, limits=limits or Limits(), strict=strict, value_range=value_range, axes=axes)
    return _results(work, denoiser, jobs, 1 if memory else workers, memory, report)


def _results(
    work: Callable[..., Result],
    denoiser: Denoise,
    jobs: Sequence[Job],
    workers: int,
    memory: int,
    report: Report | None,
) -> Generator[Result, None, None]:
    if not jobs:
        return
    budget = Budget(denoiser, memory) if memory and isinstance(denoiser, Denoiser) else None
    if len(jobs) == 1:
        yield work(denoiser, jobs[0], budget=budget, report=report)
        return
    count = min(workers or usable_processors(), len(jobs))
    packed = _packed(partial(work, denoiser, durable=False)) if count > 1 and len(jobs) >= MANY else None
    if packed:
        yield from _in_processes(packed, jobs, count)
    else:
        shared = partial(work, _sharing(denoiser, count), budget=budget, durable=False)
        for _, result in in_threads(shared, jobs, count):
            yield result
    if hasattr(os, "sync"):
        os.sync()


def _in_processes(work: bytes, jobs: Sequence[Job], count: int) -> Iterable[Result]:
    suspects = []
    for job, answer in in_processes(work, jobs, count):
        if isinstance(answer, Died):
            suspects.append(job)
        else:
            yield answer
    for job, answer in in_processes(work, suspects, 1, most=1):
        died = isinstance(answer, Died)
        yield _failed(job, f"{job.name}: the process that worked on it {answer.how}.") if died else answer


def _packed(work: object) -> bytes | None:
    """Pickle a function for other processes; None if that cannot be done, as with a function within another."""
    try:
        return pickle.dumps(work)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None


def _sharing(denoiser: Denoise, count: int) -> Denoise:
    """Return a denoiser that leaves processors to others, of which there are `count` at a time."""
    if not isinstance(denoiser, Denoiser) or denoiser.threads or count == 1:
        return denoiser
    return denoiser.with_threads(max(1, usable_processors() // count))


def _attempt(
    denoiser: Denoise,
    job: Job,
    *,
    limits: Limits,
    strict: bool,
    value_range: ValueRange | None,
    axes: str | None,
    budget: Budget | None = None,
    durable: bool = True,
    report: Report | None = None,
) -> Result:
    """Denoise one file; whatever is raised is its failure."""
    try:
        notes = denoise_file(
            denoiser,
            job,
            limits=limits,
            strict=strict,
            value_range=value_range,
            axes=axes,
            budget=budget,
            durable=durable,
            report=report,
        )
    except PellucidError as error:
        text = str(error) if job.name in str(error) else f"{job.name}: {error}"
        return _failed(job, text, error.argument)
    except MemoryError:
        return _failed(job, f"{job.name}: there is not enough memory for it.")
    except Exception as error:
        if job.target == STANDARD and isinstance(error, BrokenPipeError):
            raise  # nobody reads the output
        reason = one_line(error).rstrip(".") or "no more is known"
        return _failed(job, f"{job.name}: unexpected {type(error).__name__}: {reason}.")
    return Result(job.source, job.target, notes)


def _failed(job: Job, text: str, argument: str = "") -> Result:
    # A new error: one that was raised would hold on to the image by its traceback.
    return Result(job.source, job.target, error=PellucidError(text, argument=argument))
