"""Which gray level a hidden pixel has: learned from its surroundings, by how likely its noisy value is on each level.

Noise that is cut off at black or white, or replaces pixels, is not zero on average, so no mean of noisy values is the
clean one. But how likely a noisy value is on each clean level is known, since the noise can be drawn. A network that
sees the surroundings only says how likely each level is; its loss is minus the logarithm of the noisy value's
likelihood (Krull et al., "Probabilistic Noise2Void", 2020; Laine et al., "High-quality self-supervised deep image
denoising", 2019). Both together give the mean of the clean value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import Stream, generator
from pellucid.networks import require_keras
from pellucid.noise import Batch, Corruption
from pellucid.training.methods import Lesson, Predict, hide

LEVELS = 16
"""Gray levels that are told apart, evenly spaced from black to white."""

BINS = 64
"""Bins of noisy values between black and white; what is just at black or white, or beyond, has one of its own."""

_DRAWN = 2**16  # values on each level from which the likelihoods are counted


class Levels:
    """Gray levels, and how a noise that is independent from value to value treats them.

    Attributes
    ----------
    likelihoods : of the bins of noisy values on each level, float32 (levels, bins + 2)
    means : of noisy values on each level
    """

    def __init__(self, noise: Corruption) -> None:
        self.values = np.linspace(0, 1, LEVELS, dtype=np.float32)
        counts, means = [], []
        for number, level in enumerate(self.values):
            drawn = noise(np.full((_DRAWN, 1, 1, 1), level, np.float32), generator(0, Stream.METHOD, index=number))
            counts.append(np.bincount(_bins(drawn).ravel(), minlength=BINS + 2))
            means.append(float(drawn.mean()))
        smoothed = np.array(counts) + 0.5  # nothing is impossible
        self.likelihoods = (smoothed / smoothed.sum(axis=1, keepdims=True)).astype(np.float32)
        self.means = np.array(means)

    def lesson(self, noisy: Batch, other: Batch, rng: np.random.Generator, predict: Predict) -> Lesson:
        """From its surroundings to how likely the noisy value of a hidden pixel is; a `Method`."""
        hidden, filled = hide(noisy, rng)
        return Lesson(filled, self.likelihood(noisy), hidden / np.float32(hidden.mean()))

    def likelihood(self, noisy: Batch) -> Batch:
        """Return how likely noisy values are on each level: (N, H, W, C) to (N, H, W, C * levels)."""
        found = self.likelihoods.T[_bins(noisy)]
        return np.asarray(found.reshape(*noisy.shape[:3], -1))

    def clean(self, noisy: Batch, answer: Batch) -> Batch:
        """Return the mean of the clean values, by the network's answer, (N, H, W, C * levels), and the noisy values."""
        shape = (*noisy.shape, LEVELS)
        answer = answer.reshape(shape)
        weights = np.exp(answer - answer.max(axis=4, keepdims=True)) * self.likelihood(noisy).reshape(shape)
        return np.asarray(weights @ self.values / weights.sum(axis=4))

    def noisy_mean(self, clean: Batch) -> Batch:
        """Return what clean values are on average once there is noise on them."""
        return np.asarray(np.interp(clean, self.values, self.means), np.float32)


def _bins(values: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the bin of each value: 0 at black or below, the last at white or above."""
    inner = np.minimum((values * BINS).astype(np.intp), BINS - 1) + 1
    return np.where(values <= 0, 0, np.where(values >= 1, BINS + 1, inner))


def levels_network(model: Any) -> Any:
    """Return a network like a denoiser, fresh, whose last convolution says how likely each level is, as logarithms.

    Parameters
    ----------
    model : a denoiser whose last layer with weights is the convolution that makes the image, or the noise in it
    """
    keras = require_keras()
    last = next(layer for layer in reversed(model.layers) if layer.weights)
    settings = {**last.get_config(), "activation": "linear", "kernel_initializer": "zeros", "name": "levels"}
    settings["filters"] = last.filters * LEVELS
    return keras.Model(model.input, type(last).from_config(settings)(last.input), name=f"{model.name}_levels")


def unlikeliness(likelihood: Any, answer: Any) -> Any:
    """Return minus the logarithm of noisy values' likelihood, (N, H, W); a loss as Keras takes it.

    Parameters
    ----------
    likelihood : on each level, (N, H, W, C * levels)
    answer : of the network, of the same shape
    """
    ops = require_keras().ops
    shape = (*ops.shape(answer)[:3], answer.shape[3] // LEVELS, LEVELS)
    answer, likelihood = ops.reshape(answer, shape), ops.reshape(likelihood, shape)
    share = ops.sum(ops.softmax(answer) * likelihood, axis=-1)
    return -ops.mean(ops.log(share + 1e-12), axis=-1)
