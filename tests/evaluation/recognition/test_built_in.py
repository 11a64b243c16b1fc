"""The built-in classifier, and the command that uses it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest

from conftest import Command
from pellucid.common.errors import PellucidError
from pellucid.datasets import load
from pellucid.datasets.strokes import draw_digits
from pellucid.evaluation.recognition import built_in


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

    monkeypatch.setattr("pellucid.evaluation.recognition.builtin.require_keras", lambda: pytest.fail("trained again"))
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
@pytest.mark.one_backend
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
    from pellucid.evaluation.recognition import Classifier
    from pellucid.modelfile.export import classifier_to_onnx
    from pellucid.networks.keras import predict
    from pellucid.networks.registry import build

    for channels, side, classes in ((1, 28, 10), (3, 11, 7)):
        network = build("classifier", channels, side=side, classes=classes)
        proto = classifier_to_onnx(network)
        onnx.checker.check_model(proto, full_check=True)
        images = np.random.default_rng(0).random((5, side, side, channels), dtype=np.float32)
        scores = Classifier(proto.SerializeToString(), "it")(images)
        assert scores.shape == (5, classes)
        np.testing.assert_allclose(scores, predict(network, images), atol=1e-6)
