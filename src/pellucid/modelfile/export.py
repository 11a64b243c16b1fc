"""From a trained Keras model to a minimal ONNX graph, and whether both answer the same: denoisers, and the classifier.

The layers are translated one by one into NCHW operators, so the graph is the same whatever backend trained it, holds
no shape arithmetic, and takes any batch, height and width. Two things are folded in exactly: batch normalisation into
the convolution before it, and nearest-neighbour upsampling into the 3x3 convolution after it, as one 4x4 transposed
convolution of stride 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.modelfile.engines import Array, RunBatch
from pellucid.networks import UNFOLD, Step, steps, upsampled, uses

OPSET = 17
IR_VERSION = 8
TOLERANCE = 1e-5
"""The largest difference from Keras that a written model may show on any value, in every engine."""

_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "softmax": "Softmax"}


_Shape = list[str | int | None]


class _Graph:
    """The ONNX nodes and weights written so far."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def weight(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype=np.float32), name))
        return name


def to_onnx(model: Any, channels: int) -> Any:
    """Translate a denoiser into an `onnx.ModelProto` with input `noisy` and output `denoised`, both NCHW float32.

    Raises
    ------
    PellucidError
        For a layer that has no translation.
    """
    shape: _Shape = ["batch", channels, "height", "width"]
    return _proto(model, ("noisy", shape), ("denoised", shape))


def classifier_to_onnx(model: Any) -> Any:
    """Translate a classifier into an `onnx.ModelProto`: `image`, NCHW float32, to `scores`, (batch, classes).

    Raises
    ------
    PellucidError
        For a layer that has no translation.
    """
    _, height, width, channels = model.input_shape
    return _proto(model, ("image", ["batch", channels, height, width]), ("scores", ["batch", model.output_shape[-1]]))


def _proto(model: Any, source: tuple[str, _Shape], target: tuple[str, _Shape]) -> Any:
    """Translate a model; `source` and `target` are the names and shapes of its input and output."""
    from onnx import TensorProto, checker, helper

    graph = _Graph()
    flat = _Fusion(steps(model))
    ends = {0: source[0], flat.steps[-1].output: target[0]}
    for step in flat.steps:
        _translate(graph, flat, step, lambda number: ends.get(number, f"t{number}"))
    proto = helper.make_model(
        helper.make_graph(
            graph.nodes,
            model.name,
            [helper.make_tensor_value_info(source[0], TensorProto.FLOAT, source[1])],
            [helper.make_tensor_value_info(target[0], TensorProto.FLOAT, target[1])],
            graph.weights,
        ),
        producer_name="pellucid",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    checker.check_model(proto)
    return proto


class _Fusion:
    """Which steps merge into a neighbour, found before anything is written."""

    def __init__(self, flat: list[Step]) -> None:
        followers = uses(flat)
        self.norm: dict[int, Any] = {}  # output of a convolution -> the BatchNormalization after it
        self.upsampled = upsampled(flat)  # by outputs of convolutions that are to upsample themselves
        absorbed = {step.output for step in self.upsampled.values()}
        rename: dict[int, int] = {}
        self.steps: list[Step] = []
        for step in flat:
            inputs = tuple(rename.get(number, number) for number in step.inputs)
            step = Step(step.layer, inputs, step.output)
            if step.kind == "BatchNormalization" and self.steps and _can_absorb(self.steps[-1], inputs, followers):
                self.norm[inputs[0]] = step.layer
                rename[step.output] = inputs[0]
            elif step.output in absorbed:
                rename[step.output] = inputs[0]
            else:
                self.steps.append(step)


def _can_absorb(before: Step, inputs: tuple[int, ...], followers: dict[int, list[Step]]) -> bool:
    linear = before.kind == "Conv2D" and before.layer.get_config()["activation"] == "linear"
    return linear and before.output == inputs[0] and len(followers[inputs[0]]) == 1


def _translate(graph: _Graph, flat: _Fusion, step: Step, tensor: Any) -> None:
    inputs, output, kind, layer = [tensor(n) for n in step.inputs], tensor(step.output), step.kind, step.layer
    if kind in ("Conv2D", "Conv2DTranspose", "Dense"):
        activation = layer.get_config()["activation"]
        target = output if activation == "linear" else f"{output}_linear"
        if kind == "Dense":
            _dense(graph, layer, inputs[0], target)
        else:
            _convolution(graph, flat, step, inputs[0], target)
        if activation != "linear":
            _activation(graph, layer, activation, target, output)
    elif kind == "ReLU":
        _activation(graph, layer, "relu", inputs[0], output)
    elif kind == "Activation":
        _activation(graph, layer, layer.get_config()["activation"], inputs[0], output)
    elif kind == "MaxPooling2D" and tuple(layer.pool_size) == tuple(layer.strides):
        graph.node("MaxPool", inputs, output, kernel_shape=list(layer.pool_size), strides=list(layer.strides))
    elif kind == "Flatten":
        # Keras counts the values of a pixel first, then the pixels of a row.
        graph.node("Transpose", inputs, f"{output}_nhwc", perm=[0, 2, 3, 1])
        graph.node("Flatten", [f"{output}_nhwc"], output)
    elif kind == "Add":
        graph.node("Add", inputs, output)
    elif kind == "Concatenate":
        graph.node("Concat", inputs, output, axis=1)
    else:
        raise PellucidError(f"a {kind} layer ({layer.name}) cannot be written to a model file.")


def _activation(graph: _Graph, layer: Any, name: str, source: str, output: str) -> None:
    if name not in _ACTIVATIONS:
        raise PellucidError(f"the activation {name!r} of {layer.name} cannot be written to a model file.")
    graph.node(_ACTIVATIONS[name], [source], output)


def _dense(graph: _Graph, layer: Any, source: str, output: str) -> None:
    kernel = _array(layer.kernel)
    bias = _array(layer.bias) if layer.use_bias else np.zeros(kernel.shape[1])
    weights = [graph.weight(f"{output}_kernel", kernel), graph.weight(f"{output}_bias", bias)]
    graph.node("Gemm", [source, *weights], output)


def _convolution(graph: _Graph, flat: _Fusion, step: Step, source: str, output: str) -> None:
    layer = step.layer
    transposed = step.kind == "Conv2DTranspose"
    # Keras: (height, width, in, out), transposed (height, width, out, in); ONNX: (out, in, h, w) or (in, out, h, w).
    kernel = np.transpose(_array(layer.kernel), (3, 2, 0, 1))
    filters = kernel.shape[1 if transposed else 0]
    bias = _array(layer.bias) if layer.use_bias else np.zeros(filters)
    norm = flat.norm.get(step.output)
    if norm is not None:
        gain, shift = _affine(norm)
        kernel, bias = kernel * gain[:, None, None, None], bias * gain + shift
    stride = list(layer.strides)
    if step.output in flat.upsampled:
        kernel = np.einsum("ai,bj,ocij->coab", UNFOLD, UNFOLD, kernel)
        transposed, stride = True, [2, 2]
    size = kernel.shape[2:]
    before = [max(length - step_by, 0) // 2 for length, step_by in zip(size, stride, strict=True)]
    after = [max(length - step_by, 0) - first for length, step_by, first in zip(size, stride, before, strict=True)]
    graph.node(
        "ConvTranspose" if transposed else "Conv",
        [source, graph.weight(f"{output}_kernel", kernel), graph.weight(f"{output}_bias", bias)],
        output,
        kernel_shape=list(size),
        strides=stride,
        pads=before + after,
    )


def _array(variable: Any) -> NDArray[np.float64]:
    return np.asarray(variable.numpy(), dtype=np.float64)


def _affine(norm: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The gain and shift that a batch normalisation applies once it is trained."""
    mean, variance = (_array(value) for value in (norm.moving_mean, norm.moving_variance))
    gain = (_array(norm.gamma) if norm.scale else 1.0) / np.sqrt(variance + norm.epsilon)
    return gain, (_array(norm.beta) if norm.center else 0.0) - mean * gain


def check_same(written: RunBatch, trained: RunBatch, batches: Iterable[Array], what: str = "model") -> float:
    """Return the largest difference between what was written and what was trained.

    Parameters
    ----------
    written, trained : functions of the same batches to results of the same shape
    batches : what to run them on
    what : was written, for the message

    Raises
    ------
    PellucidError
        If it is above `TOLERANCE`, or no number: the file would answer differently.
    """
    worst = float(np.max([np.abs(written(batch) - trained(batch)).max() for batch in batches]))  # NaN if one is
    if not worst <= TOLERANCE:
        raise PellucidError(f"the written {what} differs from the trained one by {worst:.2g} (limit {TOLERANCE:g}).")
    return worst


def random_batches(channels: int, multiple_of: int) -> list[Array]:
    """Return random images to check a denoiser on: NHWC float32 in [0, 1], sides in multiples of `multiple_of`."""
    rng = np.random.default_rng(0)
    shapes = ((3, 4, 5), (1, 7, 3))
    return [
        rng.random((count, height * multiple_of, width * multiple_of, channels), dtype=np.float32)
        for count, height, width in shapes
    ]
