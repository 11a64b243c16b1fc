"""The contract of corruptions; a new kind gets these tests by an entry in `EXAMPLES`."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pellucid.common.errors import PellucidError
from pellucid.noise.corruptions import KINDS, parse

EXAMPLES = {
    "gaussian": ("gaussian:0.5", "gaussian:0.1-0.6", "gaussian:25/255:unclipped", "gaussian:0", "gaussian:1e-5-1e-3"),
    "speckle": ("speckle:0.3", "speckle:0.1-0.2:unclipped"),
    "poisson": ("poisson:30", "poisson:5-50", "poisson:100:unclipped"),
    "salt-pepper": ("salt-pepper:0.1", "salt-pepper:0-0.3"),
    "mask": ("mask:0.25", "mask:0.1-0.9"),
}
CHAINS = ("gaussian:0.2+salt-pepper:0.02", "poisson:40+gaussian:0.05+mask:0.1")
ALL = [text for texts in EXAMPLES.values() for text in texts] + list(CHAINS)

images = hnp.arrays(
    np.float32,
    st.tuples(st.integers(0, 3), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3])),
    elements=st.floats(0, 1, width=32),
)


def test_every_kind_has_examples() -> None:
    assert set(EXAMPLES) == set(KINDS)


@pytest.mark.parametrize("text", ALL)
@settings(max_examples=20, deadline=None)
@given(batch=images, seed=st.integers(0, 2**32))
def test_a_batch_keeps_its_form_and_the_input_its_values(text: str, batch: np.ndarray, seed: int) -> None:
    before = batch.copy()
    batch.flags.writeable = False
    corruption = parse(text)
    noisy = corruption(batch, np.random.default_rng(seed))
    assert noisy.shape == batch.shape
    assert noisy.dtype == np.float32
    assert np.array_equal(batch, before)
    assert np.array_equal(noisy, corruption(batch, np.random.default_rng(seed)))
    if "unclipped" not in text and noisy.size:
        assert noisy.min() >= 0
        assert noisy.max() <= 1


@pytest.mark.parametrize("text", ALL)
def test_its_text_reads_back_and_it_is_frozen(text: str) -> None:
    corruption = parse(text)
    assert parse(str(corruption)) == corruption
    assert parse(corruption) is corruption
    assert hash(corruption) == hash(parse(text))
    field = dataclasses.fields(corruption)[0].name  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(corruption, field, 0)


@pytest.mark.parametrize("text", [text for text in ALL if text not in ("gaussian:0", "gaussian:1e-5-1e-3")])
def test_it_does_something(text: str) -> None:
    batch = np.full((2, 32, 32, 1), 0.6, np.float32)
    assert np.abs(parse(text)(batch, np.random.default_rng(0)) - batch).mean() > 1e-3


@pytest.mark.parametrize(
    ("text", "level", "spread"),
    [
        ("gaussian:0.1:unclipped", 0.5, 0.1),
        ("speckle:0.2:unclipped", 0.5, 0.1),
        ("poisson:25:unclipped", 0.5, np.sqrt(0.5 / 25)),
        ("salt-pepper:0.2", 0.5, 0.5 * np.sqrt(0.2)),
        ("mask:0.3", 0.5, None),
    ],
)
def test_the_strength_has_the_stated_unit(text: str, level: float, spread: float | None) -> None:
    batch = np.full((1, 400, 400, 1), level, np.float32)
    noisy = parse(text)(batch, np.random.default_rng(1))
    if spread is None:
        assert np.mean(noisy == 0) == pytest.approx(0.3, rel=0.05)
    else:
        assert noisy.mean() == pytest.approx(level, abs=0.01)
        assert noisy.std() == pytest.approx(spread, rel=0.05)


def test_the_tutorials_noise_brightens_black() -> None:
    """Clipped Gaussian noise of 0.5 on black averages 0.5 / sqrt(2 pi) = 0.1995."""
    black = np.zeros((1, 500, 500, 1), np.float32)
    assert parse("gaussian:0.5")(black, np.random.default_rng(0)).mean() == pytest.approx(0.197, abs=0.003)


def test_a_range_draws_a_strength_for_each_image() -> None:
    batch = np.full((200, 16, 16, 1), 0.5, np.float32)
    spreads = parse("gaussian:0.1-0.3:unclipped")(batch, np.random.default_rng(0)).std(axis=(1, 2, 3))
    assert spreads.min() < 0.13
    assert spreads.max() > 0.27


def test_a_mask_hides_a_pixel_in_all_channels() -> None:
    noisy = parse("mask:0.5")(np.ones((1, 20, 20, 3), np.float32), np.random.default_rng(0))
    assert np.array_equal(noisy.min(axis=3), noisy.max(axis=3))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gausian:0.5", "Did you mean 'gaussian'"),
        ("gaussian", "no strength"),
        ("gaussian:", "no strength"),
        ("gaussian:much", "no strength"),
        ("gaussian:1/0", "no strength"),
        ("gaussian:nan", "within 0 to 10"),
        ("gaussian:-1", "no strength"),
        ("gaussian:0.5-0.2", "must rise"),
        ("gaussian:0.5:loud", "not understood"),
        ("mask:0.5:unclipped", "not understood"),
        ("mask:2", "within 0 to 1"),
        ("poisson:0", "within 0.01"),
        ("gaussian:0.1+", "unknown noise ''"),
        ("", "unknown noise ''"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(PellucidError, match=said):
        parse(text)
