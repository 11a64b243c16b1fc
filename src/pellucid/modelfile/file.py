"""The model file: one ONNX graph that carries all that is needed to use it rightly.

The graph maps float32 (batch, channels, height, width) in [0, 1] to the same shape. What else there is to know, the
`Card`, is JSON in the file's metadata under the key `pellucid`. No code and no pickle is inside.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pellucid.common import PellucidError, atomic
from pellucid.modelfile import protobuf as onnx_reader
from pellucid.modelfile import safety as inspection
from pellucid.modelfile.card import (
    Card,
)
from pellucid.modelfile.engines import AUTO, Session, choose

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
        raise PellucidError(
            f"no model at {path}; expected a run folder or an .onnx file. Train one first: pellucid train."
        )
    if not path.is_file():
        raise PellucidError(f"{path} is a device, pipe or socket; expected a run folder or an .onnx file.")
    return path


def write(path: Path, graph: Any, card: Card) -> None:
    """Write an `onnx.ModelProto` with its card, whole or not at all."""
    del graph.metadata_props[:]
    graph.metadata_props.add(key=KEY, value=card.to_json())
    with atomic(path) as temporary:
        temporary.write_bytes(graph.SerializeToString(deterministic=True))


def open_session(path: Path, threads: int = 0, engine: str = AUTO) -> tuple[Session, Card]:
    """Read a model file, check it, and let an engine load it: (the loaded graph, its card).

    Whoever made the file, it cannot do more than turn an image into another: see `inspection`.

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
        model = onnx_reader.read(content)
        entries = model["metadata_props"]
        if [entry["key"] for entry in entries] != [KEY]:
            raise PellucidError("is an ONNX file, but not a denoiser that pellucid wrote: it has no card, or more")
        card = Card.from_json(entries[0]["value"] or "")
        inspection.check(model, card.channels, card.multiple_of)
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
