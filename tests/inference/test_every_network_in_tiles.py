"""Tiles put together equal the whole, for every network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.common.errors import PellucidError
from pellucid.images.geometry import turned, turned_back
from pellucid.inference.denoiser import TILE, WHOLE, Denoiser
from pellucid.inference.tiling import Tiling
from small_networks import DENOISERS, shaken, written

pytestmark = [pytest.mark.keras, pytest.mark.one_backend]


NARROW = {"residual": "residual:widths=12/24"}
"""As deep as by default, and so with the same seams, but quick enough for many small tiles."""


@pytest.fixture(scope="module", params=[(name, channels) for name in DENOISERS for channels in (1, 3)], ids=str)
def denoiser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Denoiser:
    name, channels = request.param
    return written(shaken(NARROW.get(name, name), channels), name, channels, tmp_path_factory.mktemp("model"))


@settings(max_examples=12, deadline=None)
@given(
    height=st.integers(1, 150),
    width=st.integers(1, 150),
    cells=st.integers(1, 20),
    colours=st.sampled_from([0, 1, 3, 4]),
    dtype=st.sampled_from([np.float32, np.uint8, np.uint16]),
    seed=st.integers(0, 99),
)
def test_tiles_equal_the_whole(
    denoiser: Denoiser, height: int, width: int, cells: int, colours: int, dtype: type, seed: int
) -> None:
    shape = (height, width, colours) if colours else (height, width)
    image = np.random.default_rng(seed).random(shape)
    image = image.astype(dtype) if dtype is np.float32 else (image * np.iinfo(dtype).max).astype(dtype)
    grid = denoiser.card.multiple_of
    whole = denoiser.piece(image)
    tiled = denoiser.in_tiles(image, Tiling(cells * grid, denoiser.card.halo, grid))
    assert tiled.dtype == whole.dtype
    step = 1e-5 if dtype is np.float32 else 1 + 1e-5 * np.iinfo(dtype).max  # one level, where rounding falls apart
    assert np.abs(tiled.astype(np.float64) - whole.astype(np.float64)).max() <= step


def test_a_large_image_is_run_in_tiles(denoiser: Denoiser, monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(0).random((WHOLE // 700, 705), dtype=np.float32)
    sizes: list[tuple[int, ...]] = []
    piece = denoiser.piece
    monkeypatch.setattr(denoiser, "piece", lambda part, scale: sizes.append(part.shape) or piece(part, scale))
    result = denoiser(image)
    assert len(sizes) > 1
    assert max(max(size) for size in sizes) <= TILE + 2 * denoiser.tiling.margin
    np.testing.assert_allclose(result, piece(image), atol=1e-5)


def test_an_ensemble_is_the_mean_over_eight_ways_in_tiles_too(denoiser: Denoiser) -> None:
    ensemble = Denoiser(denoiser.path, ensemble=True)
    grid, channels = denoiser.card.multiple_of, denoiser.card.channels
    images = np.random.default_rng(0).random((2, 12 * grid, 9 * grid, channels), dtype=np.float32)
    ways = [turned_back(denoiser.batch(turned(images, way, (1, 2))), way, (1, 2)) for way in range(8)]
    np.testing.assert_allclose(ensemble.batch(images), np.mean(ways, axis=0), atol=1e-6)
    tiled = ensemble.in_tiles(images[0], Tiling(2 * grid, denoiser.card.halo, grid))
    np.testing.assert_allclose(tiled, ensemble.piece(images[0]), atol=1e-5)


def test_a_halo_that_is_too_small_would_show(denoiser: Denoiser) -> None:
    """The equality above is not luck: without the halo the seams are there."""
    image = np.random.default_rng(0).random((64, 64), dtype=np.float32)
    grid = denoiser.card.multiple_of
    seamed = np.empty_like(image)
    for top in range(0, 64, 16):
        for left in range(0, 64, 16):
            here = slice(top, top + 16), slice(left, left + 16)
            seamed[here] = denoiser.piece(image[here])
    assert np.abs(seamed - denoiser.piece(image)).max() > 1e-4
    with pytest.raises(PellucidError, match=r"multiple of"):
        Tiling(grid + 1, 8, grid)
