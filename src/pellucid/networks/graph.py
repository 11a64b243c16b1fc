"""A Keras model as a flat list of steps, for the exporter, the faster training graph and the summary."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from pellucid.common import PellucidError


@dataclass(frozen=True)
class Step:
    """One layer's call: the numbers of its input tensors and of its output; the model's input is number 0."""

    layer: Any
    inputs: tuple[int, ...]
    output: int

    @property
    def kind(self) -> str:
        """The layer's class name."""
        return type(self.layer).__name__


@dataclass
class _Walk:
    steps: list[Step] = field(default_factory=list)
    numbers: Callable[[], int] = field(default_factory=lambda: count(1).__next__)

    def model(self, model: Any, given: int) -> int:
        """Append the steps of a functional model of one input and one output; return its output's number."""
        config = model.get_config()
        made: dict[str, int] = {}
        for entry in config["layers"]:
            name, nodes = entry["name"], entry["inbound_nodes"]
            if not nodes:
                made[name] = given
                continue
            if len(nodes) > 1:
                raise PellucidError(f"layer {name} is called {len(nodes)} times; expected every layer to be used once.")
            layer = model.get_layer(name)
            inputs = tuple(made[source] for source in _sources(nodes[0]["args"]))
            if hasattr(layer, "layers"):
                made[name] = self.model(layer, inputs[0])
            else:
                made[name] = self.numbers()
                self.steps.append(Step(layer, inputs, made[name]))
        return made[_outputs(config["output_layers"])]


def steps(model: Any) -> list[Step]:
    """Return the calls of a functional Keras model in order, its sub-models opened.

    Raises
    ------
    PellucidError
        If a layer is used more than once.
    """
    walk = _Walk()
    walk.model(model, 0)
    return walk.steps


def _sources(args: Any) -> list[str]:
    """Return the names of the layers whose tensors a call takes."""
    if isinstance(args, dict):
        return [args["config"]["keras_history"][0]] if args.get("class_name") == "__keras_tensor__" else []
    return [name for arg in args for name in _sources(arg)] if isinstance(args, list | tuple) else []


def _outputs(layers: Any) -> str:
    name = layers[0]
    return str(name[0] if isinstance(name, list | tuple) else name)


def uses(flat: list[Step]) -> dict[int, list[Step]]:
    """Return, by the number of a tensor, the steps that take it."""
    found: dict[int, list[Step]] = {}
    for step in flat:
        for source in step.inputs:
            found.setdefault(source, []).append(step)
    return found


def upsampled(flat: list[Step]) -> dict[int, Step]:
    """Return the nearest-neighbour x2 upsampling steps that only feed one plain 3x3 convolution.

    Returns
    -------
    The upsampling steps, by the output number of the convolution after them. Each such pair equals one transposed
    convolution (see `UNFOLD`).
    """
    followers = uses(flat)
    pairs = {}
    for step in flat:
        after = followers.get(step.output, [])
        if step.kind == "UpSampling2D" and len(after) == 1 and _can_upsample(step.layer, after[0]):
            pairs[after[0].output] = step
    return pairs


def _can_upsample(upsample: Any, after: Step) -> bool:
    nearest = tuple(upsample.size) == (2, 2) and upsample.get_config()["interpolation"] == "nearest"
    return nearest and after.kind == "Conv2D" and _plain(after.layer) and tuple(after.layer.kernel_size) == (3, 3)


def _plain(layer: Any) -> bool:
    return tuple(layer.strides) == (1, 1) and tuple(layer.dilation_rate) == (1, 1) and layer.padding == "same"


UNFOLD = ((0, 0, 1), (0, 1, 1), (1, 1, 0), (1, 0, 0))
"""The 4x4 kernel of the stride-2 transposed convolution that equals upsampling and a 3x3 convolution.

Row p says which rows of the 3x3 kernel are added up, because they read the same low-resolution pixel; columns alike.
"""


def multiply_adds(model: Any) -> float:
    """Return how many multiplications with addition the convolutions take per pixel of the image."""
    total = 0.0
    scale = {0: 1.0}  # pixels of a tensor per pixel of the image
    for step in steps(model):
        layer = step.layer
        here = scale[step.inputs[0]]
        if step.kind == "UpSampling2D":
            here *= layer.size[0] * layer.size[1]
        elif step.kind == "MaxPooling2D":
            here /= layer.strides[0] * layer.strides[1]
        elif step.kind == "Conv2D":
            here /= layer.strides[0] * layer.strides[1]
            total += here * math.prod(layer.kernel.shape)
        elif step.kind == "Conv2DTranspose":
            total += here * math.prod(layer.kernel.shape)
            here *= layer.strides[0] * layer.strides[1]
        scale[step.output] = here
    return total


def receptive_field(model: Any, multiple_of: int) -> int:
    """Return the halo in pixels: how far beyond a cell of the model's grid its result depends on the input.

    A cell is `multiple_of` pixels square. The range of pixels that one cell depends on is followed from the output
    back to the input, layer by layer; this is exact for the layers of pellucid's networks.

    Raises
    ------
    PellucidError
        For a layer whose reach is not known.
    """
    flat = steps(model)
    needed = {flat[-1].output: (0, multiple_of - 1)}
    for step in reversed(flat):
        low, high = _reach(step.layer, step.kind, *needed[step.output])
        for source in step.inputs:
            other = needed.get(source, (low, high))
            needed[source] = (min(low, other[0]), max(high, other[1]))
    low, high = needed[0]
    return max(-low, high - (multiple_of - 1), 0)


def _reach(layer: Any, kind: str, low: int, high: int) -> tuple[int, int]:
    """Return the range of inputs that the outputs `low` to `high` of a layer depend on, along one axis."""
    if kind in ("ReLU", "Activation", "BatchNormalization", "Add", "Concatenate", "Dropout"):
        return low, high
    if kind == "UpSampling2D":
        return low // layer.size[0], high // layer.size[0]
    if kind in ("Conv2D", "MaxPooling2D", "Conv2DTranspose") and layer.padding == "same":
        size = (layer.pool_size if kind == "MaxPooling2D" else layer.kernel_size)[0]
        stride = layer.strides[0]
        before = max(size - stride, 0) // 2
        if kind == "Conv2DTranspose":
            return -(-(low + before - size + 1) // stride), (high + before) // stride
        return low * stride - before, high * stride - before + size - 1
    raise PellucidError(f"the reach of a {kind} layer ({layer.name}) is not known.")
