"""The model file: one ONNX graph that carries all that is needed to use it rightly.

The graph maps float32 (batch, channels, height, width) in [0, 1] to the same shape. What else there is to know, the
`Card`, is JSON in the file's metadata under the key `pellucid`. No code and no pickle is inside.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pellucid.errors import PellucidError
from pellucid.files import atomic

KEY = "pellucid"
VERSION = 1
MODEL_NAME = "model.onnx"
"""The model file's name in a run folder."""


@dataclass(frozen=True)
class Card:
    """What a model file says of itself.

    Attributes
    ----------
    network : the name of the network
    channels : 1 for gray, 3 for colour
    multiple_of : heights and widths must be multiples of this many pixels
    halo : how many pixels beyond a cell of that grid its result depends on
    noise : the corruption it was trained for, as `corruptions.parse` reads it
    trained_on : the data set in one line
    scores : mean scores on the test part, by `<score>.<image>`, such as `psnr.denoised` (dB)
    versions : of pellucid and of what trained it
    created : date and time, ISO 8601, UTC
    value_range : of the values the graph takes and gives
    format : the version of this description
    """

    network: str
    channels: int
    multiple_of: int
    halo: int
    noise: str
    trained_on: str
    created: str
    scores: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    value_range: tuple[float, float] = (0.0, 1.0)
    format: int = VERSION

    def to_json(self) -> str:
        """Return the card as JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Card:
        """Read a card and check it.

        Raises
        ------
        PellucidError
            If something is missing, of the wrong type, or of a newer version.
        """
        try:
            values = json.loads(text)
            if values["format"] > VERSION:
                raise PellucidError(f"the model file is of the newer format {values['format']}. Update pellucid.")
            card = cls(**{**values, "value_range": tuple(values["value_range"])})
            counts = (card.channels, card.multiple_of, card.halo)
            valid = all(isinstance(number, int) for number in counts) and card.channels in (1, 3)
            valid = valid and 1 <= card.multiple_of <= 1024 and 0 <= card.halo <= 65536
        except (ValueError, TypeError, KeyError) as error:
            raise PellucidError(f"the model file's description cannot be read: {error}.") from error
        if not valid or card.value_range != (0.0, 1.0):
            raise PellucidError("the model file's description is not one that this version of pellucid can use.")
        return card


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
    if not path.is_file():
        raise PellucidError(
            f"no model at {path}; expected a run folder or an .onnx file. Train one first: pellucid train."
        )
    return path


def write(path: Path, graph: Any, card: Card) -> None:
    """Write an `onnx.ModelProto` with its card, whole or not at all."""
    del graph.metadata_props[:]
    graph.metadata_props.add(key=KEY, value=card.to_json())
    with atomic(path) as temporary:
        temporary.write_bytes(graph.SerializeToString(deterministic=True))


def open_session(path: Path, threads: int = 0) -> tuple[Any, Card]:
    """Open a model file: (an `onnxruntime.InferenceSession` on the CPU, its card).

    Raises
    ------
    PellucidError
        If it is not an ONNX file, or was not written by pellucid.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except OSError as error:
        raise PellucidError(f"cannot read {path}: {error.strerror}.") from error
    except Exception as error:  # ONNX Runtime's errors have no common class
        raise PellucidError(f"{path} is not a model file, or it is damaged; expected an .onnx file.") from error
    text = session.get_modelmeta().custom_metadata_map.get(KEY)
    if text is None:
        raise PellucidError(f"{path} is an ONNX file, but not a denoiser that pellucid wrote: it has no card.")
    return session, Card.from_json(text)
