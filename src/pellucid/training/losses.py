"""What training makes small: the loss, and what each image counts in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.networks import find
from pellucid.noise import Batch, parse, varies
from pellucid.training.config import Config

LEAST_NOISE = 0.01
"""Weaker noise than this (root mean square) does not raise an image's weight any further."""

LOSSES = {"bce": "binary_crossentropy", "mse": "mean_squared_error"}
"""By our name, what Keras calls it."""


def choose_loss(config: Config, channels: int) -> str:
    """Return `bce` or `mse`: as asked, or by the network and the number of channels."""
    if config.loss != "auto":
        return config.loss
    # The targets of noisy images alone are noisy, too, and may lie outside of [0, 1].
    noisy = config.alone and not config.renoised
    return "bce" if channels == 1 and find(config.network).bounded and not noisy else "mse"


def balanced(config: Config) -> bool:
    """Return whether each image's loss is weighted by its noise: as asked, or where the noise has a range."""
    return config.balance == "on" or (config.balance == "auto" and varies(parse(config.noise)))


def balance(noisy: Batch, clean: Batch) -> NDArray[np.float32]:
    """Return weights (N, 1, 1) for images NHWC: 1 / the mean square of an image's noise, 1 on average.

    Strong noise leaves the larger errors: unweighted, a model for a range of strengths learns little of the weak ones.
    """
    power = np.mean(np.square(noisy - clean), axis=3).mean(axis=(1, 2), keepdims=True)
    weights = 1 / np.maximum(power, LEAST_NOISE**2)
    return np.asarray(weights / weights.mean(), dtype=np.float32)
