"""The optimizer: orthogonal steps, Adam for what is no inner kernel, and no step from nothing."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.keras


@pytest.mark.parametrize("shape", [(288, 32), (16, 64), (40, 40)])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_every_direction_gets_about_the_same_step(shape: tuple[int, int], size: float) -> None:
    from pellucid.training.optimizers import orthogonal

    matrix = (size * np.random.default_rng(0).normal(size=shape)).astype(np.float32)
    found = np.linalg.svd(np.asarray(orthogonal(matrix)), compute_uv=False)
    # The iteration trades exactness for speed; the smallest singular values of a square matrix lag behind.
    assert found.max() < 1.3
    assert np.median(found) > 0.6


@pytest.mark.parametrize("size", [0.0, 1e-45, 1e-30, 1e-19, 1e-15])
def test_nothing_makes_no_step(size: float) -> None:
    from pellucid.training.optimizers import orthogonal

    matrix = np.full((72, 16), size, dtype=np.float32)
    assert np.abs(np.asarray(orthogonal(matrix))).max() < 1e-2


def test_inner_kernels_turn_and_the_others_follow_adam() -> None:
    import keras

    from pellucid.training.optimizers import SCALE, Muon

    rng = np.random.default_rng(0)
    kernel, stem, bias = (
        keras.Variable(rng.normal(size=shape).astype("float32")) for shape in ((3, 3, 16, 8), (3, 3, 1, 8), (8,))
    )
    variables = [kernel, stem, bias]
    before = [np.array(variable) for variable in variables]
    optimizer = Muon(0.01)
    optimizer.build(variables)
    gradients = [rng.normal(size=variable.shape).astype("float32") for variable in variables]
    optimizer.apply(gradients, variables)
    moved = [np.asarray(variable) - start for variable, start in zip(variables, before, strict=True)]
    # Adam's first step is the rate, against the gradient's sign.
    for step, gradient in zip(moved[1:], gradients[1:], strict=True):
        np.testing.assert_allclose(step, -0.01 * np.sign(gradient), rtol=1e-3)
    lengths = np.linalg.svd(moved[0].reshape(144, 8), compute_uv=False) / (0.01 * SCALE * 12)
    assert 0.6 < lengths.min() <= lengths.max() < 1.3
    assert (moved[0] * gradients[0]).sum() < 0
