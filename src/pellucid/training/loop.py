"""The training loop: noisy in, clean out, the best weights kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from pellucid.errors import PellucidError
from pellucid.models import find
from pellucid.progress import Report
from pellucid.training.batches import Batches, prefetch
from pellucid.training.config import Config
from pellucid.training.folding import folded
from pellucid.training.interrupt import Asked, interruptible
from pellucid.training.muon import Muon
from pellucid.training.schedule import schedule

LOSSES = {"bce": "binary_crossentropy", "mse": "mean_squared_error"}


@dataclass(frozen=True)
class Epoch:
    """What is known after an epoch: losses as means over images, and the seconds that training and validation took."""

    epoch: int
    loss: float
    validation_loss: float
    learning_rate: float
    images_per_second: float
    seconds: float
    validation_seconds: float

    def row(self) -> dict[str, float]:
        """Return the values by name."""
        return asdict(self)


@dataclass(frozen=True)
class Fitted:
    """The end of a training: its history, the epoch whose weights were kept, and whether it was interrupted."""

    history: tuple[Epoch, ...]
    best: int
    interrupted: bool


def choose_loss(config: Config, channels: int) -> str:
    """Return `bce` or `mse`: as asked, or by the network and the number of channels."""
    return config.loss if config.loss != "auto" else ("bce" if channels == 1 and find(config.model).bounded else "mse")


def fit(
    model: Any,
    config: Config,
    training: Batches,
    validation: Batches,
    report: Report,
    on_epoch: Callable[[Epoch, bool], None],
) -> Fitted:
    """Train `model` in place and leave it with the weights of the best validation loss.

    Where validation is done on test images, as in the tutorial, the last weights are kept: nothing is chosen by them.
    Ctrl-C ends the training at the next step and keeps the best weights so far (those of now, if no epoch was
    finished). A second Ctrl-C raises KeyboardInterrupt at once.
    `on_epoch(epoch, is_best)` is called behind every epoch.

    Raises
    ------
    PellucidError
        If the loss is not a number any more.
    """
    channels = int(model.output_shape[-1])
    optimizer = keras.optimizers.Adam(config.learning_rate)
    if config.optimizer == "muon":
        # An mse of small noise has gradients of the size of Adam's usual epsilon, 1e-7.
        optimizer = Muon(config.learning_rate, beta_2=0.99, epsilon=1e-10)
    network = folded(model)  # the same variables, in a graph that trains faster
    network.compile(optimizer, LOSSES[choose_loss(config, channels)], jit_compile=keras.backend.backend() == "jax")
    rate = schedule(config.schedule, config.learning_rate, config.epochs * len(training))
    history: list[Epoch] = []
    best, best_weights = -1, None
    choosing = config.validate_on == "validation"
    with interruptible() as asked:
        for number in range(config.epochs):
            begin = time.monotonic()
            loss = _train_epoch(network, training, number, rate, report, asked)
            if loss is None:
                break
            seconds = time.monotonic() - begin
            validated = validation_loss(network, validation)
            now = Epoch(
                epoch=number + 1,
                loss=loss,
                validation_loss=validated,
                learning_rate=rate((number + 1) * len(training) - 1),
                images_per_second=len(training.patches) / seconds,
                seconds=seconds,
                validation_seconds=time.monotonic() - begin - seconds,
            )
            history.append(now)
            improved = best < 0 or not choosing or now.validation_loss < history[best].validation_loss
            if improved:
                best, best_weights = number, model.get_weights()
            on_epoch(now, improved)
            if asked() or (config.patience and number - best >= config.patience):
                break
    if best_weights is not None:
        model.set_weights(best_weights)
    return Fitted(tuple(history), best + 1, asked())


def _train_epoch(
    model: Any, batches: Batches, epoch: int, rate: Callable[[int], float], report: Report, asked: Asked
) -> float | None:
    """Train for an epoch and return its mean loss; None if Ctrl-C ended it early."""
    total, seen = 0.0, 0
    done = epoch * len(batches.patches)
    for place, (noisy, clean) in enumerate(prefetch(lambda: batches.epoch(epoch))):
        model.optimizer.learning_rate = rate(epoch * len(batches) + place)
        loss = float(model.train_on_batch(noisy, clean))
        model.reset_metrics()  # Keras would report a running mean
        if not math.isfinite(loss):
            raise PellucidError(
                f"the loss became {loss} in epoch {epoch + 1}, step {place + 1}. Try a lower --learning-rate."
            )
        total += loss * len(clean)
        seen += len(clean)
        report(done + seen, f"epoch {epoch + 1} loss {total / seen:.4g}")
        if asked() and seen < len(batches.patches):
            return None
    return total / seen


def validation_loss(model: Any, batches: Batches) -> float:
    """Return the mean loss over the images of `batches`, whose noise is always the same."""
    total, seen = 0.0, 0
    for noisy, clean in prefetch(lambda: batches.epoch(0)):
        total += float(model.test_on_batch(noisy, clean)) * len(clean)
        model.reset_metrics()
        seen += len(clean)
    return total / seen


def predict(model: Any, noisy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run `model` on a batch, NHWC."""
    return np.asarray(keras.ops.convert_to_numpy(model(noisy, training=False)), dtype=np.float32)
