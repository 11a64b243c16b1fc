"""Muon: steps whose matrices are made orthogonal, so that every direction of a layer learns at the same pace.

Sources: K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024), and its scale from J. Liu
et al., "Muon is scalable for LLM training" (2025), by which it takes the learning rates of Adam. Keras has it for
matrices; this one takes a convolution's kernel as the matrix from its inputs, (height x width x in), to its outputs.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

MOMENTUM = 0.95
SCALE = 0.2
"""Root mean square of a step's entries, in units of the learning rate: about Adam's."""

LEAST = 8
"""Kernels with fewer channels on either side are left to Adam: there is little to orthogonalise."""

EPSILON = 1e-8
"""Gradients far below this make no step: where none arrive any more, momentum must not be blown up to full size."""

_STEPS = 5
_QUINTIC = (3.4445, -4.775, 2.0315)  # Jordan's: brings singular values near 1 in five steps


def make_optimizer(name: str, rate: float) -> keras.optimizers.Optimizer:
    """Return the optimizer `muon`, or `adam` as the tutorial has it, for a learning rate that rises to `rate`."""
    if name == "adam":
        return keras.optimizers.Adam(rate)
    # An mse of small noise has gradients of the size of Adam's usual epsilon, 1e-7.
    return Muon(rate, beta_2=0.99, epsilon=1e-10)


class Muon(keras.optimizers.Adam):  # type: ignore[misc]
    """Muon for the kernels of inner convolutions, Adam for all else; settings as Adam's."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change one variable by its gradient."""
        if len(variable.shape) != 4 or min(variable.shape[2:]) < LEAST:
            super().update_step(gradient, variable, learning_rate)
            return
        rate, gradient = ops.cast(learning_rate, variable.dtype), ops.cast(gradient, variable.dtype)
        momentum = self._momentums[self._get_variable_index(variable)]
        self.assign(momentum, MOMENTUM * momentum + gradient)
        matrix = ops.reshape(gradient + MOMENTUM * momentum, (-1, variable.shape[-1]))  # Nesterov's form
        step = orthogonal(matrix) * (SCALE * math.sqrt(max(matrix.shape)))
        self.assign_sub(variable, rate * ops.reshape(step, variable.shape))


def orthogonal(matrix: Any) -> Any:
    """Return the nearest (semi-)orthogonal matrix, roughly, by Newton and Schulz's iteration.

    Parameters
    ----------
    matrix : float32 (rows, columns)

    Returns
    -------
    The same shape; its singular values lie between about 0.7 and 1.2, or near 0 for a matrix below `EPSILON`.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = ops.transpose(matrix) if tall else matrix
    x = x / (ops.norm(x) + EPSILON)
    first, third, fifth = _QUINTIC
    for _ in range(_STEPS):
        square = ops.matmul(x, ops.transpose(x))
        x = first * x + ops.matmul(third * square + fifth * ops.matmul(square, square), x)
    return ops.transpose(x) if tall else x
