"""The layers of a network, or of a model file, with types, output shapes and numbers of parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from pellucid.common import PellucidError, unknown
from pellucid.modelfile.file import locate, open_session
from pellucid.networks import NETWORKS, build, find, multiply_adds, receptive_field, steps


@dataclass(frozen=True)
class Summary:
    """A title, one (name, type, output shape, parameters) per layer, and what else is worth knowing."""

    title: str
    layers: tuple[tuple[str, str, str, int], ...]
    notes: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """The number of parameters of all layers."""
        return sum(layer[3] for layer in self.layers)


def summarize(what: str, side: int = 28, channels: int = 1) -> Summary:
    """Summarise a network by its name, or a model file or run folder by its path.

    Parameters
    ----------
    what : name or path
    side : height and width of the image that the shapes are given for, in pixels
    channels : of the image; a model file has its own

    Raises
    ------
    PellucidError
        If there is neither such a network nor such a file, or the network does not take that size.
    """
    if side < 1:
        raise PellucidError(f"a side has at least 1 pixel; got {side}.", argument="side")
    if channels not in (1, 3):
        raise PellucidError(f"channels expects 1 (gray) or 3 (colour); got {channels}.", argument="channels")
    if what.partition(":")[0] in NETWORKS:
        return _network(what, side, channels)
    if Path(what).exists():
        return _model_file(locate(what), side)
    raise unknown("network", what, NETWORKS)


def _network(name: str, side: int, channels: int) -> Summary:
    known = find(name)
    grid = known.multiple_of
    if side % grid:
        raise PellucidError(f"{name} takes sides that are multiples of {grid} pixels; got {side}.", argument="side")
    model = build(name, channels, **({} if known.denoises else {"side": side}))
    shapes: dict[int, tuple[int | None, ...]] = {0: (None, side, side, channels)}
    layers = []
    for step in steps(model):
        given = [shapes[number] for number in step.inputs]
        shape = step.layer.compute_output_shape(given[0] if len(given) == 1 else given)
        shapes[step.output] = tuple(shape)
        layers.append((step.layer.name, step.kind, _shape(shape[1:]), step.layer.count_params()))
    notes = [known.about]
    if known.denoises:
        halo = receptive_field(model, grid)
        notes.append(f"sides in multiples of {grid} pixels, each cell sees {halo} pixels around it")
        notes.append(f"{multiply_adds(model):,.0f} multiply-adds per pixel")
    return Summary(f"{name}, for {_shape((side, side, channels))} images", tuple(layers), tuple(notes))


def _shape(shape: tuple[int | None, ...]) -> str:
    return "x".join(str(length) for length in shape)


def _model_file(path: Path, side: int) -> Summary:
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise PellucidError("looking into a model file needs onnx. Install it: pip install onnx.") from error

    _, card = open_session(path)
    side = -(-side // card.multiple_of) * card.multiple_of
    proto = onnx.load(path)
    for value in (*proto.graph.input, *proto.graph.output):
        for axis, length in enumerate((1, card.channels, side, side)):
            value.type.tensor_type.shape.dim[axis].dim_value = length
    graph = onnx.shape_inference.infer_shapes(proto).graph
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in graph.value_info}
    shapes |= {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in graph.output}
    sizes = {weight.name: math.prod(weight.dims) for weight in graph.initializer}
    layers = []
    for node in graph.node:
        _, channels, height, width = shapes[node.output[0]]
        parameters = sum(sizes.get(name, 0) for name in node.input)
        layers.append((node.output[0], node.op_type, _shape((height, width, channels)), parameters))
    notes = [
        f"trained for {card.noise} on {card.trained_on}; {card.created}",
        f"sides in multiples of {card.multiple_of} pixels, each cell sees {card.halo} pixels around it",
    ]
    if card.scores:
        notes.append(", ".join(f"{name} {value:.4g}" for name, value in card.scores.items()))
    return Summary(
        f"{path} ({card.network}), for {_shape((side, side, card.channels))} images", tuple(layers), tuple(notes)
    )
