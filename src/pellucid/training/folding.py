"""A faster graph for training, on the same weights: upsampling becomes part of the convolution after it.

Nearest-neighbour upsampling and a 3x3 convolution equal one 4x4 transposed convolution of stride 2 that works on a
quarter of the pixels. Its kernel is made from the 3x3 one in every step, so gradients reach the layer's own weights.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from pellucid.networks import UNFOLD, Step, steps, upsampled


class _UpsampledConvolution(keras.layers.Layer):  # type: ignore[misc]
    """A `Conv2D` of 3x3, and the upsampling before it, in one."""

    def __init__(self, convolution: Any) -> None:
        super().__init__()
        self.convolution = convolution
        self.built = True

    def call(self, images: Any) -> Any:
        """Map (N, H, W, in) to (N, 2H, 2W, out)."""
        layer = self.convolution
        unfold = ops.convert_to_tensor(np.array(UNFOLD, dtype=layer.compute_dtype))
        kernel = ops.einsum("ai,bj,ijco->aboc", unfold, unfold, layer.kernel)
        result = ops.conv_transpose(images, kernel, strides=2, padding="same")
        return layer.activation(result + layer.bias if layer.use_bias else result)

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the shape of `call`'s result."""
        count, height, width, _ = shape
        return (count, height and 2 * height, width and 2 * width, self.convolution.filters)


def folded(model: Any) -> Any:
    """Return a `keras.Model` that computes what `model` does, on the very same variables, with less work.

    Parameters
    ----------
    model : a functional denoiser; it stays as it is
    """
    flat = steps(model)
    pairs = upsampled(flat)
    sources = {pair.output: pair.inputs[0] for pair in pairs.values()}
    image = keras.Input(model.input_shape[1:])
    tensors = {0: image}
    for step in flat:
        if step.output not in sources:
            given = [tensors[sources.get(number, number)] for number in step.inputs]
            tensors[step.output] = _layer(step, step.output in pairs)(given[0] if len(given) == 1 else given)
    return keras.Model(image, tensors[flat[-1].output], name=model.name)


def _layer(step: Step, upsamples: bool) -> Any:
    return _UpsampledConvolution(step.layer) if upsamples else step.layer
