"""The main job: train on a data set, write the model file, judge it, draw it, and leave all of it in a run folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid import artifact, metrics, plots, runs
from pellucid.artifact import MODEL_NAME, Card
from pellucid.corruptions import parse
from pellucid.datasets import Images, Split, load
from pellucid.datasets.intensity import doubt
from pellucid.denoise import Denoiser
from pellucid.errors import PellucidError
from pellucid.evaluation import Scored, compare
from pellucid.files import write_text
from pellucid.models import build, find, require_keras
from pellucid.progress import progress
from pellucid.randomness import Stream, generator
from pellucid.training.batches import Batches, Patches
from pellucid.training.config import RECIPES, Config, recipe
from pellucid.verdict import verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pellucid.training.loop import Epoch, Fitted

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


def train(
    data: str | os.PathLike[str] | None = None,
    *,
    recipe_name: str = "default",
    out: str | os.PathLike[str] | None = None,
    say: Say = lambda line: None,
    **changes: Any,
) -> Run:
    """Train a denoiser, write its model file, and judge it on the test part.

    Parameters
    ----------
    data : a data set's name, or a path (see `load`); None takes MNIST where it can be had, else `strokes`. With
        `noisy`, one of the `changes`, it holds the clean images, and theirs in `noisy` take the place of made noise.
    recipe_name : a name in `RECIPES`, or the path of a run's `config.json`, whose data is used if `data` is None
    out : the run folder to make; None names one in `runs`. `runs/latest` always leads to the newest.
    say : called with lines of what happens
    changes : values of `Config` that differ from the recipe's

    Raises
    ------
    PellucidError
        If something asked for is not allowed or not there, or the folder already holds a run.
    """
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
    keras = require_keras()
    keras.utils.set_random_seed(config.seed % 2**32)
    model = build(config.model, split.channels)
    folder = runs.new_folder(out, config)
    say(
        f"training {config.model} ({model.count_params():,} parameters) for {config.noise}, recipe {recipe_name}, "
        f"in {folder}"
    )
    config.save(folder / "config.json")
    trained = _Trained(model, config, split, folder, say)
    fitted = trained.fit()
    if fitted.interrupted:
        say(
            f"interrupted: keeping the weights of epoch {fitted.best}"
            if fitted.best
            else "interrupted in the first epoch"
        )
    return trained.judge(fitted)


@dataclass(frozen=True)
class _Trained:
    """A model in training and all that belongs to it."""

    model: Any
    config: Config
    split: Split
    folder: Path
    say: Say

    def fit(self) -> Fitted:
        """Train; the model file and the history are written whenever an epoch has improved them."""
        from pellucid.training.loop import fit

        config, split = self.config, self.split
        on_test = config.validate_on == "test"
        learn = split.training_part if on_test else split.train
        if 0 < config.limit < len(learn):
            order = generator(config.seed, Stream.SPLIT, 1).permutation(len(learn))
            learn = learn.subset(np.sort(order[: config.limit]))
        training = self._batches(learn, Stream.TRAIN, fresh=config.fresh_noise, shuffle=True, augment=config.augment)
        chosen, stream = (split.test, Stream.TEST) if on_test else (split.validation, Stream.VALIDATION)
        validation = self._batches(chosen, stream, fresh=False, shuffle=False)
        history: list[Epoch] = []

        def on_epoch(epoch: Epoch, improved: bool) -> None:
            history.append(epoch)
            runs.write_history(self.folder / "history.csv", [past.row() for past in history])
            if improved:
                self.write_model({})
            self.say(
                f"epoch {epoch.epoch}/{config.epochs}: loss {epoch.loss:.4g}, {config.validate_on} loss "
                f"{epoch.validation_loss:.4g}{' (best)' if improved else ''}, {epoch.seconds:.0f} s, "
                f"{epoch.images_per_second:,.0f} images/s"
            )

        unit = "images" if training.patches.whole else "patches"
        with progress("training", config.epochs * len(training.patches), unit) as report:
            return fit(self.model, config, training, validation, report, on_epoch)

    def _batches(self, images: Images, stream: Stream, *, fresh: bool, shuffle: bool, augment: bool = False) -> Batches:
        config = self.config
        grid = find(config.model).multiple_of
        patches = Patches(images, config.patch, grid, config.seed, stream, augment=augment)
        return Batches(
            patches, parse(config.noise), config.batch_size, config.seed, stream, fresh=fresh, shuffle=shuffle
        )

    def write_model(self, scores: dict[str, float]) -> Denoiser:
        """Write the model file and make sure that it answers as the model does."""
        from pellucid.export import compare as same
        from pellucid.export import to_onnx
        from pellucid.models.graph import receptive_field
        from pellucid.training.loop import predict

        known = find(self.config.model)
        card = Card(
            network=self.config.model,
            channels=self.split.channels,
            multiple_of=known.multiple_of,
            halo=receptive_field(self.model, known.multiple_of),
            noise=str(parse(self.config.noise)),
            trained_on=self.split.about,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            scores=scores,
            versions={name: version(name) for name in ("pellucid", "keras", "onnx", "numpy")},
        )
        unchecked = self.folder / f".unchecked-{MODEL_NAME}"
        try:
            artifact.write(unchecked, to_onnx(self.model, card.channels), card)
            same(Denoiser(unchecked).batch, lambda images: predict(self.model, images), card.channels, card.multiple_of)
            unchecked.replace(self.folder / MODEL_NAME)
        finally:
            unchecked.unlink(missing_ok=True)
        return Denoiser(self.folder)

    def judge(self, fitted: Fitted) -> Run:
        """Judge the trained model on the test part; write scores and pictures."""
        config, split, folder = self.config, self.split, self.folder
        # The best epoch's file is there; without a whole epoch, there is none yet.
        denoiser = Denoiser(folder) if fitted.best else self.write_model({})
        scores = compare(denoiser, config.model, split, config.noise, seed=config.seed, filters=1)
        noisy, mine, *_ = (scored.row() for scored in scores)
        measured = {
            f"{key}.{name}": row[key]
            for name, row in (("noisy", noisy), ("denoised", mine))
            for key in ("psnr", "ssim")
        }
        denoiser = self.write_model(measured)
        self.model.save(folder / "model.keras")
        runs.write_scores(folder / "scores.json", scores, config.noise, split)
        if fitted.history:
            plots.save(self._curves(fitted), folder / "curves.png")
        plots.save(plots.before_after(denoiser, split, config.noise, seed=config.seed), folder / "before-after.png")
        text = verdict(scores)
        write_text(folder / "verdict.txt", text + "\n")
        return Run(folder, config, fitted.history, tuple(scores), text, fitted.interrupted)

    def _curves(self, fitted: Fitted) -> Figure:
        from pellucid.training.loop import choose_loss

        loss, split = choose_loss(self.config, self.split.channels), self.split
        chosen = split.test if self.config.validate_on == "test" else split.validation
        floor = None
        if loss == "bce":
            some = [chosen[index][None, ..., : split.channels] for index in range(min(len(chosen), 1000))]
            floor = float(np.mean([metrics.bce(image, image)[0] for image in some]))
        return plots.curves([epoch.row() for epoch in fitted.history], floor, loss, self.config.validate_on)


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
