"""A classifier in an ONNX file, the user's own or pellucid's; a stranger may have made it.

Its operators may be any of ONNX's own, so less is promised than of a denoiser's file: it reaches no other file, holds
no custom operators, loops, branches or functions, and uses bounded memory. Its time is not bounded.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.images import as_channels
from pellucid.modelfile import Message, load_onnxruntime, read_bytes, read_foreign
from pellucid.noise import Batch

MAX_MEMORY = 2**31
"""Bytes that ONNX Runtime may use for classifiers, in this process."""

MAX_NODES = 5000

EXPECTED = (
    "expected one float32 input, (N, channels, height, width) or (N, height, width, channels) with 1 or 3 channels, of "
    "values in [0, 1], and one float32 output, (N, classes) with at least 2 classes"
)

_FLOAT = 1  # of onnx.TensorProto.DataType
_CORE = ("", "ai.onnx")


@dataclass(frozen=True)
class Layout:
    """What a classifier's input is like; None where any number will do."""

    channels: int
    height: int | None
    width: int | None
    batch: int | None
    channels_first: bool


class Classifier:
    """What class is on an image, by an ONNX model that ONNX Runtime runs.

        classifier = read_classifier("digits.onnx")
        numbers = classifier(images).argmax(axis=1)

    Attributes
    ----------
    about : one line for a person
    layout : what it takes
    """

    def __init__(self, content: bytes, about: str) -> None:
        """Check the content of a file and load it.

        Raises
        ------
        PellucidError
            With a text that completes "it ...".
        """
        self.about = about
        self.layout = _check(read_foreign(content))
        try:
            self._run = load_onnxruntime(content, max_memory=MAX_MEMORY)
        except Exception as error:  # ONNX Runtime's errors have no common class
            raise PellucidError(f"is not taken by ONNX Runtime: {_line(error)}") from error

    def __call__(self, images: Batch) -> NDArray[np.float32]:
        """Return the scores of every class, (N, classes) float32.

        Parameters
        ----------
        images : float32 NHWC in [0, 1], of the size that it takes; gray is repeated into three channels for a colour
            classifier, and colours are averaged for a gray one

        Raises
        ------
        PellucidError
            If it does not take images of this size, fails, or its result is no table of scores.
        """
        takes = self.layout
        size = images.shape[1:3]
        if size != (takes.height or size[0], takes.width or size[1]):
            raise PellucidError(
                f"{self.about} takes images of {takes.height or 'any'} x {takes.width or 'any'} pixels; these have "
                f"{size[0]} x {size[1]}. Give images or a classifier of the right size."
            )
        given = as_channels(images, takes.channels)
        if takes.channels_first:
            given = given.transpose(0, 3, 1, 2)
        step = takes.batch or len(given)
        try:
            parts = [self._run(np.ascontiguousarray(given[at : at + step])) for at in range(0, len(given), step)]
        except Exception as error:  # see above
            raise PellucidError(f"{self.about} cannot be run: {_line(error)}.") from error
        wrong = [part for part in parts if part.ndim != 2 or part.shape[1] < 2 or part.dtype != np.float32]
        if wrong or sum(map(len, parts)) != len(images):
            got = (wrong or parts)[0]
            raise PellucidError(f"{self.about} gives {got.dtype} of the shape {got.shape}; {EXPECTED}.")
        scores = np.concatenate(parts)
        if not np.isfinite(scores).all():
            raise PellucidError(f"{self.about} gives scores that are not finite numbers.")
        return scores


def read_classifier(path: str | os.PathLike[str], about: str = "") -> Classifier:
    """Read a classifier from an `.onnx` file.

    Parameters
    ----------
    path : the file; its input is float32 NCHW or NHWC with 1 or 3 channels, of fixed or free size, of values in [0, 1],
        for batches of any size or of 1; its output (N, classes), scores or logits
    about : what to call it; its file name without

    Raises
    ------
    PellucidError
        If there is no such file, or it is not such a classifier.
    """
    place = Path(path)
    if not place.is_file():
        raise PellucidError(f"no classifier at {place}; expected an .onnx file.")
    content = read_bytes(place)
    try:
        return Classifier(content, about or f"the classifier {place.name}")
    except PellucidError as error:
        raise PellucidError(f"{place} is not a classifier that pellucid can use: it {error}.") from error


def _check(model: Message) -> Layout:
    """Refuse a graph that reaches outside its file or is no classifier; return what it takes."""
    graph = model["graph"]
    if graph is None or not graph["node"]:
        raise PellucidError("holds no network")
    if len(graph["node"]) > MAX_NODES:
        raise PellucidError(f"has {len(graph['node']):,} nodes, expected at most {MAX_NODES:,}")
    tensors = list(graph["initializer"])
    for node in graph["node"]:
        if (node["domain"] or "") not in _CORE:
            raise PellucidError(
                f"needs the operator {node['domain']}:{node['op_type']}, which is not one of ONNX's own"
            )
        for one in node["attribute"]:
            tensors += one["tensors"] + ([one["t"]] if one["t"] else [])
    if any(tensor["external_data"] or tensor["data_location"] for tensor in tensors):
        raise PellucidError("keeps weights in another file; save it as a single file")
    weights = {tensor["name"] for tensor in graph["initializer"]}
    inputs = _shapes([port for port in graph["input"] if port["name"] not in weights])
    outputs = _shapes(graph["output"])
    taken, given = (ports[0] if len(ports) == 1 else () for ports in (inputs, outputs))
    if taken is None or len(taken) != 4 or (given is not None and len(given) != 2):
        raise PellucidError(f"takes {_said(inputs)} and gives {_said(outputs)}; {EXPECTED}")
    batch, *sizes = taken
    channels_first = sizes[0] in (1, 3)
    channels, height, width = sizes if channels_first else (sizes[2], *sizes[:2])
    if channels not in (1, 3) or batch not in (None, 1):
        raise PellucidError(f"takes {_said(inputs)}; {EXPECTED}, for batches (N) of any size or of 1")
    return Layout(channels, height, width, batch, channels_first)


_Shape = Sequence[int | None]


def _shapes(ports: Sequence[Message]) -> list[_Shape | None]:
    """The shapes of a graph's inputs or outputs, None for a free length; None for one that is not known.

    A tensor of another type than float32 has the empty shape.
    """
    shapes: list[_Shape | None] = []
    for port in ports:
        kind = port["type"]["tensor_type"] if port["type"] else None
        if kind is None or kind["elem_type"] != _FLOAT:
            shapes.append(())
        elif kind["shape"] is None:
            shapes.append(None)
        else:
            lengths = [dim["dim_value"] for dim in kind["shape"]["dim"]]
            shapes.append([length if length is not None and length > 0 else None for length in lengths])
    return shapes


def _said(shapes: Sequence[_Shape | None]) -> str:
    """Shapes in words; there may be many, or none."""

    def one(shape: _Shape | None) -> str:
        if shape is None:
            return "float32 of unknown shape"
        if not shape:
            return "another type than float32"
        return f"float32 ({', '.join('free' if length is None else str(length) for length in shape)})"

    return " and ".join(one(shape) for shape in shapes[:4]) or "nothing"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".")
