"""A classifier may come from anyone: it is run as it should be, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from pellucid.common.errors import PellucidError
from pellucid.evaluation.recognition import read_classifier
from quarters import KINDS, model, quarters, written


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("batch", "size"), [("n", 8), (1, 8), ("n", "side"), (1, None)])
def test_every_layout_gives_the_same_classes(channels: int, last: bool, batch: Any, size: Any, tmp_path: Path) -> None:
    classifier = read_classifier(written(model(channels, last=last, batch=batch, size=size), tmp_path))
    for given in (1, 3):
        assert classifier(quarters(KINDS, given)).argmax(1).tolist() == KINDS.tolist()


def outside(proto: Any) -> None:
    proto.graph.initializer[0].data_location = TensorProto.EXTERNAL
    proto.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")


def constant_outside(proto: Any) -> None:
    outside(proto)
    tensor = proto.graph.initializer.pop()
    proto.graph.node.insert(0, helper.make_node("Constant", [], ["kernel"], value=tensor))


def custom(proto: Any) -> None:
    proto.graph.node[0].domain = "com.microsoft"


def loop(proto: Any) -> None:
    body = helper.make_graph([], "body", [], [])
    proto.graph.node.append(helper.make_node("Loop", ["", ""], ["x"], body=body))


def function(proto: Any) -> None:
    proto.functions.append(helper.make_function("x", "Flatten", [], [], [], proto.opset_import))


def two_channels(proto: Any) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 2


def batch_of_four(proto: Any) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4


def flat(proto: Any) -> None:
    del proto.graph.input[0].type.tensor_type.shape.dim[2:]


def whole_numbers(proto: Any) -> None:
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64


def two_outputs(proto: Any) -> None:
    proto.graph.output.append(helper.make_tensor_value_info("c", TensorProto.FLOAT, None))


def a_picture(proto: Any) -> None:
    proto.graph.output[0].CopyFrom(helper.make_tensor_value_info("c", TensorProto.FLOAT, ["n", 1, 2, 2]))


def unknown_operator(proto: Any) -> None:
    proto.graph.node[0].op_type = "NoSuchThing"


def empty(proto: Any) -> None:
    proto.Clear()


CHANGES: dict[Callable[[Any], None], str] = {
    outside: "another file",
    constant_outside: "another file",
    custom: "com.microsoft:Conv",
    loop: "field 6 of a attribute",
    function: "field 25 of a model",
    two_channels: r"\(free, 2, 8, 8\); expected one float32 input",
    batch_of_four: "batches",
    flat: r"float32 \(free, 1\) and gives",
    whole_numbers: "another type than float32; expected",
    two_outputs: "and float32 of unknown shape; expected",
    a_picture: r"gives float32 \(free, 1, 2, 2\)",
    unknown_operator: "not taken by ONNX Runtime",
    empty: "holds no network",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_is_no_classifier_is_refused_in_one_sentence(change: Callable[[Any], None], tmp_path: Path) -> None:
    proto = model()
    change(proto)
    with pytest.raises(PellucidError, match=CHANGES[change]) as refusal:
        read_classifier(written(proto, tmp_path))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"not a model at all", b"\x89PNG\r\n\x1a\n" + bytes(64)])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_bytes(content)
    with pytest.raises(PellucidError, match="is not a classifier that pellucid can use"):
        read_classifier(tmp_path / "other.onnx")
    with pytest.raises(PellucidError, match="no classifier at"):
        read_classifier(tmp_path)


def test_a_slice_of_fuzzing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "benchmarks"))
    from mutations import mutant

    valid = model().SerializeToString()
    ran = 0
    for number in range(200):
        (tmp_path / "mutant.onnx").write_bytes(mutant(number, 1, [valid]))
        try:
            read_classifier(tmp_path / "mutant.onnx")(quarters(KINDS[:2]))
            ran += 1
        except PellucidError as refusal:
            assert "\n" not in str(refusal), number
    assert 0 < ran < 100


def test_a_small_file_cannot_ask_for_all_memory(tmp_path: Path) -> None:
    proto = model()
    for name, shape in (("tall", (200_000, 1)), ("wide", (1, 200_000))):
        proto.graph.initializer.append(numpy_helper.from_array(np.ones(shape, np.float32), name))
    proto.graph.node.append(helper.make_node("Add", ["tall", "wide"], ["much"]))
    proto.graph.node.append(helper.make_node("ReduceMax", ["much"], ["most"], keepdims=0))
    proto.graph.node.append(helper.make_node("Add", ["scores", "most"], ["moved"]))
    proto.graph.output[0].name = "moved"
    classifier = read_classifier(written(proto, tmp_path))
    with pytest.raises(PellucidError, match=r"cannot be run: .*memory"):
        classifier(quarters(KINDS[:2]))
