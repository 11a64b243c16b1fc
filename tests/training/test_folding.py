"""The faster training graph is the same network: same answers, same steps, same weights."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.networks.registry import build, parse
from small_networks import CHANNELS, DENOISERS

pytestmark = pytest.mark.keras


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("name", DENOISERS)
def test_it_answers_and_learns_as_the_network_does(name: str, channels: int) -> None:
    import keras

    from pellucid.training.folding import folded

    stock, base = build(name, channels), build(name, channels)
    base.set_weights(stock.get_weights())
    fast = folded(base)
    rng = np.random.default_rng(0)
    noisy, clean = (rng.random((4, 16, 24, channels), dtype=np.float32) for _ in range(2))
    np.testing.assert_allclose(np.asarray(fast(noisy)), np.asarray(stock(noisy)), atol=1e-5)
    before = stock.get_weights()
    for model in (stock, fast):
        # To compile steps takes far longer than three of them.
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False, run_eagerly=True)
        for _ in range(3):
            model.train_on_batch(noisy, clean)
    moved = 0.0
    for start, expected, found in zip(before, stock.get_weights(), base.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
        moved = max(moved, float(np.abs(expected - start).max()))
    assert moved > 1e-4


def test_the_classic_network_loses_its_upsampling() -> None:
    from pellucid.training.folding import folded

    kinds = [type(layer).__name__ for layer in folded(build("classic")).layers]
    assert "UpSampling2D" not in kinds
    assert kinds.count("Conv2D") == 3


def test_names_carry_arguments() -> None:
    assert parse("swift") == ("swift", {})
    assert parse("swift:widths=48/96,depth=3") == ("swift", {"widths": (48, 96), "depth": 3})
    assert build("hourglass:code=7").get_layer("encoder").output_shape == (None, None, None, 7)
