"""Writing a model file: checked against the model, whole or not at all, and scores added afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pellucid.common import PellucidError
from pellucid.inference import Denoiser
from pellucid.modelfile import Card, add_scores, save
from pellucid.modelfile.export import TOLERANCE
from small_networks import shaken

VALID = Path(__file__).parent / "corpus" / "valid.onnx"
CARD = Card("classic", 1, 4, 11, "gaussian:0.5", "nothing", "2026-01-01T00:00:00+00:00", scores={"psnr.noisy": 8.0})


@pytest.mark.keras
def test_a_saved_model_answers_as_keras_does_and_keeps_its_card(tmp_path: Path) -> None:
    model = shaken("classic", 1)
    save(tmp_path / "model.onnx", model, CARD, lambda images: np.asarray(model(images)))
    denoiser = Denoiser(tmp_path)
    images = np.random.default_rng(1).random((2, 12, 20, 1), dtype=np.float32)
    np.testing.assert_allclose(denoiser.batch(images), np.asarray(model(images)), rtol=0, atol=TOLERANCE)
    assert denoiser.card == CARD


@pytest.mark.keras
@pytest.mark.one_backend
def test_a_model_that_its_file_does_not_answer_as_leaves_the_old_file(tmp_path: Path) -> None:
    model = shaken("classic", 1)
    (tmp_path / "model.onnx").write_bytes(b"old")
    for wrong in (lambda images: np.asarray(model(images)) + 2e-5, lambda images: images * np.nan):
        with pytest.raises(PellucidError, match="the written model differs from the trained one"):
            save(tmp_path / "model.onnx", model, CARD, wrong)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    assert (tmp_path / "model.onnx").read_bytes() == b"old"


@pytest.mark.keras
@pytest.mark.one_backend
def test_scores_are_added_to_the_card_and_nothing_else_changes(tmp_path: Path) -> None:
    import dataclasses

    model = shaken("classic", 1)
    path, at_once = tmp_path / "model.onnx", tmp_path / "at-once.onnx"
    save(path, model, CARD, lambda images: np.asarray(model(images)))
    add_scores(path, {"psnr.denoised": 20.5, "ssim.denoised": float("inf")})
    wanted = dataclasses.replace(CARD, scores={"psnr.noisy": 8.0, "psnr.denoised": 20.5})
    assert Denoiser(path).card == wanted
    save(at_once, model, wanted, lambda images: np.asarray(model(images)))
    assert path.read_bytes() == at_once.read_bytes()


@pytest.mark.keras
@pytest.mark.one_backend
@pytest.mark.parametrize("content", [b"", b"no model", VALID.read_bytes()[:200]])
def test_scores_are_not_added_to_something_else(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(PellucidError, match=r"model\.onnx is not a model that pellucid can run: it "):
        add_scores(path, {"psnr.denoised": 20.5})
    assert path.read_bytes() == content
