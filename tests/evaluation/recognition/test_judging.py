"""Is the content still right? Classes on clean, noisy and denoised images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper, numpy_helper

from pellucid.common.errors import PellucidError
from pellucid.datasets import ArrayImages, load
from pellucid.datasets.labels import numbered
from pellucid.evaluation.intervals import proportion
from pellucid.evaluation.recognition import read_classifier, recognise
from pellucid.evaluation.recognition.picture import picture
from pellucid.evaluation.recognition.verdict import table, verdict
from pellucid.images.contract import Image
from pellucid.images.formats import write_image
from quarters import KINDS, NOISE, SQUARES, model, quarters, written


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
    assert "recognised less often than the noisy images themselves" in str(
        verdict(recognise({"turned": upside_down, "same": same}, SQUARES, NOISE, classifier))
    )
    assert "recognised" not in verdict(recognise({"same": same}, SQUARES, NOISE, classifier)).lines[0]


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
    assert f"It mended the class of {80 - found.right('noisy').sum()} noisy images and lost that of 0" in str(
        verdict(found)
    )
    few = recognise({"mend": mend}, SQUARES, "salt-pepper:0.3", classifier, limit=7)
    assert np.array_equal(few.seen["noisy"], found.seen["noisy"][:7])
    assert few.labels is not None
    assert len(few.labels.values) == 7


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
    assert "no labels" in verdict(found).head
    assert f"denoised {100 * np.mean(KINDS % 2 == 0):.1f} %" in verdict(found).head
    assert [len(row) for row in table(found).rows] == [len(table(found).headings)] * 2
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
    assert "may be at fault" in str(verdict(recognise({"same": same}, wrong, NOISE, classifier)))


def test_wilsons_interval() -> None:
    # Both ends solve |p - count / total| = z sqrt(p (1 - p) / total).
    for count, total in ((0, 10), (5, 10), (9_400, 10_000)):
        found = proportion(count, total)
        for end in (found.low, found.high):
            if 1e-9 < end < 1:
                assert abs(end - count / total) == pytest.approx(1.959964 * (end * (1 - end) / total) ** 0.5, rel=1e-5)
    assert proportion(0, 10).low == 0 < proportion(0, 10).high
    assert proportion(9_400, 10_000).high - 0.94 < 0.94 - proportion(9_400, 10_000).low
