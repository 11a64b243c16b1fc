"""The training loop: noisy in, clean out, the best weights kept, and a checkpoint never far back."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import Report, Stream, generator
from pellucid.networks import require_keras
from pellucid.noise import UNKNOWN, Batch, parse
from pellucid.training.batches import Batches
from pellucid.training.checkpoints import Checkpoints
from pellucid.training.config import Config
from pellucid.training.levels import Levels, unlikeliness
from pellucid.training.losses import LOSSES, balance, balanced, choose_loss
from pellucid.training.methods import METHODS, Method
from pellucid.training.prefetch import prefetch
from pellucid.training.risk import nudged, penalized_error, squared_error
from pellucid.training.schedule import schedule
from pellucid.training.signals import LEAVE, Asked
from pellucid.training.state import DivergedError, Epoch, State
from pellucid.training.unreadable import TooManyError

SETBACKS = 4
"""A training that diverges goes back so many times, each time with half the learning rate, before it gives up."""

SETTLED = 300
"""After fewer steps, the statistics of batch normalisation still hold much of where they began; they are taken anew."""

_BATCHES = 20  # by which they are taken


def prepare(network: Any, optimizer: str, rate: float, loss: str | Callable[..., Any]) -> None:
    """Compile a Keras model for `step`; `optimizer` as in `Config`, `loss` by Keras' name or as a function."""
    from pellucid.training.optimizers import make_optimizer  # needs Keras

    chosen = make_optimizer(optimizer, rate)
    network.compile(chosen, loss, jit_compile=require_keras().backend.backend() == "jax")
    chosen.build(network.trainable_variables)


def step(network: Any, inputs: Batch, targets: NDArray[Any], rate: float, weights: Any = None) -> float:
    """Change a network's weights by one step at a learning rate; return the loss before it."""
    network.optimizer.learning_rate = rate
    loss = float(network.train_on_batch(inputs, targets, weights))
    network.reset_metrics()  # Keras would report a running mean
    return loss


class Learner:
    """What changes in a training: the network, its optimizer, how far it has come, and the best weights so far.

    Parameters
    ----------
    model : a functional denoiser; it is trained in place
    config : of the run
    steps : in an epoch

    Attributes
    ----------
    state : how far the training has come
    best_weights : those of the best epoch so far; empty before the first one has ended
    """

    def __init__(self, model: Any, config: Config, steps: int) -> None:
        from pellucid.training.folding import folded  # needs Keras, which only a training may import

        self.model, self.config, self._steps = model, config, config.epochs * steps
        self.network = folded(model)  # the same variables, in a graph that trains faster
        # Of noisy images alone: what each step learns from, and by what their noise is known.
        self._levels = Levels(parse(config.noise)) if config.alone and config.method == "levels" else None
        self._method: Method | None = None
        loss: str | Callable[..., Any] = LOSSES[choose_loss(config, int(model.output_shape[-1]))]
        if config.alone and not config.renoised:
            self._method = self._levels.lesson if self._levels else METHODS[config.method]
            loss = unlikeliness if self._levels else loss
        prepare(self.network, config.optimizer, config.learning_rate, loss)
        self.rate = schedule(config.schedule, config.learning_rate, self._steps)
        self._balanced = balanced(config)
        self.state = State()
        self.best_weights: list[NDArray[Any]] = []

    def train(self, noisy: Batch, clean: Batch, rate: float, number: int = 0) -> float:
        """Take one step at the learning rate `rate`; return the loss before it.

        Of noisy images alone, `clean` is a noisy one, `noisy` belongs to it as the method says, and `number`, of the
        step in the training, names its draw of chance.
        """
        weights = self._weights(noisy, clean)
        if self._method:
            chance = generator(self.config.seed, Stream.METHOD, number)
            noisy, clean, own = self._method(clean, noisy, chance, self._answer)
            weights = own if weights is None else weights if own is None else weights * own
        return step(self.network, noisy, clean, rate, weights)

    def test(self, noisy: Batch, clean: Batch) -> float:
        """Return the loss; of noisy images alone, an estimate of the mean squared error to the unknown clean ones.

        That of the method `levels` is for mean noisy values, and holds the noise's variance (see `penalized_error`).
        Where the noise is unknown, it is the method's own loss.
        """
        if self._levels:
            levels, noise = self._levels, parse(self.config.noise)
            result = self._denoised(clean)
            again = noise(result, generator(self.config.seed, Stream.METHOD, index=1))
            means = levels.noisy_mean(result), levels.noisy_mean(self._denoised(again))
            return float(np.mean(penalized_error(clean, means[0], again, means[1])))
        weights, unknown = self._weights(noisy, clean), parse(self.config.noise) == UNKNOWN
        if self.config.alone and not self.config.second and not unknown:
            drawn, result = noisy - clean, self._answer(clean)
            errors = squared_error(clean, drawn, result, self._answer(nudged(clean, drawn)))
            return float(np.mean(errors if weights is None else errors * weights[..., None]))
        if self._method and unknown:
            chance = generator(self.config.seed, Stream.METHOD, index=1)
            noisy, clean, weights = self._method(clean, noisy, chance, self._answer)
        loss = float(self.network.test_on_batch(noisy, clean, weights))
        self.network.reset_metrics()
        return loss

    def _answer(self, noisy: Batch) -> Batch:
        return np.asarray(self.network.predict_on_batch(noisy))

    def _denoised(self, noisy: Batch) -> Batch:
        answer = self._answer(noisy)
        return self._levels.clean(noisy, answer) if self._levels and self._method else answer

    def _weights(self, noisy: Batch, clean: Batch) -> Any:
        return balance(noisy, clean) if self._balanced else None

    def goes_on(self) -> bool:
        """Whether there are epochs left, and patience."""
        state, patience = self.state, self.config.patience
        waited = patience and state.best >= 0 and state.epoch - 1 - state.best >= patience
        return state.epoch < self.config.epochs and not waited

    def keep_if_best(self, loss: float) -> None:
        """Keep the weights if `loss`, that of validation, is the best so far; before the epoch is closed.

        Where validation is done on test images, as in the tutorial, the last weights are kept: nothing is chosen by
        test images.
        """
        state = self.state
        choosing = self.config.validate_on == "validation"
        if state.best < 0 or not choosing or loss < state.history[state.best].validation_loss:
            state.best, self.best_weights = state.epoch, self.model.get_weights()

    def settle(self, training: Batches) -> None:
        """Make the statistics of batch normalisation those of the present weights, if steps were too few for that."""
        if self._steps >= SETTLED:
            return
        keras = require_keras()
        layers = [layer for layer in self.model.layers if isinstance(layer, keras.layers.BatchNormalization)]
        usual = [layer.momentum for layer in layers]
        for count, (noisy, _) in enumerate(islice(training.epoch(0), _BATCHES if layers else 0)):
            for layer in layers:
                layer.momentum = count / (count + 1)  # the mean over all batches so far
            self.model(noisy, training=True)
        for layer, momentum in zip(layers, usual, strict=True):
            layer.momentum = momentum

    def save(self, checkpoints: Checkpoints, *, good: bool = False) -> None:
        """Write a checkpoint; `good` makes it the one that a diverging training goes back to."""
        to_numpy = require_keras().ops.convert_to_numpy
        optimizer = [to_numpy(variable) for variable in self.network.optimizer.variables]
        parts = {"weights": self.model.get_weights(), "best": self.best_weights, "optimizer": optimizer}
        arrays = {f"{part}/{place:04d}": array for part, given in parts.items() for place, array in enumerate(given)}
        checkpoints.save(self.state, arrays, good=good)

    def load(self, checkpoints: Checkpoints, number: int) -> None:
        """Return to checkpoint `number`."""
        self.state, arrays = checkpoints.load(number)
        parts: dict[str, list[NDArray[Any]]] = {"weights": [], "best": [], "optimizer": []}
        for name in sorted(arrays):
            parts[name.split("/")[0]].append(arrays[name])
        self.model.set_weights(parts["weights"])
        self.best_weights = parts["best"]
        for variable, value in zip(self.network.optimizer.variables, parts["optimizer"], strict=True):
            variable.assign(value)


def fit(
    learner: Learner,
    training: Batches,
    validation: Batches,
    checkpoints: Checkpoints,
    *,
    asked: Asked,
    report: Report,
    say: Callable[[str], None],
) -> Iterator[Epoch]:
    """Train to the end; yield each epoch as it ends, before its checkpoint is written. Then keep the best weights.

    Parameters
    ----------
    learner : at its start, or at the checkpoint that it was loaded from
    training, validation : the batches; validation's noise is the same in every epoch
    checkpoints : where the state goes
    asked : whether a signal has asked to end. Ctrl-C ends the training at the next step and keeps the best weights so
        far, or those of now if no epoch has ended.
    report : called after every step with the number of samples seen
    say : called with lines for a person

    Raises
    ------
    PellucidError
        If the loss diverges again and again, or too many images cannot be read.
    SystemExit
        For SIGTERM and SIGHUP, after a checkpoint, with 128 + the signal's number.
    """
    steps, samples = len(training), training.samples
    if not learner.state.good:
        learner.save(checkpoints, good=True)
    while learner.goes_on() and not asked():
        state = learner.state
        slower = 0.5**state.setbacks
        clock = time.monotonic()
        try:
            for noisy, clean in prefetch(lambda: training.epoch(learner.state.epoch, learner.state.step), stop=asked):
                if not len(clean):  # none of these images can be read
                    state.step += 1
                    continue
                number = state.epoch * steps + state.step
                loss = learner.train(noisy, clean, slower * learner.rate(number), number)
                state.add(loss, len(clean))
                now = time.monotonic()
                state.seconds, clock = state.seconds + now - clock, now
                if asked() in LEAVE or (asked() and state.step < steps):
                    break
                mean = f"epoch {state.epoch + 1} loss {state.total / state.seen:.4g}"
                report(state.epoch * samples + state.seen, mean)
                if checkpoints.due() and state.step < steps:
                    learner.save(checkpoints)
            validated = _validate(learner, validation, asked) if state.step == steps else None
        except DivergedError as reason:
            _go_back(learner, checkpoints, str(reason), say)
            continue
        except TooManyError:
            learner.save(checkpoints)
            raise
        if validated is None:  # asked to end before it was known
            break
        rate = slower * learner.rate((state.epoch + 1) * steps - 1)
        learner.keep_if_best(validated[0])
        yield state.close(validated, rate, time.monotonic() - clock)
        # What is told of an epoch is written before its checkpoint: done twice, it does no harm; left out, it would.
        learner.save(checkpoints, good=True)
    if asked():
        learner.save(checkpoints)
    if asked() in LEAVE:
        raise SystemExit(128 + asked())
    if learner.best_weights:
        learner.model.set_weights(learner.best_weights)
    learner.settle(training)


def _validate(learner: Learner, validation: Batches, asked: Asked) -> tuple[float, float] | None:
    """Return the mean loss over the validation images and its standard error; None if asked to leave."""
    total, seen, losses = 0.0, 0, []
    for noisy, clean in prefetch(lambda: validation.epoch(0)):
        if len(clean):
            losses.append(learner.test(noisy, clean))
            total += losses[-1] * len(clean)
            seen += len(clean)
        if asked() in LEAVE:
            return None
    if not seen:
        unreadable = validation.patches.unreadable
        last = f" The last: {unreadable.last}" if unreadable else ""
        raise TooManyError(f"none of the validation images can be read any more.{last} Restore them.")
    if not math.isfinite(total):
        raise DivergedError(f"the validation loss became {total / seen}")
    doubt = float(np.std(losses, ddof=1) / math.sqrt(len(losses))) if len(losses) > 1 else 0.0
    return total / seen, doubt


def _go_back(learner: Learner, checkpoints: Checkpoints, reason: str, say: Callable[[str], None]) -> None:
    """Return to the start of the epoch with half the learning rate."""
    state = learner.state
    place = f"epoch {state.epoch + 1}, step {state.step + 1}: {reason}"
    setbacks = state.setbacks + 1
    if setbacks > SETBACKS:
        least = f"even at {0.5**SETBACKS:g} of the learning rate"
        raise DivergedError(f"{place}, {least}. Train anew with a lower learning rate.", argument="learning_rate")
    learner.load(checkpoints, state.good)
    learner.state.setbacks = setbacks
    learner.save(checkpoints, good=True)
    say(f"{place}; back to the start of the epoch, at {0.5**setbacks:g} of the learning rate")
