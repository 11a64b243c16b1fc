"""The main job: train on a data set, write the model file, judge it, draw it, and leave all of it in a run folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.common import PellucidError
from pellucid.datasets import Split, doubt, load
from pellucid.networks import build, find, require_keras
from pellucid.runs import folder as runs
from pellucid.runs.job import Job, Run, Say, Watch
from pellucid.runs.record import Record, now
from pellucid.runs.resume import CHECKPOINTS, check_data, find_data, find_place
from pellucid.training import RECIPES, Checkpoints, Config, DivergedError, recipe


def train(
    data: str | os.PathLike[str] | None = None,
    *,
    recipe_name: str | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    checkpoint_every: float = 60.0,
    tensorboard: bool = False,
    say: Say = lambda line: None,
    **changes: Any,
) -> Run:
    """Train a denoiser, write its model file, and judge it on the test part.

    A training that was killed, or stopped in any other way, is continued by `resume` and ends with the very same
    weights as one that was not, on the same machine and backend.

    Parameters
    ----------
    data : a data set's name, or a path (see `load`); None takes MNIST where it can be had, else `strokes`. With
        `noisy`, one of the `changes`, it holds the clean images, and theirs in `noisy` take the place of made noise.
    recipe_name : a name in `RECIPES`, or the path of a run's `config.json`, whose data is used if `data` is None;
        None is "default"
    out : the run folder to make; None names one in `runs`. `runs/latest` always leads to the newest.
    resume : the folder of an unfinished run to continue. Its config holds; `data`, if given, is the place where the
        very same data is now.
    checkpoint_every : seconds between checkpoints within an epoch; there is one behind every epoch, too
    tensorboard : write the history for TensorBoard, too (needs `pellucid[tensorboard]`)
    say : called with lines of what happens
    changes : values of `Config` that differ from the recipe's

    Raises
    ------
    PellucidError
        If something asked for is not allowed or not there, the folder already holds a run, or `resume` is of a
        finished run or of one that began with other data, settings or versions.
    SystemExit
        For SIGTERM and SIGHUP, behind a checkpoint, with 128 + the signal's number.
    """
    if not 0 <= checkpoint_every < float("inf"):
        raise PellucidError(f"checkpoint_every expects seconds, 0 or more; got {checkpoint_every:g}.")
    say = _heard_or_not(say)
    watch = Watch(checkpoint_every, tensorboard, say)
    if resume is not None:
        if out is not None:
            raise PellucidError("a resumed run stays in its folder; leave out --out.")
        return _resume(Path(resume), data, recipe_name, changes, watch)
    recipe_name = recipe_name or "default"
    config = recipe(recipe_name, **changes)
    if data is None and recipe_name not in RECIPES:
        data = config.data
    if not find(config.model).denoises:
        raise PellucidError(f"{config.model} is not a denoiser. Train another network.")
    split = _load(data, config, say)
    config = recipe(recipe_name, **{**changes, "data": split.name if data is None else os.fspath(data)})
    say(f"data: {split.about} ({split.place})")
    for line in doubt(split):
        say(line)
    model = _build(config, split.channels)
    folder = runs.new_folder(out, config)
    with runs.claimed(folder, new=True):
        record = Record.begin(split)
        record.save(folder)
        config.save(folder / runs.CONFIG)  # from here on, there is a run
        say(
            f"training {config.model} ({model.count_params():,} parameters) for {config.noise}, recipe {recipe_name}, "
            f"in {folder}"
        )
        return _run(Job(model, config, split, folder, watch), record, 0)


def _resume(
    folder: Path,
    data: str | os.PathLike[str] | None,
    recipe_name: str | None,
    changes: Mapping[str, Any],
    watch: Watch,
) -> Run:
    """Continue the run in `folder`."""
    if not (folder / runs.CONFIG).is_file():
        raise PellucidError(f"{folder} holds no run to continue. Start one: pellucid train --out {folder}")
    require_keras()
    with runs.claimed(folder):
        record = Record.read(folder)
        place = find_place(folder, record, recipe_name, changes, watch.say)
        moved = {"data": data, "noisy": changes.get("noisy")}
        where = find_data(place.config, record, {name: os.fspath(path) for name, path in moved.items() if path})
        split = _load(where.data, where, watch.say)
        check_data(record, split)
        record.continued.append(now())
        record.save(folder)
        job = Job(_build(place.config, split.channels), place.config, split, folder, watch)
        return _run(job, record, place.checkpoint)


def _build(config: Config, channels: int) -> Any:
    """Return the network with the weights that the seed gives."""
    require_keras().utils.set_random_seed(config.seed % 2**32)
    return build(config.model, channels)


def _run(job: Job, record: Record, checkpoint: int) -> Run:
    """Train from a checkpoint, or from the start (0), to the end."""
    folder, say = job.folder, job.watch.say
    again = f"continue with: pellucid train --resume {folder}"
    try:
        fitted = job.fit(record, checkpoint)
        if fitted.interrupted:
            kept = f"keeping the weights of epoch {fitted.best}" if fitted.best else "in the first epoch"
            say(f"interrupted: {kept}; {again}")
        done = job.judge(fitted)
    except SystemExit:
        say(f"stopped by a signal, behind a checkpoint; {again}")
        raise
    except DivergedError:
        raise
    except PellucidError as error:
        raise PellucidError(f"{error} What was trained is kept; {again}") from error
    if not fitted.interrupted:
        record.ended, record.weights = now(), job.digest()
        record.save(folder)
        Checkpoints(folder / CHECKPOINTS, {}, 0).clear()
    return done


def _heard_or_not(say: Say) -> Say:
    """Let no training end because nobody listens: a terminal may close, a pipe's reader may go."""

    def said(line: str) -> None:
        with contextlib.suppress(OSError):
            say(line)

    return said


def _load(data: str | os.PathLike[str] | None, config: Config, say: Say) -> Split:
    if data is not None:
        return load(data, noisy=config.noisy, group=config.group, seed=config.seed)
    if config.noisy:
        raise PellucidError(
            f"{config.noisy} holds noisy images; expected the clean ones as well. Give them by --clean."
        )
    try:
        return load("mnist", seed=config.seed)
    except PellucidError as error:
        say(f"MNIST cannot be had here ({error})\nTraining on the embedded digits instead: strokes.")
        return load("strokes", seed=config.seed)
