"""Is the content still right? Classifiers on clean, noisy and denoised images."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from conftest import Command
from pellucid.datasets import ArrayImages, load
from pellucid.datasets.labels import numbered
from pellucid.datasets.strokes import draw_digits
from pellucid.errors import PellucidError
from pellucid.formats import write_image
from pellucid.images import Image
from pellucid.intervals import proportion
from pellucid.recognition import built_in, read_classifier, recognise
from pellucid.recognition.telling import headings, picture, rows, verdict

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


def same(image: Image) -> Image:
    return image


def upside_down(image: Image) -> Image:
    return image[::-1]


def half(image: Image) -> Image:
    """Black out the right half: classes 1 and 3 cannot be told any more."""
    return image * (np.arange(8) < 4)[None, :, None]


def test_what_a_denoiser_mends_loses_and_spoils(tmp_path: Path) -> None:
    classifier = read_classifier(written(model(), tmp_path))
    found = recognise({"same": same, "turned": upside_down, "half": half}, SQUARES, NOISE, classifier)
    assert found.right().all()
    assert found.right("noisy").all()
    assert found.right("same").all()
    assert not found.changed("same").any()
    for kind in (found.changed, found.spoiled, found.lost):
        assert kind("turned").all()
        assert np.array_equal(kind("half"), KINDS % 2 == 1)
    assert not found.mended("half").any()
    plain = {row["name"]: row for row in found.plain()["rows"]}
    assert plain["half"]["recognised"] == np.mean(KINDS % 2 == 0)
    assert plain["half"]["recognised_low"] < plain["half"]["recognised"] < plain["half"]["recognised_high"]
    assert "recognised less often than the noisy images themselves" in verdict(
        recognise({"turned": upside_down, "same": same}, SQUARES, NOISE, classifier)
    )
    assert "recognised" not in verdict(recognise({"same": same}, SQUARES, NOISE, classifier)).split("\n")[1]


def test_a_denoiser_that_undoes_the_damage_mends(tmp_path: Path) -> None:
    """The classifier looks at the corners of the quarters alone; the denoiser looks at all of them."""
    proto = model()
    kernel = np.zeros((1, 1, 4, 4), np.float32)
    kernel[..., 0, 0] = 1
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(kernel, "kernel"))
    classifier = read_classifier(written(proto, tmp_path))

    def mend(image: Image) -> Image:
        means = image.reshape(2, 4, 2, 4).mean((1, 3)).ravel()
        return quarters(np.array([int(means.argmax())]))[0]

    found = recognise({"mend": mend}, SQUARES, "salt-pepper:0.3", classifier)
    assert 0.3 < found.right("noisy").mean() < 0.9
    assert found.right("mend").all()
    assert np.array_equal(found.mended("mend"), ~found.right("noisy"))
    assert f"It mended the class of {80 - found.right('noisy').sum()} noisy images and lost that of 0" in verdict(found)
    few = recognise({"mend": mend}, SQUARES, "salt-pepper:0.3", classifier, limit=7)
    assert np.array_equal(few.seen["noisy"], found.seen["noisy"][:7])
    assert few.labels is not None
    assert len(few.labels.values) == 7


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(("batch", "size"), [("n", 8), (1, 8), ("n", "side"), (1, None)])
def test_every_layout_gives_the_same_classes(channels: int, last: bool, batch: Any, size: Any, tmp_path: Path) -> None:
    classifier = read_classifier(written(model(channels, last=last, batch=batch, size=size), tmp_path))
    for given in (1, 3):
        assert classifier(quarters(KINDS, given)).argmax(1).tolist() == KINDS.tolist()


def test_images_of_several_sizes_stay_with_their_labels(tmp_path: Path) -> None:
    """By a classifier of any size that tells four levels of brightness."""
    proto = model(size="side")
    del proto.graph.node[:], proto.graph.initializer[:]
    proto.graph.initializer.append(numpy_helper.from_array(np.arange(0.1, 0.9, 0.2, np.float32)[None], "levels"))
    for kind, given, made in (
        ("GlobalAveragePool", ["image"], "mean"),
        ("Flatten", ["mean"], "bright"),
        ("Sub", ["bright", "levels"], "off"),
        ("Abs", ["off"], "far"),
        ("Neg", ["far"], "scores"),
    ):
        proto.graph.node.append(helper.make_node(kind, given, [made]))
    for index, kind in enumerate(KINDS):
        image = np.full((5 + index % 3, 9), round(255 * (0.1 + 0.2 * kind)), np.uint8)
        write_image(tmp_path / "images" / str(kind) / f"{index}.png", image)
    test = load(tmp_path / "images", labels=True).test
    assert len({test.size(index) for index in range(len(test))}) > 1
    found = recognise({}, test, NOISE, read_classifier(written(proto, tmp_path)))
    assert len(found.clean) == 8
    assert len(set(found.clean)) > 1
    assert found.right().all()


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
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
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


def test_a_classifier_of_other_images_is_said_before_anything_is_judged(tmp_path: Path) -> None:
    classifier = read_classifier(written(model(), tmp_path))
    with pytest.raises(PellucidError, match=r"takes images of 8 x 8 pixels; these have 9 x 8"):
        recognise({}, ArrayImages(np.zeros((3, 9, 8), np.float32)), NOISE, classifier)
    with pytest.raises(PellucidError, match="knows 4 classes, 0 to 3, but the labels go up to 5"):
        recognise({}, ArrayImages(quarters(KINDS), labels=numbered({"y": KINDS + 2})["y"]), NOISE, classifier)
    with pytest.raises(PellucidError, match="no images"):
        recognise({}, SQUARES.subset(np.arange(0)), NOISE, classifier)
    unstated = read_classifier(written(model(outputs=None), tmp_path))
    assert recognise({}, SQUARES, NOISE, unstated).right().all()
    other = model(outputs=None)
    other.graph.output[0].name = "c"
    with pytest.raises(PellucidError, match=r"gives float32 of the shape \(1, 1, 2, 2\); expected"):
        recognise({}, SQUARES, NOISE, read_classifier(written(other, tmp_path)))


def test_without_labels_only_changes_are_told(tmp_path: Path) -> None:
    classifier = read_classifier(written(model(), tmp_path))
    found = recognise({"half": half}, ArrayImages(quarters(KINDS)), NOISE, classifier)
    assert "no labels" in verdict(found)
    assert f"denoised {100 * np.mean(KINDS % 2 == 0):.1f} %" in verdict(found)
    assert [len(row) for row in rows(found)] == [len(headings(found))] * 2
    assert "recognised" not in found.plain()["rows"][1]
    with pytest.raises(PellucidError, match="without labels"):
        found.right()
    figure = picture(half, ArrayImages(quarters(KINDS)), NOISE, found)
    assert figure is not None
    noted = [axis.get_xlabel() for axis in figure.axes[-10:]]
    wrong = np.flatnonzero(KINDS % 2)[:10]
    assert [note.split("\n")[:3] for note in noted] == [[f"image {i}", *[str(KINDS[i])] * 2] for i in wrong]
    assert picture(same, SQUARES, NOISE, recognise({"same": same}, SQUARES, NOISE, classifier)) is None


def test_labels_that_do_not_fit_the_classifier_are_doubted(tmp_path: Path) -> None:
    classifier = read_classifier(written(model(), tmp_path))
    wrong = ArrayImages(quarters(KINDS), labels=numbered({"y": (KINDS + 1) % 4})["y"])
    assert "may be at fault" in verdict(recognise({"same": same}, wrong, NOISE, classifier))


def test_wilsons_interval() -> None:
    # Both ends solve |p - count / total| = z sqrt(p (1 - p) / total).
    for count, total in ((0, 10), (5, 10), (9_400, 10_000)):
        found = proportion(count, total)
        for end in (found.low, found.high):
            if 1e-9 < end < 1:
                assert abs(end - count / total) == pytest.approx(1.959964 * (end * (1 - end) / total) ** 0.5, rel=1e-5)
    assert proportion(0, 10).low == 0 < proportion(0, 10).high
    assert proportion(9_400, 10_000).high - 0.94 < 0.94 - proportion(9_400, 10_000).low


def small_digits(path: Path, count: int = 300, test: int = 200, seed: int = 3, labels: bool = True) -> Path:
    """Drawn digits at half their size, to be quick."""
    images, drawn = draw_digits(count + test, seed)
    small = images.reshape(-1, 14, 2, 14, 2).mean((2, 4)).astype(np.uint8)
    arrays = {"x_train": small[:count], "x_test": small[count:]}
    if labels:
        arrays |= {"y_train": drawn[:count], "y_test": drawn[count:]}
    np.savez(path, **arrays)
    return path


@pytest.mark.keras
def test_the_built_in_classifier_learns_once_and_from_training_images_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "cache"))
    split = load(small_digits(tmp_path / "digits.npz"), labels=True)
    assert split.test.labels is not None
    first = built_in(split)
    images = np.stack([split.test[index] for index in range(len(split.test))])
    scores = first(images)
    assert np.mean(scores.argmax(1) == split.test.labels.values) > 0.85
    (kept,) = (tmp_path / "cache" / "classifiers").iterdir()
    content = kept.read_bytes()

    monkeypatch.setattr("pellucid.recognition.builtin.require_keras", lambda: pytest.fail("trained again"))
    assert np.array_equal(built_in(split)(images), scores)
    blackened = np.load(tmp_path / "digits.npz")
    parts = dict(blackened) | {"x_test": np.zeros_like(blackened["x_test"]), "y_test": 9 - blackened["y_test"]}
    np.savez(tmp_path / "blackened.npz", **parts)
    assert np.array_equal(built_in(load(tmp_path / "blackened.npz", labels=True))(images), scores)
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        built_in(split, seed=1)
    monkeypatch.undo()

    # Where nothing can be kept, it is trained all the same, to the same scores.
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "digits.npz"))
    again = built_in(split)
    assert "not kept" in again.about
    assert np.array_equal(again(images), scores)
    assert kept.read_bytes() == content
    kept.write_bytes(content[:100])
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "cache"))
    with pytest.raises(PellucidError, match="Delete it"):
        built_in(split)


def test_what_the_built_in_classifier_cannot_do_is_said(tmp_path: Path) -> None:
    with pytest.raises(PellucidError, match="no labels, from which"):
        built_in(load(small_digits(tmp_path / "a.npz", labels=False), labels=True))
    for shape, said in (((9, 12, 10), "12 x 10"), ((9, 80, 80), "80 x 80")):
        parts = {"x_train": np.zeros(shape), "x_test": np.zeros(shape)}
        np.savez(tmp_path / "b.npz", **parts, y_train=np.arange(9), y_test=np.arange(9))
        with pytest.raises(PellucidError, match=said):
            built_in(load(tmp_path / "b.npz", labels=True))
    zeros = {
        f"{letter}_{part}": np.zeros((9, 12, 12)[: 3 if letter == "x" else 1], np.uint8)
        for letter in "xy"
        for part in ("train", "test")
    }
    np.savez(tmp_path / "c.npz", **zeros)
    with pytest.raises(PellucidError, match="only one class"):
        built_in(load(tmp_path / "c.npz", labels=True))


@pytest.mark.keras
def test_the_command_tells_it_on_the_terminal_as_json_and_as_a_page(
    trained: tuple[Path, str], command: Command, tmp_path: Path
) -> None:
    small_digits(tmp_path / "digits.npz", count=120, test=30)
    files = ("--json", "scores.json", "--html", "report.html")
    done = command("evaluate", "digits.npz", "-m", trained[0], "--recognise", *files)
    assert done.returncode == 0, done.stderr
    told = re.search(r"Recognised: clean ([\d.]+) %, noisy [\d.]+ %, denoised ([\d.]+) % \(", done.stdout)
    assert told
    (entry,) = json.loads((tmp_path / "scores.json").read_text())
    shares = {row["name"]: row for row in entry["recognition"]["rows"]}
    assert entry["recognition"]["images"] == 30
    assert f"{100 * shares['clean']['recognised']:.1f}" == told[1]
    assert f"{100 * shares['swift']['recognised']:.1f}" == told[2]
    assert len(shares) == 8
    page = (tmp_path / "report.html").read_text()
    assert "Is the content still right?" in page
    assert page.count("<img") == 2

    done = command("evaluate", small_digits(tmp_path / "plain.npz", labels=False), "-m", trained[0], "--recognise")
    assert done.returncode == 2
    assert "no labels" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.keras
def test_a_classifier_is_exported_as_it_is() -> None:
    from pellucid.export import classifier_to_onnx
    from pellucid.models import build
    from pellucid.recognition import Classifier
    from pellucid.training.loop import predict

    for channels, side, classes in ((1, 28, 10), (3, 11, 7)):
        network = build("classifier", channels, side=side, classes=classes)
        proto = classifier_to_onnx(network)
        onnx.checker.check_model(proto, full_check=True)
        images = np.random.default_rng(0).random((5, side, side, channels), dtype=np.float32)
        scores = Classifier(proto.SerializeToString(), "it")(images)
        assert scores.shape == (5, classes)
        np.testing.assert_allclose(scores, predict(network, images), atol=1e-6)
