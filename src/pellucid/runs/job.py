"""A training job: the model and all that belongs to it, from its first step to its verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid import domain as limits
from pellucid.common import Stream, atomic, generator, progress, write_text
from pellucid.datasets import Images, Split
from pellucid.evaluation import Scored, compare, metrics, verdict
from pellucid.evaluation import pictures as plots
from pellucid.images import save_figure
from pellucid.inference import Denoiser
from pellucid.modelfile import MODEL_NAME, Card, save
from pellucid.networks import find
from pellucid.noise import parse
from pellucid.runs import folder as runs
from pellucid.runs.record import Record
from pellucid.runs.resume import CHECKPOINTS, about
from pellucid.runs.tensorboard import Events
from pellucid.training import Batches, Checkpoints, Config, Patches, Unreadable, digest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pellucid.training import Epoch
    from pellucid.training.loop import Fitted

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
class Watch:
    """How a training is followed: seconds between checkpoints, a history for TensorBoard, and who is told."""

    every: float
    tensorboard: bool
    say: Say


@dataclass(frozen=True)
class Job:
    """A model in training and all that belongs to it."""

    model: Any
    config: Config
    split: Split
    folder: Path
    watch: Watch

    def fit(self, record: Record, checkpoint: int) -> Fitted:
        """Train; the model file and the history are written whenever an epoch has improved them."""
        from pellucid.training.loop import Fit

        config, split, training = self.config, self.split, self._training
        chosen, stream = split.validation, Stream.VALIDATION
        if config.validate_on == "test":
            chosen, stream = split.test, Stream.TEST
        validation = self._batches(chosen, stream, fresh=False, shuffle=False)
        checkpoints = Checkpoints(self.folder / CHECKPOINTS, about(config, record), self.watch.every)

        def on_epoch(epoch: Epoch, improved: bool) -> None:
            runs.write_history(self.folder / "history.csv", [past.row() for past in fit.state.history])
            if events:
                events.add(epoch.row())
            if improved:
                self.write_model({})
            self.watch.say(
                f"epoch {epoch.epoch}/{config.epochs}: loss {epoch.loss:.4g}, {config.validate_on} loss "
                f"{epoch.validation_loss:.4g}{' (best)' if improved else ''}, {epoch.seconds:.0f} s, "
                f"{epoch.images_per_second:,.0f} images/s"
            )

        unit = "images" if training.patches.whole else "patches"
        with progress("training", config.epochs * len(training.patches), unit) as report:
            fit = Fit(self.model, config, training, validation, checkpoints, report, on_epoch, self.watch.say)
            if checkpoint:
                fit.resume(checkpoint)
                self.watch.say(f"continuing in epoch {fit.state.epoch + 1}, behind step {fit.state.step}")
            past = [epoch.row() for epoch in fit.state.history]
            events = Events(self.folder / "tensorboard", past) if self.watch.tensorboard else None
            try:
                fitted = fit.run()
            finally:
                if events:
                    events.close()
        for batches in (training, validation):
            if batches.patches.unreadable and (line := batches.patches.unreadable.summary()):
                self.watch.say(line)
        return fitted

    def digest(self) -> str:
        """Return the sha256 of the model's weights."""
        return digest({f"{place:04d}": array for place, array in enumerate(self.model.get_weights())})

    @cached_property
    def _training(self) -> Batches:
        config, split = self.config, self.split
        learn = split.training_part if config.validate_on == "test" else split.train
        if 0 < config.limit < len(learn):
            order = generator(config.seed, Stream.SPLIT, 1).permutation(len(learn))
            learn = learn.subset(np.sort(order[: config.limit]))
        return self._batches(learn, Stream.TRAIN, fresh=config.fresh_noise, shuffle=True, augment=config.augment)

    @cached_property
    def _statistics(self) -> dict[str, tuple[float, float, float]]:
        """What is usual in the noisy images of the first epoch, so that `denoise` knows what is not."""
        return limits.describe((noisy for noisy, _ in self._training.epoch(1)), self.config.noise)

    def _batches(self, images: Images, stream: Stream, *, fresh: bool, shuffle: bool, augment: bool = False) -> Batches:
        config = self.config
        grid = find(config.model).multiple_of
        unreadable = Unreadable(stream.name.lower(), len(images), config.max_unreadable, self.watch.say)
        patches = Patches(images, config.patch, grid, config.seed, stream, augment=augment, unreadable=unreadable)
        return Batches(
            patches, parse(config.noise), config.batch_size, config.seed, stream, fresh=fresh, shuffle=shuffle
        )

    def write_model(self, scores: dict[str, float]) -> Denoiser:
        """Write the model file and make sure that it answers as the model does."""
        from pellucid.networks import predict, receptive_field

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
            statistics=self._statistics,
        )
        save(self.folder / MODEL_NAME, self.model, card, lambda images: predict(self.model, images))
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
        with atomic(folder / "model.keras") as temporary:
            self.model.save(temporary)
        runs.write_scores(folder / "scores.json", scores, config.noise, split)
        if fitted.history:
            save_figure(self._curves(fitted), folder / "curves.png")
        save_figure(plots.before_after(denoiser, split, config.noise, seed=config.seed), folder / "before-after.png")
        text = verdict(scores)
        write_text(folder / "verdict.txt", text + "\n")
        return Run(folder, config, fitted.history, tuple(scores), text, fitted.interrupted)

    def _curves(self, fitted: Fitted) -> Figure:
        from pellucid.training import choose_loss

        loss, split = choose_loss(self.config, self.split.channels), self.split
        chosen = split.test if self.config.validate_on == "test" else split.validation
        floor = None
        if loss == "bce":
            some = [chosen[index][None, ..., : split.channels] for index in range(min(len(chosen), 1000))]
            floor = float(np.mean([metrics.bce(image, image)[0] for image in some]))
        return plots.curves([epoch.row() for epoch in fitted.history], floor, loss, self.config.validate_on)
