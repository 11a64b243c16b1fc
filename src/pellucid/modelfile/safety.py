"""What a model file must be like before an engine sees it; a stranger may have made it.

ONNX Runtime and OpenVINO are large C++ programs that trust what they load. So only a graph that pellucid could have
written passes: known operators with sane attributes, all weights inside the file, every tensor's channels and
resolution known. Memory and time are then bounded by a fixed multiple of the image's size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from pellucid.common import PellucidError
from pellucid.modelfile.protobuf import Message

OPSETS = range(13, 24)
IR_VERSIONS = range(7, 12)
MAX_NODES = 1000
MAX_SPAN = 64
"""Pixels that a kernel or a stride may span along an axis."""
MAX_VALUES = 2**13
"""Values of all tensors together, per pixel of the image: 32 KiB. A U-Net that begins with 64 channels has 2**10."""
MAX_WORK = 2**22
"""Multiplications per pixel of the image. The largest U-Nets used for denoising need about 2**21."""

_FLOAT = 1  # of onnx.TensorProto.DataType
_INT, _INTS = 2, 7  # of onnx.AttributeProto.AttributeType


class _Form(NamedTuple):
    """What is known of a tensor: its channels, and its height and width as parts of the image's."""

    channels: int
    scale: tuple[Fraction, Fraction]

    @property
    def values(self) -> Fraction:
        """Values per pixel of the image."""
        return self.channels * self.scale[0] * self.scale[1]


class _Made(NamedTuple):
    """What a node makes, and at what cost per pixel of the image."""

    form: _Form
    values: Fraction
    work: Fraction


Shapes = list[tuple[int, ...]]
Attributes = dict[str, Any]


def check(model: Message, channels: int, multiple_of: int) -> None:
    """Refuse a graph that is not a denoiser of `channels` channels for images on a grid of `multiple_of` pixels.

    Raises
    ------
    PellucidError
        With a text that completes "it ...".
    """
    graph = model["graph"]
    if graph is None or not graph["node"]:
        raise _not("it holds no network")
    if model["ir_version"] not in IR_VERSIONS:
        raise _not(f"its ONNX file format is {model['ir_version']}, expected {IR_VERSIONS[0]} to {IR_VERSIONS[-1]}")
    sets = [(one["domain"] or "", one["version"]) for one in model["opset_import"]]
    if len(sets) != 1 or sets[0][0] or sets[0][1] not in OPSETS:
        raise _not(f"it needs the operator sets {sets[:4]}, expected ONNX's own, {OPSETS[0]} to {OPSETS[-1]}")
    if len(graph["node"]) > MAX_NODES:
        raise _not(f"it has {len(graph['node'])} nodes, expected at most {MAX_NODES}")
    weights = _weights(graph["initializer"])
    source, target = (_port(graph[side], side, channels) for side in ("input", "output"))
    image = _Form(channels, (Fraction(1), Fraction(1)))
    forms = {source: image}
    values = work = Fraction(0)
    for node in graph["node"]:
        made = _node(node, forms, weights)
        (output,) = node["output"]
        if output in forms or output in weights or not output:
            raise _not(f"the tensor {output!r} is made twice or has no name")
        if any(scale > 1 or multiple_of % scale.denominator for scale in made.form.scale):
            raise _not(f"the tensor {output!r} is finer than the image, or off a grid of {multiple_of} pixels")
        forms[output] = made.form
        values += made.values
        work += made.work
        if values > MAX_VALUES or work > MAX_WORK:
            raise _not(f"it needs more than {MAX_VALUES:,} values or {MAX_WORK:,} multiplications per pixel")
    if forms.get(target) != image or target == source or source in weights:
        raise _not("its result is not an image of the size and channels that it was given")


def _not(why: str) -> PellucidError:
    return PellucidError(f"is not a denoiser that pellucid wrote: {why}")


def _weights(tensors: Sequence[Message]) -> dict[str, tuple[int, ...]]:
    """The shapes of the weights by name, once each of them is a finite float32 array that lies in the file."""
    shapes: dict[str, tuple[int, ...]] = {}
    for tensor in tensors:
        name, dims, data = tensor["name"], tuple(tensor["dims"]), tensor["raw_data"]
        if tensor["external_data"] or tensor["data_location"]:
            raise _not(f"the weights {name!r} lie in another file; a pellucid file carries its weights")
        if not name or name in shapes:
            raise _not(f"the weights {name!r} are there twice or have no name")
        if tensor["data_type"] != _FLOAT or data is None:
            raise _not(f"the weights {name!r} are not float32")
        if not dims or min(dims) < 1 or math.prod(dims) * 4 != len(data):
            raise _not(f"the weights {name!r} have the shape {dims}, but {len(data)} bytes")
        if not np.isfinite(np.frombuffer(data, "<f4")).all():
            raise _not(f"the weights {name!r} are not all finite numbers")
        shapes[name] = dims
    return shapes


def _port(ports: Sequence[Message], side: str, channels: int) -> str:
    """The name of the graph's only input or output, once it is a float32 NCHW batch of images of any size."""
    kind = ports[0]["type"]["tensor_type"] if len(ports) == 1 and ports[0]["type"] else None
    if kind is None or kind["shape"] is None or kind["elem_type"] != _FLOAT:
        raise _not(f"expected one {side}, a float32 tensor")
    dims = [dim["dim_param"] if dim["dim_value"] is None else dim["dim_value"] for dim in kind["shape"]["dim"]]
    free = {dim for dim in dims if isinstance(dim, str) and dim}
    if len(dims) != 4 or dims[1] != channels or len(free) != 3:
        raise _not(f"expected the {side} (batch, {channels}, height, width), got {dims[:8]}")
    return str(ports[0]["name"] or "")


def _node(node: Message, forms: dict[str, _Form], weights: dict[str, tuple[int, ...]]) -> _Made:
    kind = str(node["op_type"])
    operator = _OPERATORS.get(kind)
    if operator is None or node["domain"]:
        raise _not(f"it holds the operator {node['domain'] or 'ONNX'}:{kind}; known: {', '.join(_OPERATORS)}")
    count = 1 if operator.weighted else len(node["input"])
    given, held = node["input"][:count], node["input"][count:]
    missing = [name for name in given if name not in forms] + [name for name in held if name not in weights]
    if missing or not given or len(node["output"]) != 1:
        raise _not(f"a {kind} takes {node['input'][:8]}, not all of which are there, or makes {len(node['output'])}")
    attributes = _attributes(node, operator.attributes)
    return operator.make(kind, [forms[name] for name in given], [weights[name] for name in held], attributes)


def _attributes(node: Message, known: Sequence[str]) -> Attributes:
    """The attributes by name: numbers, and lists of numbers."""
    values: Attributes = {}
    for one in node["attribute"]:
        name, number, numbers = one["name"], one["i"], one["ints"]
        sound = number is None if one["type"] == _INTS else one["type"] == _INT and number is not None and not numbers
        if name not in known or name in values or not sound:
            raise _not(f"a {node['op_type']} with an attribute {name!r} is not one of its own")
        values[name] = numbers if one["type"] == _INTS else number
    return values


class _Window(NamedTuple):
    """Kernel, stride and padding along one axis."""

    size: int
    stride: int
    before: int
    after: int


def _windows(kind: str, given: Attributes, kernel: Sequence[int] | None = None) -> list[_Window]:
    """The windows along both axes; `kernel` is the one that the weights have."""
    sizes, strides = given.get("kernel_shape", list(kernel or ())), given.get("strides", [1, 1])
    pads = given.get("pads", [0] * 4)
    lists = all(isinstance(one, list) for one in (sizes, strides, pads))
    if lists and (len(sizes), len(strides), len(pads)) == (2, 2, 4) and kernel in (None, tuple(sizes)):
        windows = [_Window(*numbers) for numbers in zip(sizes, strides, pads[:2], pads[2:], strict=True)]
        if all(
            1 <= size <= MAX_SPAN and 1 <= stride <= MAX_SPAN and 0 <= before < size and 0 <= after < size
            for size, stride, before, after in windows
        ):
            return windows
    raise _not(f"a {kind} has the kernel {kernel} and the attributes {given}")


def _coarser(kind: str, form: _Form, channels: int, windows: Sequence[_Window]) -> _Form:
    """The form behind windows that slide over a tensor: its size divided by the strides, exactly."""
    for size, stride, before, after in windows:
        if not 1 <= size - before - after <= stride:  # else (n + pads - size) // stride + 1 is not n / stride
            raise _not(f"a {kind} of kernel {size}, stride {stride} and padding {before}, {after} changes the size")
    high, wide = (scale / window.stride for scale, window in zip(form.scale, windows, strict=True))
    return _Form(channels, (high, wide))


def _convolution(kind: str, given: list[_Form], weights: Shapes, attributes: Attributes) -> _Made:
    filters, inputs = _kernel(kind, weights, out=0)
    windows = _windows(kind, attributes, weights[0][2:])
    form = _coarser(kind, given[0], filters, windows)
    if inputs != given[0].channels:
        raise _not(f"a {kind} of {inputs} channels is given {given[0].channels}")
    return _Made(form, form.values, form.values * math.prod(weights[0][1:]))


def _transposed(kind: str, given: list[_Form], weights: Shapes, attributes: Attributes) -> _Made:
    filters, inputs = _kernel(kind, weights, out=1)
    windows = _windows(kind, attributes, weights[0][2:])
    if inputs != given[0].channels:
        raise _not(f"a {kind} of {inputs} channels is given {given[0].channels}")
    for size, stride, before, after in windows:
        if before + after != size - stride:  # else stride * (n - 1) + size - pads is not stride * n
            raise _not(f"a {kind} of kernel {size}, stride {stride} and padding {before}, {after} changes the size")
    high, wide = (scale * window.stride for scale, window in zip(given[0].scale, windows, strict=True))
    form = _Form(filters, (high, wide))
    # The products of every input pixel with the whole kernel are laid out in memory before they are summed.
    columns = given[0].values / inputs * math.prod(weights[0][1:])
    return _Made(form, form.values + columns, columns * inputs)


def _kernel(kind: str, weights: Shapes, out: int) -> tuple[int, int]:
    """(Channels out, channels in) of a kernel whose axis `out` has the outputs, once its bias agrees."""
    if not 1 <= len(weights) <= 2 or len(weights[0]) != 4 or any(shape != (weights[0][out],) for shape in weights[1:]):
        raise _not(f"a {kind} has weights of the shapes {weights[:4]}")
    return weights[0][out], weights[0][1 - out]


def _pooling(kind: str, given: list[_Form], weights: Shapes, attributes: Attributes) -> _Made:
    windows = _windows(kind, attributes)
    form = _coarser(kind, given[0], given[0].channels, windows)
    _same(kind, given, 1, 1)
    return _Made(form, form.values, form.values * math.prod(window.size for window in windows))


def _unary(kind: str, given: list[_Form], weights: Shapes, attributes: Attributes) -> _Made:
    _same(kind, given, 1, 1)
    return _Made(given[0], given[0].values, given[0].values)


def _binary(kind: str, given: list[_Form], weights: Shapes, attributes: Attributes) -> _Made:
    _same(kind, given, 2, 2)
    return _Made(given[0], given[0].values, given[0].values)


def _concatenated(kind: str, given: list[_Form], weights: Shapes, attributes: Attributes) -> _Made:
    if attributes.get("axis") != 1:
        raise _not(f"a {kind} joins along axis {attributes.get('axis')}, expected 1")
    _same(kind, [one._replace(channels=1) for one in given], 1, MAX_NODES)
    form = given[0]._replace(channels=sum(one.channels for one in given))
    return _Made(form, form.values, form.values)


def _same(kind: str, given: Sequence[_Form], least: int, most: int) -> None:
    if not least <= len(given) <= most or any(one != given[0] for one in given):
        raise _not(f"a {kind} of {len(given)} tensors has too many or too few, or they differ in form")


class _Operator(NamedTuple):
    """How to tell what a node of one kind makes, and what it may have."""

    make: Callable[[str, list[_Form], Shapes, Attributes], _Made]
    attributes: tuple[str, ...] = ()
    weighted: bool = False
    """Whether all inputs but the first are weights; otherwise all are tensors that other nodes made."""


_WINDOW = ("kernel_shape", "strides", "pads")
_OPERATORS = {
    "Conv": _Operator(_convolution, _WINDOW, weighted=True),
    "ConvTranspose": _Operator(_transposed, _WINDOW, weighted=True),
    "MaxPool": _Operator(_pooling, _WINDOW),
    "AveragePool": _Operator(_pooling, _WINDOW),
    "Relu": _Operator(_unary),
    "Sigmoid": _Operator(_unary),
    "Tanh": _Operator(_unary),
    "Add": _Operator(_binary),
    "Sub": _Operator(_binary),
    "Mul": _Operator(_binary),
    "Concat": _Operator(_concatenated, ("axis",)),
}
"""What may stand in a model file: the operators that `export` writes, and the few like them that a network may need."""
