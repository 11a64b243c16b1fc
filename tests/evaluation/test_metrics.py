from __future__ import annotations

import numpy as np
import pytest

from pellucid.common.errors import PellucidError
from pellucid.evaluation import metrics


def test_known_values() -> None:
    clean = np.zeros((2, 8, 8, 1), np.float32)
    image = clean + np.array([0.1, 0.5], np.float32)[:, None, None, None]
    np.testing.assert_allclose(metrics.psnr(clean, image), [20, 20 * np.log10(2)], rtol=1e-6)
    np.testing.assert_allclose(
        metrics.psnr(clean * 255, image * 255, data_range=255), [20, 20 * np.log10(2)], rtol=1e-6
    )
    np.testing.assert_allclose(metrics.bce(clean, image), -np.log1p(-np.array([0.1, 0.5])), rtol=1e-5)
    assert np.isinf(metrics.psnr(clean, clean)).all()


def test_excess_is_zero_only_at_the_target() -> None:
    clean = np.random.default_rng(0).random((3, 9, 9, 3)).astype(np.float32)
    np.testing.assert_allclose(metrics.excess_bce(clean, clean), 0, atol=1e-12)
    assert (metrics.excess_bce(clean, np.full_like(clean, 0.5)) > 0.01).all()
    np.testing.assert_allclose(metrics.ssim(clean, clean), 1)


def test_a_prediction_of_zero_for_white_stays_finite() -> None:
    white = np.ones((1, 4, 4, 1), np.float32)
    assert metrics.bce(white, white * 0)[0] == pytest.approx(-np.log(1e-7), rel=1e-5)


def test_small_images_have_an_ssim_where_a_window_fits() -> None:
    small = np.random.default_rng(0).random((1, 4, 6, 1)).astype(np.float32)
    assert metrics.ssim(small, small)[0] == pytest.approx(1)
    assert np.isnan(metrics.ssim(small[:, :2], small[:, :2])[0])


@pytest.mark.parametrize("measure", [metrics.psnr, metrics.ssim, metrics.bce, metrics.excess_bce])
def test_shapes_must_agree(measure: object) -> None:
    with pytest.raises(PellucidError, match="same shape"):
        measure(np.zeros((1, 4, 4, 1)), np.zeros((1, 4, 5, 1)))  # type: ignore[operator]


@pytest.mark.real
def test_the_floor_of_the_mnist_test_set(real: object) -> None:
    from pellucid.datasets.idx import read_idx

    clean = read_idx(real / "mnist" / "t10k-images-idx3-ubyte.gz")[..., None].astype(np.float32) / 255  # type: ignore[operator]
    assert metrics.bce(clean, clean).mean() == pytest.approx(0.0581, abs=5e-5)
