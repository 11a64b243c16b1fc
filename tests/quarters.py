"""Small images of four classes, and an ONNX classifier that tells them without a mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from pellucid.datasets import ArrayImages
from pellucid.datasets.labels import numbered

KINDS = np.random.default_rng(0).integers(0, 4, 80)
NOISE = "gaussian:0.05"


def quarters(kinds: np.ndarray, channels: int = 1) -> np.ndarray:
    """Images of 8x8 pixels, one quarter of them bright: that of the class's number."""
    images = np.zeros((len(kinds), 2, 4, 2, 4, channels), np.float32)
    images[np.arange(len(kinds)), kinds // 2, :, kinds % 2] = 0.9
    return images.reshape(-1, 8, 8, channels)


SQUARES = ArrayImages(quarters(KINDS), labels=numbered({"y": KINDS})["y"])


def model(channels: int = 1, *, last: bool = False, batch: Any = "n", size: Any = 8, outputs: Any = ("n", 4)) -> Any:
    """The classifier of these images: the means of the quarters are the scores."""
    kernel = np.full((1, channels, 4, 4), 1 / 16 / channels, np.float32)
    nodes = [
        helper.make_node("Conv", ["image" if not last else "first", "kernel"], ["c"], strides=[4, 4]),
        helper.make_node("Flatten", ["c"], ["scores"]),
    ]
    if last:
        nodes.insert(0, helper.make_node("Transpose", ["image"], ["first"], perm=[0, 3, 1, 2]))
    shape = [batch, size, size, channels] if last else [batch, channels, size, size]
    graph = helper.make_graph(
        nodes,
        "quarters",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, outputs)],
        [numpy_helper.from_array(kernel, "kernel")],
        doc_string="written by a test",
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="a test")


def written(proto: Any, folder: Path) -> Path:
    path = folder / "quarters.onnx"
    path.write_bytes(proto.SerializeToString())
    return path
