from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pellucid.common import PellucidError, Stream
from pellucid.datasets import ArrayImages, load, noisy_copies
from pellucid.datasets.sources import Images
from pellucid.datasets.split import assemble
from pellucid.evaluation.classical import Median
from pellucid.evaluation.compare import compare, evaluate, tune_classical
from pellucid.evaluation.verdict import verdict
from pellucid.images import write_image
from pellucid.noise import parse

RNG = np.random.default_rng(0)
SMOOTH = np.cumsum(RNG.normal(0, 0.02, (20, 32, 32)), axis=2).clip(-0.5, 0.5).astype(np.float32) + 0.5


class Untouchable(ArrayImages):
    """Images that must not be looked at."""

    def batch(self, indices: object) -> object:  # type: ignore[override]
        raise AssertionError("test images were used to choose")

    def window(self, *parts: object) -> object:  # type: ignore[override]
        return self.batch(parts)


def identity(image: np.ndarray) -> np.ndarray:
    return image.copy()


def test_identity_scores_as_the_noisy_images() -> None:
    noisy, same = evaluate({"identity": identity}, ArrayImages(SMOOTH), "gaussian:0.1")
    np.testing.assert_allclose(noisy.psnr, same.psnr)
    assert len(noisy.psnr) == 20


def test_scores_do_not_depend_on_how_many_are_judged() -> None:
    few = evaluate({}, ArrayImages(SMOOTH), "gaussian:0.1", limit=3)[0]
    many = evaluate({}, ArrayImages(SMOOTH), "gaussian:0.1")[0]
    np.testing.assert_array_equal(few.psnr, many.psnr[:3])


def test_tuning_uses_validation_images_alone() -> None:
    parts: list[Images] = [ArrayImages(SMOOTH[:10]), ArrayImages(SMOOTH[10:15]), Untouchable(SMOOTH[15:])]
    split = assemble("smooth", parts[0], parts[1], parts[2], parts[0], "here")
    chosen = tune_classical(split.validation, "gaussian:0.1")
    assert len(chosen) == 5
    with pytest.raises(AssertionError, match="used to choose"):  # judging does use them
        compare(identity, "identity", split, "gaussian:0.1")


def test_the_strength_follows_the_noise() -> None:
    weak, strong = (tune_classical(ArrayImages(SMOOTH), f"gaussian:{level}") for level in (0.02, 0.4))
    assert [name for name in weak if name.startswith("Gaussian")] != [
        name for name in strong if name.startswith("Gaussian")
    ]


def test_a_worse_denoiser_gets_a_worse_verdict() -> None:
    def ruin(image: np.ndarray) -> np.ndarray:
        return np.zeros_like(image)

    def oracle_like(image: np.ndarray) -> np.ndarray:
        return Median(5)(Median(5)(image))

    classical = {"median": Median(3)}
    heads = []
    for denoise in (ruin, identity, oracle_like):
        heads.append(str(verdict(evaluate({"model": denoise, **classical}, ArrayImages(SMOOTH), "gaussian:0.3"))))
    assert heads[0].startswith("It does not help")
    assert heads[1].startswith("It does not help")
    assert heads[2].startswith("It helps: ")
    assert "20 of 20 test images" in heads[2]


def test_a_classical_filter_that_is_better_is_said_to_be() -> None:
    scores = evaluate({"weak": Median(3), "strong": Median(5)}, ArrayImages(SMOOTH), "gaussian:0.3")
    assert "a classical filter helps more: strong" in verdict(scores).head


def test_no_images_is_an_error() -> None:
    with pytest.raises(PellucidError, match="no images"):
        evaluate({}, ArrayImages(SMOOTH[:0]), "gaussian:0.1")


def test_counts_below_0_are_refused() -> None:
    images = ArrayImages(SMOOTH)
    split = assemble("smooth", images, images, images, images, "here")
    for call, name in (
        (lambda: evaluate({}, images, "gaussian:0.1", limit=-1), "limit"),
        (lambda: compare(identity, "same", split, "gaussian:0.1", limit=-1), "limit"),
        (lambda: compare(identity, "same", split, "gaussian:0.1", filters=-1), "filters"),
    ):
        with pytest.raises(PellucidError, match=f"{name} expects 0 .* got -1") as caught:
            call()
        assert caught.value.argument == name


def test_a_single_validation_image_that_vanished_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.datasets.sources.CACHE_BYTES", 0)
    for index, image in enumerate(SMOOTH[:6]):
        write_image(tmp_path / f"{index}.png", np.uint8(image * 255))
    split = load(tmp_path)
    (only,) = split.validation.paths
    only.unlink()
    with pytest.raises(PellucidError, match=f"cannot read .*{only.name}"):
        tune_classical(split.validation, "gaussian:0.1")
    with pytest.raises(PellucidError, match=f"cannot read .*{only.name}"):
        evaluate({"same": identity}, split.validation, "gaussian:0.1")
    with pytest.raises(PellucidError, match="no validation images"):
        tune_classical(split.validation.subset(np.arange(0)), "gaussian:0.1")


def test_a_large_image_counts_once_by_its_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.datasets.pieces.WHOLE", 400)
    monkeypatch.setattr("pellucid.datasets.pieces.SIDE", 8)
    large = ArrayImages(np.kron(SMOOTH[:2], np.ones((1, 3, 3), SMOOTH.dtype)))
    shown = []
    noisy, same = evaluate(
        {"identity": identity}, large, "gaussian:0.1", watch=lambda clean, seen: shown.append((clean, seen))
    )
    assert noisy.in_squares == same.in_squares == 2
    assert len(noisy.psnr) == len(noisy.ssim) == 2
    assert np.array_equal(noisy.psnr, same.psnr)
    assert [clean.shape for clean, _ in shown] == [(1, 8, 8, 1)] * 2
    pairs = [noisy_copies(large, index, parse("gaussian:0.1"), 0, Stream.TEST) for index in range(2)]
    errors = [np.mean(np.square(clean - np.clip(spoiled, 0, 1), dtype=np.float64)) for clean, spoiled in pairs]
    assert noisy.psnr == pytest.approx(-10 * np.log10(errors), abs=1e-4)
    said = str(verdict([noisy, same, same]))
    assert "2 of 2 test images are too large to be judged whole" in said
    small = evaluate({"a": identity, "b": identity}, ArrayImages(SMOOTH[:, :16, :16]), "gaussian:0.1")
    assert "too large" not in str(verdict(small))
