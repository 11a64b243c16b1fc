"""The model file: one ONNX graph that carries all that is needed to use it rightly.

The graph maps float32 (batch, channels, height, width) in [0, 1] to the same shape. What else there is to know, the
`Card`, is JSON in the file's metadata under the key `pellucid`. No code and no pickle is inside.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.common import PellucidError, atomic
from pellucid.modelfile import protobuf, safety
from pellucid.modelfile.card import Card
from pellucid.modelfile.engines import AUTO, Array, RunBatch, Session, choose
from pellucid.modelfile.export import check_same, random_batches, to_onnx
from pellucid.modelfile.protobuf import Message

KEY = "pellucid"
MODEL_NAME = "model.onnx"
"""The model file's name in a run folder."""
MAX_BYTES = 256 * 2**20
"""Size of a model file; that of the largest U-Nets used for denoising is about half."""


def locate(source: str | os.PathLike[str]) -> Path:
    """Return the model file that `source` names: itself, or the one in a run folder.

    Raises
    ------
    PellucidError
        If there is none.
    """
    path = Path(source)
    if path.is_dir():
        inside = path / MODEL_NAME
        if not inside.is_file():
            raise PellucidError(
                f"the folder {path} holds no {MODEL_NAME}; expected a run folder of a finished training."
            )
        return inside
    if not path.exists():
        raise PellucidError(f"no model at {path}; expected a run folder or an .onnx file. Train one first.")
    if not path.is_file():
        raise PellucidError(f"{path} is a device, pipe or socket; expected a run folder or an .onnx file.")
    return path


def write(path: str | os.PathLike[str], graph: Any, card: Card) -> None:
    """Write an `onnx.ModelProto` with its card, whole or not at all."""
    del graph.metadata_props[:]
    graph.metadata_props.add(key=KEY, value=card.to_json())
    with atomic(path) as temporary:
        temporary.write_bytes(graph.SerializeToString(deterministic=True))


def save(path: str | os.PathLike[str], model: Any, card: Card, predict: RunBatch) -> None:
    """Write a trained Keras model as a model file, whole or not at all, once the file answers as the model does.

    Parameters
    ----------
    path : the file; one that is there is replaced
    model : a functional denoiser
    card : what the file says of itself
    predict : runs the model, NHWC float32 to the same shape

    Raises
    ------
    PellucidError
        If a layer has no translation, the file answers differently, or it cannot be written.
    """
    with atomic(path) as unchecked:
        write(unchecked, to_onnx(model, card.channels), card)
        session, _ = open_session(unchecked)

        def written(images: Array) -> Array:
            result = session.run(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
            return result.transpose(0, 2, 3, 1)

        check_same(written, predict, random_batches(card.channels, card.multiple_of))


def add_scores(path: str | os.PathLike[str], scores: Mapping[str, float]) -> None:
    """Add scores to the card of a model file that `save` wrote; its graph stays as it is.

    Parameters
    ----------
    path : the file
    scores : as in `Card.scores`; those that JSON cannot hold are left out

    Raises
    ------
    PellucidError
        If it is not such a file, or cannot be written.
    """
    import onnx

    content = read_bytes(Path(path))
    try:
        _, card = _parse(content)
    except PellucidError as error:
        raise PellucidError(f"{path} is not a model that pellucid can run: it {error}.") from error
    write(path, onnx.load_model_from_string(content), dataclasses.replace(card, scores={**card.scores, **scores}))


def _parse(content: bytes) -> tuple[Message, Card]:
    """Return a file's graph and card, read strictly; errors complete "the file ..."."""
    model = protobuf.read(content)
    entries = model["metadata_props"]
    if [entry["key"] for entry in entries] != [KEY]:
        raise PellucidError("is an ONNX file, but not a denoiser that pellucid wrote: it has no card, or more")
    return model, Card.from_json(entries[0]["value"] or "")


def open_session(path: Path, threads: int = 0, engine: str = AUTO) -> tuple[Session, Card]:
    """Read a model file, check it, and let an engine load it: (the loaded graph, its card).

    Whoever made the file, it cannot do more than turn an image into another: see `safety`.

    Parameters
    ----------
    path : the file
    threads : for the engine; 0 leaves the choice to it
    engine : one of `engines.ENGINES`, or "auto"

    Raises
    ------
    PellucidError
        If it is not an ONNX file, was not written by pellucid, or the engine is not there.
    """
    load = choose(engine, threads)
    content = read_bytes(path)
    try:
        model, card = _parse(content)
        safety.check(model, card.channels, card.multiple_of)
        return load(content), card
    except PellucidError as error:
        raise PellucidError(f"{path} is not a model that pellucid can run: it {error}.") from error


def read_bytes(path: Path) -> bytes:
    """Return a model file's content.

    Raises
    ------
    PellucidError
        If it cannot be read, or is larger than `MAX_BYTES`.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(size) if size <= MAX_BYTES else b""
    except OSError as error:
        raise PellucidError(f"cannot read {path}: {error.strerror}.") from error
    if size > MAX_BYTES:
        raise PellucidError(f"{path} is larger than {MAX_BYTES // 2**20} MiB, the most that a model file may be.")
    return content
