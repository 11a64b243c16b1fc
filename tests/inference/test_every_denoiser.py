"""The contract of denoisers: network file and classical filter alike map image to image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pellucid.evaluation.classical import FAMILIES
from pellucid.evaluation.metrics import psnr
from pellucid.inference.denoiser import Denoise, Denoiser
from pellucid.noise.corruptions import parse

pytestmark = pytest.mark.one_backend

CLASSICAL = {str(one): one for candidates in FAMILIES.values() for one in (candidates[0], candidates[-1])}
SIZES = [(1, 1), (3, 8), (28, 28), (33, 50)]


@pytest.fixture(params=["model", *CLASSICAL])
def denoise(request: pytest.FixtureRequest, trained: tuple[Path, str]) -> Denoise:
    return Denoiser(trained[0]) if request.param == "model" else CLASSICAL[request.param]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_it_maps_an_image_to_an_image(denoise: Denoise, size: tuple[int, int], channels: int) -> None:
    image = np.random.default_rng(0).random((*size, channels), dtype=np.float32)
    before = image.copy()
    image.flags.writeable = False
    result = denoise(image)
    assert result.shape == image.shape
    assert result.dtype == np.float32
    assert result.min() >= 0
    assert result.max() <= 1
    assert np.array_equal(image, before)
    assert not np.shares_memory(result, image)
    assert np.array_equal(result, denoise(image))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_filter_has_a_strength_that_helps(family: str) -> None:
    y, x = np.mgrid[0:48, 0:48] / 48
    clean = (0.5 + 0.4 * np.sin(6 * x + 4 * y) * (x > 0.5))[..., None].astype(np.float32)
    noisy = parse("gaussian:0.1")(clean[None], np.random.default_rng(0))
    best = max(psnr(clean[None], one(noisy[0])[None])[0] for one in FAMILIES[family])
    assert best > psnr(clean[None], noisy)[0] + 3
