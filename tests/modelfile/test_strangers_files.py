"""A model file may come from anyone: it runs as it should, or it is refused in one sentence."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from pellucid.common.errors import PellucidError
from pellucid.inference.denoiser import Denoiser
from pellucid.modelfile.card import Card
from pellucid.modelfile.file import MAX_BYTES

CORPUS = Path(__file__).parent / "corpus"
VALID = CORPUS / "valid.onnx"
IMAGE = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
CARD = json.loads(Card("classic", 1, 4, 11, "gaussian:0.5", "nothing", "2026-01-01T00:00:00+00:00").to_json())

Change = Callable[[Any], object]


def denoise(path: Path) -> None:
    result = Denoiser(path, threads=1)(IMAGE)
    assert result.shape == IMAGE.shape
    assert result.dtype == IMAGE.dtype


def test_the_valid_file_is_valid() -> None:
    denoise(VALID)


@pytest.mark.parametrize("path", sorted(set(CORPUS.iterdir()) - {VALID}), ids=lambda path: path.stem)
def test_what_fuzzing_made_is_refused(path: Path) -> None:
    with pytest.raises(PellucidError) as refusal:
        denoise(path)
    assert "\n" not in str(refusal.value)


def test_a_slice_of_fuzzing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    from mutations import mutant

    path = tmp_path / "mutant.onnx"
    ran = 0
    for number in range(300):
        path.write_bytes(mutant(number, 1, [VALID.read_bytes()]))
        try:
            denoise(path)
            ran += 1
        except PellucidError as refusal:
            assert "\n" not in str(refusal), number
    assert 0 < ran < 60


def weights(proto: Any) -> Any:
    return proto.graph.initializer[0]


def outside(proto: Any) -> None:
    weights(proto).data_location = onnx.TensorProto.EXTERNAL
    weights(proto).external_data.add(key="location", value="/etc/passwd")


def in_a_subgraph(proto: Any) -> None:
    body = helper.make_graph([helper.make_node("Relu", ["noisy"], ["x"])], "body", [], [])
    proto.graph.node[0].attribute.append(helper.make_attribute("then_branch", body))


def with_a_function(proto: Any) -> None:
    proto.functions.append(helper.make_function("x", "Relu", [], [], [], proto.opset_import))


def doubling(proto: Any) -> None:
    """Few bytes that ask for 2**30 channels."""
    last = proto.graph.node[-1].output[0] = "d"
    for number in range(30):
        proto.graph.node.append(helper.make_node("Concat", [last, last], [f"d{number}"], axis=1))
        last = f"d{number}"


def magnifying(proto: Any) -> None:
    """Few bytes that ask for 64 x 64 values for each pixel."""
    proto.graph.node[-1].output[0] = "m"
    proto.graph.initializer.append(numpy_helper.from_array(np.ones((1, 1, 64, 64), np.float32), "k"))
    proto.graph.node.append(helper.make_node("ConvTranspose", ["m", "k"], ["denoised"], strides=[64, 64]))


def dimension(proto: Any) -> Any:
    return proto.graph.input[0].type.tensor_type.shape.dim[2]


def attribute(index: int, name: str, numbers: list[int]) -> Change:
    def change(proto: Any) -> None:
        (one,) = [one for one in proto.graph.node[index].attribute if one.name == name]
        one.ints[:] = numbers

    return change


HOSTILE: dict[str, tuple[Change, str]] = {
    "external data": (outside, "carries its weights"),
    "subgraph": (in_a_subgraph, "holds field 6 of a attribute"),
    "function": (with_a_function, "holds field 25 of a model"),
    "custom domain": (lambda p: setattr(p.graph.node[0], "domain", "com.evil"), "holds the operator com.evil:Conv"),
    "operator": (lambda p: setattr(p.graph.node[0], "op_type", "Loop"), "holds the operator ONNX:Loop"),
    "doubling": (doubling, "more than"),
    "magnifying": (magnifying, "finer than the image"),
    "stride": (attribute(0, "strides", [2**40, 2**40]), "has the kernel"),
    "pads": (attribute(0, "pads", [2**40, 1, 1, 1]), "has the kernel"),
    "kernel": (attribute(0, "kernel_shape", [1, 1]), "has the kernel"),
    "size": (attribute(0, "pads", [0, 0, 0, 0]), "changes the size"),
    "dims": (lambda p: weights(p).dims.__setitem__(0, 2**40), "bytes"),
    "double weights": (lambda p: setattr(weights(p), "data_type", 11), "not float32"),
    "two inputs": (lambda p: p.graph.input.append(p.graph.output[0]), "expected one input"),
    "input type": (lambda p: setattr(p.graph.input[0].type.tensor_type, "elem_type", 11), "a float32 tensor"),
    "fixed size": (lambda p: setattr(dimension(p), "dim_value", 9), "expected the input"),
    "newer operators": (lambda p: setattr(p.opset_import[0], "version", 99), "needs the operator sets"),
    "newer format": (lambda p: setattr(p, "ir_version", 99), "format is 99"),
    "settings": (lambda p: p.metadata_props.add(key="ort_config", value="{}"), "no card, or more"),
    "no card": (lambda p: p.metadata_props.pop(), "no card"),
    "no network": (lambda p: p.ClearField("graph"), "holds no network"),
    "missing tensor": (lambda p: p.graph.node.pop(0), "not all of which are there"),
    "cycle": (lambda p: p.graph.node[0].input.__setitem__(0, "denoised"), "not all of which are there"),
    "many nodes": (lambda p: p.graph.node.extend([p.graph.node[1]] * 1001), "expected at most 1000"),
    "long name": (lambda p: setattr(p.graph, "name", "x" * 300), "300 bytes long"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_graph_is_refused_with_its_reason(kind: str, tmp_path: Path) -> None:
    change, said = HOSTILE[kind]
    proto = onnx.load(VALID)
    change(proto)
    path = tmp_path / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(PellucidError, match=said) as refusal:
        denoise(path)
    assert str(refusal.value).startswith(f"{path} ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("channels", 2),
        ("channels", True),
        ("channels", "1"),
        ("multiple_of", 0),
        ("multiple_of", 4.0),
        ("multiple_of", 10**9),
        ("halo", -1),
        ("halo", 10**9),
        ("format", 0),
        ("format", "1"),
        ("value_range", [0, 255]),
        ("value_range", [False, True]),
        ("value_range", "01"),
        ("network", None),
        ("network", "x" * 10_000),
        ("noise", "\x1b[2J"),
        ("trained_on", ["mnist"]),
        ("scores", {"psnr.noisy": "high"}),
        ("scores", {"psnr.noisy": True}),
        ("scores", {str(number): 1.0 for number in range(1000)}),
        ("scores", []),
        ("versions", {"pellucid": 1}),
        ("statistics", []),
        ("statistics", {"mean": 0.5}),
        ("statistics", {"mean": [0.1, 0.2]}),
        ("statistics", {"mean": [0.1, 0.2, 0.3, 0.4]}),
        ("statistics", {"mean": [0.3, 0.2, 0.1]}),
        ("statistics", {"mean": [0.1, 0.2, "0.3"]}),
        ("statistics", {"mean": [False, 0.5, True]}),
        ("statistics", {"mean": [0.1, 0.2, 1e308]}),
        ("statistics", {"mean": [0.1, 0.2, 10**400]}),
        ("statistics", {"\x1b[2J": [0.1, 0.2, 0.3]}),
        ("statistics", {str(number): [0, 0, 0] for number in range(1000)}),
        ("format", 1),
        ("more", 1),
    ],
)
def test_a_card_out_of_order_is_refused(name: str, value: object) -> None:
    with pytest.raises(PellucidError, match=f"'{name}'|its {name}"):
        Card.from_json(json.dumps({**CARD, name: value}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[" * 60_000, "not JSON"),
        ("[]", "without fields"),
        ("{}", "fields are not"),
        (json.dumps({**CARD, "format": 4}), "newer format 4; update"),
        (json.dumps({**CARD, "scores": {"psnr": float("nan")}}), "NaN is no number"),
        (json.dumps(CARD).replace("11", "1" * 5000), "not JSON"),
    ],
)
def test_what_is_no_card_is_refused(text: str, said: str) -> None:
    with pytest.raises(PellucidError, match=said):
        Card.from_json(text)


def test_every_card_that_is_written_can_be_read() -> None:
    card = Card(
        "classic", 3, 4, 11, "poisson:30", "a folder\n\x1b named\udce4 oddly", "now", {"psnr": np.inf, "ssim": 1.0}
    )
    card = dataclasses.replace(card, statistics={"mean": (0.125, 0.25, 0.5)})
    read = Card.from_json(card.to_json())
    assert read.trained_on == "a folder\ufffd\ufffd named\ufffd oddly"
    assert read.scores == {"ssim": 1.0}
    assert read.statistics == card.statistics
    assert Card.from_json(read.to_json()) == read


def test_a_card_of_the_first_format_has_no_statistics() -> None:
    old = {**CARD, "format": 1}
    del old["statistics"], old["ranges"]
    assert Card.from_json(json.dumps(old)) == Card.from_json(json.dumps(CARD))
    for format_ in (True, 1.0, 2, "1"):
        with pytest.raises(PellucidError, match=r"statistics|format"):
            Card.from_json(json.dumps({**old, "format": format_}))


def test_a_link_is_followed_and_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    link = tmp_path / "link.onnx"
    link.symlink_to(VALID)
    denoise(link)
    fifo = tmp_path / "fifo.onnx"
    os.mkfifo(fifo)
    with pytest.raises(PellucidError, match="device, pipe or socket"):
        Denoiser(fifo)
    with pytest.raises(PellucidError, match="device, pipe or socket"):
        Denoiser("/dev/zero")
    large = tmp_path / "large.onnx"
    with large.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(PellucidError, match="larger than 256 MiB"):
        Denoiser(large)


def test_opening_a_model_imports_onnx_runtime_and_numpy_alone() -> None:
    code = (
        "import sys, pellucid; pellucid.Denoiser(sys.argv[1]);"
        "print(sys.modules.keys() & {'onnx', 'keras', 'tensorflow', 'openvino', 'google.protobuf'})"
    )
    done = subprocess.run([sys.executable, "-c", code, str(VALID)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
