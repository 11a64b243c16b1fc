"""The main job: train on a data set, write the model file, judge it, draw it, and leave all of it in a run folder."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid import modelfile
from pellucid.common import PellucidError, atomic, digest, progress, write_json, write_text
from pellucid.datasets import (
    SOME,
    Cleanliness,
    Images,
    Split,
    cleanliness,
    doubt,
    evenly,
    load,
    noise_like,
    piece,
)
from pellucid.domain import describe
from pellucid.evaluation import Scored, blind, compare, mean_scores, metrics, pictures, verdict
from pellucid.images import UNIT, Image, save_figure
from pellucid.inference import Denoiser
from pellucid.modelfile import Card
from pellucid.networks import build, find, predict, receptive_field, require_keras
from pellucid.noise import PAIRED, UNKNOWN, Batch, inspect, parse
from pellucid.runs.advice import next_steps
from pellucid.runs.folder import RunFolder, refuse_run
from pellucid.runs.record import Record, now
from pellucid.runs.resume import check_data, find_checkpoint, find_data, newest_sound
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
    Guesses,
    Learner,
    Levels,
    automatic,
    check_minutes,
    choose_loss,
    choose_method,
    fingerprint,
    first_stage,
    fit,
    interruptible,
    levels_network,
    recipe,
    step_seconds,
    training_batches,
    unclear,
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


@dataclass(frozen=True)
class _Shot:
    """The first or second shot of pairs, as a list of images."""

    pairs: Images
    number: int

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int, /) -> Image:
        return np.split(self.pairs[index], 2, axis=2)[self.number]


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
        `noisy`, one of the `changes`, it holds the clean images, and theirs in `noisy` take the place of made noise;
        None then learns from the noisy images alone, and from a second shot of each if there is `second`.
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
    KeyboardInterrupt
        For Ctrl-C, after a checkpoint, in the first training of the method `levels`, which makes no denoiser yet.
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
        clean = None if config.alone else cleanliness(split.train, config.noise, seed=config.seed)
        if clean and clean.noisy:
            say(
                f"note: {clean}. A network learns to leave that noise in. Learn from the noisy images alone, without "
                "clean ones, or from cleaner images, as means of several shots are."
            )
        interrupted, guess = False, None
        for stage in _stages(folder):
            if stage is not folder and stage.weights.exists():  # an earlier start came beyond it
                guess = _guess(stage)
                continue
            training = training_batches(split, stage.config, say, guess)
            validation = validation_batches(split, stage.config, say)
            checkpoints = stage.checkpoints(checkpoint_every)
            model = start.model if stage is folder else _build(stage.config, split)
            if guess and not _of_levels(_rough(folder).config):
                model.set_weights(_weights(_rough(folder)))  # further in the same time than from new ones
            learner = Learner(model, stage.config, len(training))
            number = start.checkpoint if stage is folder else newest_sound(stage, say)[1]
            if number:
                learner.load(checkpoints, number)
                say(f"continuing in epoch {learner.state.epoch + 1}, after step {learner.state.step}")
            # What is usual in noisy images is told by those that were given, not by noise drawn on guesses.
            given = training_batches(split, first_stage(config), lambda line: None) if guess else training
            with _kept(folder, learner, split, given, say):
                interrupted = _fit(stage, learner, training, validation, checkpoints, tensorboard, say)
                if interrupted:
                    epoch_kept = learner.state.best + 1
                    kept = f"keeping the weights of epoch {epoch_kept}" if epoch_kept else "in the first epoch"
                    say(f"interrupted: {kept}; {folder.path} can be resumed")
                if _of_levels(stage.config) and interrupted:
                    say("there is no model yet, as the second training makes it")
                    raise KeyboardInterrupt
                if stage is not folder and not interrupted:
                    if not _of_levels(stage.config):
                        _save_model(stage, learner.model, split, given)
                    _save_weights(stage, learner.model)  # last: they tell that it is done
                    checkpoints.clear()
                    guess = _guess(stage)
                    say("once more, from the denoised images with noise as measured")
                    continue
                if guess:
                    _keep_better(folder, learner, say)
                _save_model(folder, learner.model, split, given)
                run = _judge(folder, learner, split, clean, len(given.patches.images), interrupted)
            break
        if not interrupted:
            weights = ((f"{place:04d}", array) for place, array in enumerate(learner.model.get_weights()))
            folder.finish(digest(weights))
            checkpoints.clear()
    return run


def _stages(folder: RunFolder) -> tuple[RunFolder, ...]:
    """The trainings of a run: of noisy images alone there may be one before the last, in a folder of its own."""
    if not folder.config.renoised:
        return (folder,)
    return _rough(folder), folder


def _rough(folder: RunFolder) -> RunFolder:
    """The folder of the first of two trainings."""
    return folder.inner("rough", first_stage(folder.config))


def _guess(stage: RunFolder) -> Callable[[Images], Images]:
    """Return what makes clean guesses from noisy images: the model of the first stage."""
    if not _of_levels(stage.config):
        rough = Denoiser(stage.path)
        return lambda images: Guesses(
            images, lambda batch: np.stack([rough.unit(image) for image in batch]), rough.card.halo
        )
    model, levels = require_keras().saving.load_model(stage.weights), Levels(parse(stage.config.noise))
    grid = find(stage.config.network).multiple_of

    def clean(batch: Batch) -> Batch:
        height, width = batch.shape[1:3]
        padded = np.pad(batch, ((0, 0), (0, -height % grid), (0, -width % grid), (0, 0)), mode="symmetric")
        return levels.clean(padded, predict(model, padded))[:, :height, :width]

    return lambda images: Guesses(images, clean, receptive_field(model, grid))


def _weights(folder: RunFolder) -> list[NDArray[np.float32]]:
    """Return the weights that a finished stage saved."""
    weights: list[NDArray[np.float32]] = require_keras().saving.load_model(folder.weights).get_weights()
    return weights


def _keep_better(folder: RunFolder, learner: Learner, say: Say) -> None:
    """Go back to the weights of the first stage if the second is farther from the images, by the same measure.

    A difference within the doubt does not count: the second training mostly helps, and few validation images cannot
    tell. That of the method `levels` is no denoiser, so there is nothing to go back to.
    """
    rough = _rough(folder)
    if _of_levels(rough.config):
        return
    with (rough.path / "history.csv").open() as file:
        before = min(float(row["validation_loss"]) for row in csv.DictReader(file))
    best = learner.state.history[learner.state.best] if learner.state.history else None
    if best is None or best.validation_loss - best.validation_doubt > before:
        after = (
            f"{best.validation_loss:.4g} +- {best.validation_doubt:.2g}, the first" if best else "nothing, the first"
        )
        say(f"the second training came no nearer ({after} {before:.4g}): keeping the first")
        learner.model.set_weights(_weights(rough))


def _save_weights(folder: RunFolder, model: Any) -> None:
    """Write the Keras model."""
    with atomic(folder.weights) as temporary:
        model.save(temporary)


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
    alone = data is None and bool(changes.get("noisy"))
    if alone:
        changes = {**changes, "data": ""}
    if "noise" in changes:
        changes = {**changes, "noise": noise_like(changes["noise"], say)}
    config = recipe(recipe_name or "default", **changes)
    if data is None and recipe_name and recipe_name not in RECIPES:
        data = config.data or None
    if not find(config.network).denoises:
        raise PellucidError(f"{config.network} is not a denoiser. Train another network.", argument="network")
    split = _load(data, config, say)
    say(f"data: {split.about} ({split.place})")
    for line in split.notes if config.alone else doubt(split):
        say(line)
    # The config of a run without clean images says all that is measured here.
    if config.alone and (config.method == "auto" or "method" in changes):
        changes = {**changes, **({"method": "shots"} if config.second else _measured(split, config, changes, say))}
        settled = {name: changes[name] for name in ("noise", "method", "renoise") if name in changes}
        config = dataclasses.replace(config, **settled)
    if recipe_name is None:
        found = fingerprint(split.train)
        config = automatic(found, (minutes or MINUTES) / (2 if config.renoised else 1), changes)
        # Small images and a small network take minutes by themselves.
        if minutes is None and not changes.keys() & LENGTH and not (found.small and find(config.network).bounded):
            minutes = MINUTES
    if not config.alone:
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
        moved = {"data": data, "noisy": changes.get("noisy"), "second": changes.get("second")}
        here = {name: os.fspath(place) for name, place in moved.items() if place}
        place = find_data(folder.config, folder.record, here)
        split = _load(place.data or None, place, say)
        check_data(folder.record, split)
        folder.record.continued.append(now())
        folder.save_record()
        yield _Start(folder, split, _build(folder.config, split), checkpoint)


def _load(data: str | os.PathLike[str] | None, config: Config, say: Say) -> Split:
    read = partial(load, seed=config.seed, value_range=config.told, axes=config.axes or None)
    if config.second:
        return read(config.noisy, noisy=config.second, match=config.match, group=config.group)
    if config.alone:
        return read(config.noisy, gaps=False)
    if data is not None:
        return read(data, noisy=config.noisy, match=config.match, group=config.group)
    try:
        return load("mnist", seed=config.seed)
    except PellucidError as error:
        say(f"MNIST cannot be had here ({error})\nTraining on the embedded digits instead: strokes.")
        return load("strokes", seed=config.seed)


def _in_time(config: Config, split: Split, minutes: float, say: Say) -> Config:
    """Return the config with a schedule that ends in time: steps are timed on a network that is thrown away."""
    say(f"timing steps of {config.network} ...")
    seconds = step_seconds(_build(config, split), config, split)
    first = step_seconds(_build(config, split), first_stage(config), split) if config.renoised else 0.0
    config = within(config, minutes, seconds, first)
    before = f"{config.epochs * config.first_steps:,} steps of {first:.3f} s, then " if first else ""
    say(
        f"{before}{config.epochs * config.epoch_steps:,} steps of {config.batch_size} patches of "
        f"{config.patch}x{config.patch} pixels, about {minutes:g} minutes ({seconds:.3f} s a step)"
    )
    return config


def _measured(split: Split, config: Config, changes: Mapping[str, Any], say: Say) -> dict[str, Any]:
    """Return the noise of noisy images alone, and how to learn from them, as measured or as asked for."""
    images = split.train
    found = inspect([piece(images, int(index)) for index in evenly(len(images), SOME)], UNIT)
    noise, method, renoise = str(changes.get("noise", "")), config.method, config.renoise
    if not noise and found.clean:
        raise PellucidError(
            f"hardly any noise was found in {config.noisy}: there is nothing to learn to remove. Name the noise if you "
            "know better, or learn from these images as the clean ones.",
            argument="noise",
        )
    if not noise and unclear(found):
        noise, renoise = str(UNKNOWN), False
        say(
            "noise: it cannot be told from texture. So there is one training, of which no error is known, only how "
            "well it predicts noisy pixels. Name the noise if you know it."
        )
    if not noise:
        noise = found.noise
        say(f"noise: {noise}, as measured on {found.images} images")
    if method == "auto":
        method, why = choose_method(found, images)
        say(f"method: {method}, since {why}")
    return {"noise": noise, "method": method, "renoise": renoise}


def _build(config: Config, split: Split) -> Any:
    """Return the network with the weights that the seed gives."""
    require_keras().utils.set_random_seed(config.seed % 2**32)
    network = build(config.network, split.channels)
    return levels_network(network) if _of_levels(config) else network


def _of_levels(config: Config) -> bool:
    """Whether the network of this training answers with levels, not with an image."""
    return config.alone and config.method == "levels" and not config.renoised


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
        if learner.best_weights and not folder.model.exists() and not _of_levels(learner.config):
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
        statistics = describe((own if config.alone else noisy for noisy, own in training.epoch(1)), config.noise)
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
        ranges=split.ranges,
    )
    modelfile.save(folder.model, model, card, lambda images: predict(model, images))


def _judge(
    folder: RunFolder, learner: Learner, split: Split, clean: Cleanliness | None, learned: int, interrupted: bool
) -> Run:
    """Judge the model file on the test part; write scores, pictures and the verdict."""
    config, path, history = folder.config, folder.path, tuple(learner.state.history)
    denoiser = Denoiser(path)
    if clean is None:
        return _judge_alone(folder, learner, split, denoiser, interrupted)
    scores = compare(denoiser, config.network, split, config.noise, seed=config.seed, filters=1)
    rows = {"noisy": scores[0].row(), "denoised": scores[1].row()}
    modelfile.add_scores(
        folder.model, {f"{key}.{name}": row[key] for name, row in rows.items() for key in ("psnr", "ssim")}
    )
    _save_weights(folder, learner.model)
    write_json(path / "scores.json", mean_scores(scores, config.noise, split))
    if history:
        save_figure(_curves(config, split, history), path / "curves.png")
    save_figure(pictures.before_after(denoiser, split, config.noise, seed=config.seed), path / "before-after.png")
    said = verdict(scores, images=split.tested, clean=clean)
    steps = [] if clean.noisy else next_steps(scores, config, history, learned)
    text = "\n".join([str(said), *steps])
    write_text(path / "verdict.txt", text + "\n")
    return Run(path, config, history, tuple(scores), text, interrupted)


def _judge_alone(folder: RunFolder, learner: Learner, split: Split, denoiser: Denoiser, interrupted: bool) -> Run:
    """The same without clean images."""
    config, path, history = folder.config, folder.path, tuple(learner.state.history)
    shots = (_Shot(split.test, 0), _Shot(split.test, 1)) if config.second else (split.test,)
    known = parse(config.noise) if _by_stein(config) else None
    judgement = blind.judge({config.network: denoiser}, *shots, noise=known)
    _save_weights(folder, learner.model)
    write_json(path / "scores.json", judgement.plain())
    if history:
        save_figure(_curves(config, split, history), path / "curves.png")
    save_figure(blind.residuals(denoiser, blind.take(shots[0]).judged), path / "before-after.png")
    text = str(blind.verdict(judgement))
    write_text(path / "verdict.txt", text + "\n")
    return Run(path, config, history, (), text, interrupted)


def _by_stein(config: Config) -> bool:
    """Whether the noise of noisy images alone is known, and zero on average: errors are then by Stein's estimate."""
    return parse(config.noise) not in (PAIRED, UNKNOWN) and config.method != "levels"


def _curves(config: Config, split: Split, history: tuple[Epoch, ...]) -> Figure:
    if config.alone and _by_stein(config):
        return pictures.quality([epoch.row() for epoch in history])
    loss = choose_loss(config, split.channels)
    chosen = split.test if config.validate_on == "test" else split.validation
    floor = None
    if loss == "bce":
        some = (piece(chosen, index)[None, ..., : split.channels] for index in range(min(len(chosen), 1000)))
        floor = float(np.mean([metrics.bce(image, image)[0] for image in some]))
    return pictures.curves([epoch.row() for epoch in history], floor, loss, config.validate_on)


def _heard_or_not(say: Say) -> Say:
    """Let no training end because nobody listens: a terminal may close, a pipe's reader may go."""

    def said(line: str) -> None:
        with contextlib.suppress(OSError):
            say(line)

    return said
