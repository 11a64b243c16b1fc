"""Learning from noisy images alone: what the network is given, and what it is to answer.

A method makes a `Lesson` from noisy images, NHWC float32, and from others that belong to them: a second shot of each,
or the same with a second helping of their noise. Its target has noise of its own, which the network cannot see in its
input and so learns to average away. Chance comes from `rng` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.noise import Batch

Predict = Callable[[Batch], Batch]
"""What the network answers now, NHWC float32."""


class Lesson(NamedTuple):
    """One step's input and target, and the weights of its values (N, H, W) or images (N, 1, 1); None: all alike."""

    given: Batch
    wanted: Batch
    weights: NDArray[np.float32] | None = None


Method = Callable[[Batch, Batch, np.random.Generator, Predict], Lesson]
"""Called with the noisy images, the others, the source of chance, and the network."""

ALPHA = 0.5
"""Of recorruption: how much of the second helping of noise goes into the input; the target loses 1 / ALPHA of it."""

GAMMA = 2.0
"""Of neighbours: the weight of what tells the pixels of a cell apart."""

CELL = 4
"""Of masks: one pixel in each cell of this side is hidden."""

_REACH = 2  # pixels from a hidden one to that which takes its place, at most, along each axis
_PAIRS = np.array([(0, 1), (1, 0), (2, 3), (3, 2), (0, 2), (2, 0), (1, 3), (3, 1)])  # neighbours in a cell of 2x2


def shots(noisy: Batch, second: Batch, rng: np.random.Generator, predict: Predict) -> Lesson:
    """From either shot to the other (Lehtinen et al., "Noise2Noise", 2018): for noise that is zero on average."""
    swapped = rng.random((len(noisy), 1, 1, 1)) < 0.5
    return Lesson(np.where(swapped, second, noisy), np.where(swapped, noisy, second))


def recorrupt(noisy: Batch, doubled: Batch, rng: np.random.Generator, predict: Predict) -> Lesson:
    """From more noise to less signal (Pang et al., "Recorrupted-to-Recorrupted", 2021): for Gaussian noise.

    With noise of the same covariance drawn again, the noise of input and target is independent.
    """
    drawn = doubled - noisy
    return Lesson(noisy + np.float32(ALPHA) * drawn, noisy - drawn / np.float32(ALPHA))


def neighbors(noisy: Batch, doubled: Batch, rng: np.random.Generator, predict: Predict) -> Lesson:
    """From one pixel of each cell of 2x2 to a neighbour of it (Huang et al., "Neighbor2Neighbor", 2021).

    For noise that is independent from pixel to pixel and zero on average. Neighbours are not the same pixel: their
    difference in the network's present answer d is allowed for. The paper's loss |e|² + γ|e - d|², e the error, has
    the same gradient as (1 + γ)|e - d γ / (1 + γ)|², so it is a matter of the target. Both sides of the images must be
    even.
    """
    chosen = _PAIRS[rng.integers(len(_PAIRS), size=(len(noisy), noisy.shape[1] // 2, noisy.shape[2] // 2))]
    one, other = (_pick(noisy, chosen[..., place]) for place in (0, 1))
    answer = predict(noisy)
    apart = _pick(answer, chosen[..., 0]) - _pick(answer, chosen[..., 1])
    return Lesson(one, other + np.float32(GAMMA / (1 + GAMMA)) * apart)


def _pick(images: Batch, chosen: NDArray[np.intp]) -> Batch:
    """Return one pixel of each cell of 2x2: (N, H, W, C) to (N, H/2, W/2, C)."""
    count, height, width, channels = images.shape
    cells = images.reshape(count, height // 2, 2, width // 2, 2, channels).transpose(0, 1, 3, 2, 4, 5)
    cells = cells.reshape(*chosen.shape, 4, channels)
    return np.take_along_axis(cells, chosen[..., None, None], axis=3)[..., 0, :]


def masks(noisy: Batch, doubled: Batch, rng: np.random.Generator, predict: Predict) -> Lesson:
    """From its surroundings to a pixel that is hidden (Krull et al., "Noise2Void", 2019).

    For noise that is independent from pixel to pixel and zero on average. What is hidden is replaced by a neighbour,
    and the loss is taken at the hidden pixels only.
    """
    hidden, filled = hide(noisy, rng)
    return Lesson(filled, noisy, hidden / np.float32(hidden.mean()))


def hide(noisy: Batch, rng: np.random.Generator) -> tuple[NDArray[np.float32], Batch]:
    """Hide a pixel in each cell of `CELL` x `CELL`: return where, (N, H, W) of 0 and 1, and the images without them."""
    count, height, width, _ = noisy.shape
    rows, columns = -(-height // CELL), -(-width // CELL)
    image, row, column = np.indices((count, rows, columns))
    row = np.minimum(row * CELL + rng.integers(CELL, size=row.shape), height - 1)
    column = np.minimum(column * CELL + rng.integers(CELL, size=column.shape), width - 1)
    # Any pixel around but the hidden one itself; beyond an edge, its mirror image.
    places = rng.integers((2 * _REACH + 1) ** 2 - 1, size=row.shape)
    places += places >= (2 * _REACH + 1) ** 2 // 2
    down, right = np.divmod(places, 2 * _REACH + 1)
    hidden = np.zeros(noisy.shape[:3], np.float32)
    hidden[image, row, column] = 1
    filled = noisy.copy()
    filled[image, row, column] = noisy[
        image, _mirrored(row, down - _REACH, height), _mirrored(column, right - _REACH, width)
    ]
    return hidden, filled


def _mirrored(place: NDArray[Any], step: NDArray[Any], length: int) -> NDArray[Any]:
    """Return the places a step away; a step that leaves the image is taken the other way."""
    there = place + step
    return np.asarray(np.where((there < 0) | (there >= length), place - step, there))


METHODS: dict[str, Method] = {"shots": shots, "neighbors": neighbors, "recorrupt": recorrupt, "masks": masks}
"""The methods by name, but for `levels`, which needs to know the noise: see there."""
