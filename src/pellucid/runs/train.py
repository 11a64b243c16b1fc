"""The main job: train on a data set, write the model file, judge it, draw it, and leave all of it in a run folder."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid import modelfile
from pellucid.common import PellucidError, atomic, digest, progress, write_json, write_text
from pellucid.datasets import Cleanliness, Split, cleanliness, doubt, load, noise_like
from pellucid.domain import describe
from pellucid.evaluation import Scored, compare, mean_scores, metrics, pictures, verdict
from pellucid.images import save_figure
from pellucid.inference import Denoiser
from pellucid.modelfile import Card
from pellucid.networks import build, find, predict, receptive_field, require_keras
from pellucid.noise import parse
from pellucid.runs.advice import next_steps
from pellucid.runs.folder import RunFolder, refuse_run
from pellucid.runs.record import Record, now
from pellucid.runs.resume import check_data, find_checkpoint, find_data
from pellucid.runs.tensorboard import Events
from pellucid.training import (
    LENGTH,
    MINUTES,
    RECIPES,
    Batches,
    Checkpoints,
    Config,
    DivergedError,
    Epoch,
    Learner,
    automatic,
    check_minutes,
    choose_loss,
    fingerprint,
    fit,
    interruptible,
    recipe,
    step_seconds,
    training_batches,
    validation_batches,
    within,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Say = Callable[[str], None]
"""Takes one line of what happens, for a person."""


@dataclass(frozen=True)
class Run:
    """A finished training: its folder and what is in it."""

    folder: Path
    config: Config
    history: tuple[Epoch, ...]
    scores: tuple[Scored, ...]
    verdict: str
    interrupted: bool

    @property
    def picture(self) -> Path:
        """The before/after picture."""
        return self.folder / "before-after.png"

    def denoiser(self) -> Denoiser:
        """Open the model file of this run."""
        return Denoiser(self.folder)


@dataclass(frozen=True)
class _Start:
    """Where a training begins: its open folder, data and network, and the checkpoint to go on from (0: none)."""

    folder: RunFolder
    split: Split
    model: Any
    checkpoint: int


def train(
    data: str | os.PathLike[str] | None = None,
    *,
    recipe_name: str | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    minutes: float | None = None,
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
    recipe_name : a name in `RECIPES`, or the path of a run's `config.json`, whose data is used if `data` is None. None
        is automatic: network, patches and steps are chosen by what the images are like (see `training.automatic`).
    out : the run folder to make; None names one in `runs`. Where there is a folder `runs`, `runs/latest` becomes a link
        to the run, wherever it is.
    resume : the folder of an unfinished run to continue. Its config holds; `data`, if given, is the place where the
        very same data is now.
    minutes : the budget of the training, judging not counted. What a step takes is measured first, and the schedule
        made to end in time. None leaves it to the recipe; the automatic one then takes a few minutes, and says so.
    checkpoint_every : seconds between checkpoints within an epoch; there is one after every epoch, too
    tensorboard : write the history for TensorBoard, too (needs `pellucid[tensorboard]`)
    say : called with lines of what happens
    changes : values of `Config` that differ from the recipe's

    Raises
    ------
    PellucidError
        If something asked for is not allowed or not there, the folder already holds a run, or `resume` is of a
        finished run or of one that began with other data, settings or versions.
    SystemExit
        For SIGTERM and SIGHUP, after a checkpoint, with 128 + the signal's number.
    """
    if not 0 <= checkpoint_every < float("inf"):
        raise PellucidError(f"checkpoint_every expects seconds, 0 or more; got {checkpoint_every:g}.")
    if resume is not None and out is not None:
        raise PellucidError("a resumed run stays in its folder; leave out the other folder.", argument="out")
    if resume is not None and minutes is not None:
        raise PellucidError("a resumed run keeps its schedule; leave out the minutes.", argument="minutes")
    check_minutes(minutes, changes)
    say = _heard_or_not(say)
    if resume is None:
        started = _begin(data, recipe_name, out, minutes, changes, say)
    else:
        started = _continue(Path(resume), data, recipe_name, changes, say)

    with started as start:
        folder, config, split = start.folder, start.folder.config, start.split
        clean = cleanliness(split.train, config.noise, seed=config.seed)
        if clean.noisy:
            say(
                f"note: {clean}. A network learns to leave that noise in. Learn from cleaner images, as means of "
                "several shots are, or remove noise that is much stronger."
            )
        training, validation = training_batches(split, config, say), validation_batches(split, config, say)
        checkpoints = folder.checkpoints(checkpoint_every)
        learner = Learner(start.model, config, len(training))
        if start.checkpoint:
            learner.load(checkpoints, start.checkpoint)
            say(f"continuing in epoch {learner.state.epoch + 1}, after step {learner.state.step}")
        with _kept(folder, learner, split, training, say):
            interrupted = _fit(folder, learner, training, validation, checkpoints, tensorboard, say)
            _save_model(folder, learner.model, split, training)
            run = _judge(folder, learner, split, clean, len(training.patches.images), interrupted)
        if not interrupted:
            weights = ((f"{place:04d}", array) for place, array in enumerate(learner.model.get_weights()))
            folder.finish(digest(weights))
            checkpoints.clear()
    return run


@contextmanager
def _begin(
    data: str | os.PathLike[str] | None,
    recipe_name: str | None,
    out: str | os.PathLike[str] | None,
    minutes: float | None,
    changes: Mapping[str, Any],
    say: Say,
) -> Iterator[_Start]:
    """Begin a new run."""
    if out is not None:
        refuse_run(Path(out))  # at once: what comes now takes a while
    if "noise" in changes:
        changes = {**changes, "noise": noise_like(changes["noise"], say)}
    config = recipe(recipe_name or "default", **changes)
    if data is None and recipe_name and recipe_name not in RECIPES:
        data = config.data
    if not find(config.network).denoises:
        raise PellucidError(f"{config.network} is not a denoiser. Train another network.", argument="network")
    split = _load(data, config, say)
    say(f"data: {split.about} ({split.place})")
    for line in doubt(split):
        say(line)
    if recipe_name is None:
        found = fingerprint(split.train)
        config = automatic(found, minutes or MINUTES, changes)
        # Small images and a small network take minutes by themselves.
        if minutes is None and not changes.keys() & LENGTH and not (found.small and find(config.network).bounded):
            minutes = MINUTES
    config = dataclasses.replace(config, data=split.name if data is None else os.fspath(data))
    if minutes is not None:
        config = _in_time(config, split, minutes, say)
    model = _build(config, split)
    with RunFolder.begin(out, config, Record.begin(split)) as folder:
        say(
            f"training {config.network} ({model.count_params():,} parameters) for {config.noise}, recipe "
            f"{recipe_name or 'automatic'}, in {folder.path}"
        )
        yield _Start(folder, split, model, 0)


@contextmanager
def _continue(
    path: Path, data: str | os.PathLike[str] | None, recipe_name: str | None, changes: Mapping[str, Any], say: Say
) -> Iterator[_Start]:
    """Go on with an unfinished run, from its newest checkpoint."""
    with RunFolder.reopen(path) as folder:
        require_keras()
        checkpoint = find_checkpoint(folder, recipe_name, changes, say)
        moved = {"data": data, "noisy": changes.get("noisy")}
        here = {name: os.fspath(place) for name, place in moved.items() if place}
        place = find_data(folder.config, folder.record, here)
        split = _load(place.data, place, say)
        check_data(folder.record, split)
        folder.record.continued.append(now())
        folder.save_record()
        yield _Start(folder, split, _build(folder.config, split), checkpoint)


def _load(data: str | os.PathLike[str] | None, config: Config, say: Say) -> Split:
    if data is not None:
        return load(data, noisy=config.noisy, group=config.group, seed=config.seed)
    if config.noisy:
        raise PellucidError(
            f"{config.noisy} holds noisy images; expected the clean ones as well. Give them, too.", argument="clean"
        )
    try:
        return load("mnist", seed=config.seed)
    except PellucidError as error:
        say(f"MNIST cannot be had here ({error})\nTraining on the embedded digits instead: strokes.")
        return load("strokes", seed=config.seed)


def _in_time(config: Config, split: Split, minutes: float, say: Say) -> Config:
    """Return the config with a schedule that ends in time: steps are timed on a network that is thrown away."""
    say(f"timing steps of {config.network} ...")
    seconds = step_seconds(_build(config, split), config, split)
    config = within(config, minutes, seconds)
    say(
        f"{config.epochs * config.epoch_steps:,} steps of {config.batch_size} patches of {config.patch}x{config.patch} "
        f"pixels, about {minutes:g} minutes ({seconds:.3f} s a step)"
    )
    return config


def _build(config: Config, split: Split) -> Any:
    """Return the network with the weights that the seed gives."""
    require_keras().utils.set_random_seed(config.seed % 2**32)
    return build(config.network, split.channels)


def _fit(
    folder: RunFolder,
    learner: Learner,
    training: Batches,
    validation: Batches,
    checkpoints: Checkpoints,
    tensorboard: bool,
    say: Say,
) -> bool:
    """Train to the end, or until Ctrl-C; return whether it was interrupted."""
    config, state = learner.config, learner.state
    unit = "images" if training.patches.whole else "patches"
    with (
        interruptible() as asked,
        Events(folder.path / "tensorboard", state.history) if tensorboard else nullcontext() as events,
        progress("training", config.epochs * training.samples, unit) as report,
    ):
        for epoch in fit(learner, training, validation, checkpoints, asked=asked, report=report, say=say):
            folder.write_history(learner.state.history)
            if events:
                events.add(epoch)
            best = " (best)" if learner.state.best == epoch.epoch - 1 else ""
            say(
                f"epoch {epoch.epoch}/{config.epochs}: loss {epoch.loss:.4g}, {config.validate_on} loss "
                f"{epoch.validation_loss:.4g}{best}, {epoch.seconds:.0f} s, {epoch.images_per_second:,.0f} images/s"
            )
        interrupted = bool(asked()) and learner.goes_on()
    for batches in (training, validation):
        if batches.patches.unreadable and (line := batches.patches.unreadable.summary()):
            say(line)
    if interrupted:
        epoch_kept = learner.state.best + 1
        kept = f"keeping the weights of epoch {epoch_kept}" if epoch_kept else "in the first epoch"
        say(f"interrupted: {kept}; {folder.path} can be resumed")
    return interrupted


@contextmanager
def _kept(folder: RunFolder, learner: Learner, split: Split, training: Batches, say: Say) -> Iterator[None]:
    """Whatever goes wrong, what was trained is kept, and the user told how to go on."""
    try:
        yield
    except SystemExit:
        say(f"stopped by a signal, after a checkpoint; {folder.path} can be resumed")
        raise
    except DivergedError:
        raise
    except PellucidError as error:
        if learner.best_weights and not folder.model.exists():
            with suppress(PellucidError):
                learner.model.set_weights(learner.best_weights)
                _save_model(folder, learner.model, split, training)
        raise PellucidError(
            f"{error} What was trained is kept; {folder.path} can be resumed.", argument=error.argument or "resume"
        ) from error


def _save_model(folder: RunFolder, model: Any, split: Split, training: Batches) -> None:
    """Write the model file, once it is known to answer as the model does."""
    config = folder.config
    grid = find(config.network).multiple_of
    learned, given = len(training.patches.images), len(split.train)
    statistics: dict[str, tuple[float, float, float]] = {}
    with suppress(PellucidError):  # without them the model is as good; `denoise` will tell less of foreign images
        # What is usual in the noisy images of an epoch, so that `denoise` knows what is not.
        statistics = describe((noisy for noisy, _ in training.epoch(1)), config.noise)
    card = Card(
        network=config.network,
        channels=split.channels,
        multiple_of=grid,
        halo=receptive_field(model, grid),
        noise=str(parse(config.noise)),
        trained_on=split.about + (f"; {learned:,} of the training images used" if learned < given else ""),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={name: version(name) for name in ("pellucid", "keras", "onnx", "numpy")},
        statistics=statistics,
    )
    modelfile.save(folder.model, model, card, lambda images: predict(model, images))


def _judge(
    folder: RunFolder, learner: Learner, split: Split, clean: Cleanliness, learned: int, interrupted: bool
) -> Run:
    """Judge the model file on the test part; write scores, pictures and the verdict."""
    config, path, history = folder.config, folder.path, tuple(learner.state.history)
    denoiser = Denoiser(path)
    scores = compare(denoiser, config.network, split, config.noise, seed=config.seed, filters=1)
    rows = {"noisy": scores[0].row(), "denoised": scores[1].row()}
    modelfile.add_scores(
        folder.model, {f"{key}.{name}": row[key] for name, row in rows.items() for key in ("psnr", "ssim")}
    )
    with atomic(path / "model.keras") as temporary:
        learner.model.save(temporary)
    write_json(path / "scores.json", mean_scores(scores, config.noise, split))
    if history:
        save_figure(_curves(config, split, history), path / "curves.png")
    save_figure(pictures.before_after(denoiser, split, config.noise, seed=config.seed), path / "before-after.png")
    said = verdict(scores, images=split.tested, clean=clean)
    steps = [] if clean.noisy else next_steps(scores, config, history, learned)
    text = "\n".join([str(said), *steps])
    write_text(path / "verdict.txt", text + "\n")
    return Run(path, config, history, tuple(scores), text, interrupted)


def _curves(config: Config, split: Split, history: tuple[Epoch, ...]) -> Figure:
    loss = choose_loss(config, split.channels)
    chosen = split.test if config.validate_on == "test" else split.validation
    floor = None
    if loss == "bce":
        some = [chosen[index][None, ..., : split.channels] for index in range(min(len(chosen), 1000))]
        floor = float(np.mean([metrics.bce(image, image)[0] for image in some]))
    return pictures.curves([epoch.row() for epoch in history], floor, loss, config.validate_on)


def _heard_or_not(say: Say) -> Say:
    """Let no training end because nobody listens: a terminal may close, a pipe's reader may go."""

    def said(line: str) -> None:
        with contextlib.suppress(OSError):
            say(line)

    return said
