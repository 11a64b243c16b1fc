"""The contract of corruptions; a new kind gets these tests by an entry in `EXAMPLES`."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from pellucid.common.errors import PellucidError
from pellucid.noise import blur_length, neighbour_correlation, unclipped
from pellucid.noise.corruptions import KINDS, parse

EXAMPLES = {
    "gaussian": ("gaussian:0.5", "gaussian:0.1-0.6", "gaussian:25/255:unclipped", "gaussian:0", "gaussian:1e-5-1e-3"),
    "correlated": (
        "correlated:0.1/0.68",
        "correlated:25/255/0.68x0.3",
        "correlated:0.05-0.1/2:unclipped",
        "correlated:0.1/0x1.5:unclipped",
        "correlated:0.2/0",
    ),
    "rows": ("rows:0.05", "rows:0.05-0.1:unclipped"),
    "columns": ("columns:0.05", "columns:10/255:unclipped"),
    "speckle": ("speckle:0.3", "speckle:0.1-0.2:unclipped"),
    "poisson": ("poisson:30", "poisson:5-50", "poisson:100:unclipped"),
    "salt-pepper": ("salt-pepper:0.1", "salt-pepper:0-0.3"),
    "mask": ("mask:0.25", "mask:0.1-0.9"),
    "jpeg": ("jpeg:50", "jpeg:20-95"),
}
CHAINS = (
    "correlated:0.1/0.5+rows:0.03+columns:0.02+salt-pepper:0.01+jpeg:40",
    "gaussian:0.2+salt-pepper:0.02",
    "poisson:40+gaussian:0.05+mask:0.1",
)
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
    batch = np.random.default_rng(1).uniform(0.2, 0.8, (2, 32, 32, 1)).astype(np.float32)
    assert np.abs(parse(text)(batch, np.random.default_rng(0)) - batch).mean() > 1e-3


@pytest.mark.parametrize(
    ("text", "level", "spread"),
    [
        ("gaussian:0.1:unclipped", 0.5, 0.1),
        ("correlated:0.1/0.68:unclipped", 0.5, 0.1),
        ("correlated:0.1/0.4x1.3:unclipped", 0.5, 0.1),
        ("rows:0.1:unclipped", 0.5, 0.1),
        ("columns:0.1:unclipped", 0.5, 0.1),
        ("speckle:0.2:unclipped", 0.5, 0.1),
        ("poisson:25:unclipped", 0.5, np.sqrt(0.5 / 25)),
        ("salt-pepper:0.2", 0.5, 0.5 * np.sqrt(0.2)),
        ("mask:0.3", 0.5, None),
    ],
)
def test_the_strength_has_the_stated_unit(text: str, level: float, spread: float | None) -> None:
    batch = np.full((1, 400, 400, 1), level, np.float32)
    if text.startswith(("rows", "columns")):
        batch = batch.reshape(10, 400, 40, 1) if text.startswith("rows") else batch.reshape(10, 40, 400, 1)
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


@pytest.mark.parametrize("clip", ["", ":unclipped"])
def test_rows_and_columns_are_shifted_whole_in_all_channels(clip: str) -> None:
    for kind, axes in (("rows", (2, 3)), ("columns", (1, 3))):
        shift = parse(f"{kind}:0.1{clip}")(np.full((3, 20, 30, 3), 0.5, np.float32), np.random.default_rng(0))
        assert np.array_equal(shift.min(axis=axes), shift.max(axis=axes))
        assert len(np.unique(shift)) == 3 * (20 if kind == "rows" else 30)


@pytest.mark.parametrize(("across", "down"), [(0.3, 0.3), (0.5, 0.5), (0.68, 0.68), (0.68, 0.0), (0.3, 2.0)])
def test_neighbours_are_correlated_as_the_length_says_at_the_border_too(across: float, down: float) -> None:
    """Of small images the border is most: many of them are averaged."""
    noise = parse(f"correlated:0.1/{across}x{down}:unclipped")(
        np.zeros((2000, 12, 12, 1), np.float32), np.random.default_rng(0)
    )[..., 0]
    noise = noise.astype(np.float64) / 0.1
    assert noise.std(axis=0) == pytest.approx(np.ones((12, 12)), abs=0.08)
    for length, ahead in ((across, noise.swapaxes(1, 2)), (down, noise)):
        for distance in (1, 2):
            seen = (ahead[:, distance:] * ahead[:, :-distance]).mean()
            assert seen == pytest.approx(neighbour_correlation(length) ** distance**2, abs=0.02)
    apart = (noise[:, 0, 0] * noise[:, -1, -1]).mean()  # a blur that wraps around would correlate them
    assert abs(apart) < 0.08


def test_length_and_correlation_are_one_thing() -> None:
    for length in (0.3, 0.68, 1.0, 5.0):
        assert blur_length(neighbour_correlation(length)) == pytest.approx(length)
    assert (blur_length(0), blur_length(-0.2), neighbour_correlation(0)) == (0, 0, 0)


def test_jpeg_is_what_pillow_reads_back() -> None:
    rng = np.random.default_rng(0)
    batch = rng.uniform(-0.2, 1.2, (2, 20, 30, 3)).astype(np.float32)
    made = parse("jpeg:30")(batch, rng)
    for image, seen in zip(batch, made, strict=True):
        file = io.BytesIO()
        Image.fromarray(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)).save(file, "JPEG", quality=30)
        assert np.array_equal(np.rint(seen * 255), np.asarray(Image.open(file)))
    errors = [np.abs(parse(f"jpeg:{quality}")(batch, rng) - np.clip(batch, 0, 1)).mean() for quality in (95, 60, 10)]
    assert errors == sorted(errors)


@pytest.mark.parametrize("text", ALL)
def test_unclipped_noise_is_kept_whole(text: str) -> None:
    kept = unclipped(parse(text))
    assert unclipped(kept) == kept
    parts = str(kept).split("+")
    able = [part for part in parts if part.partition(":")[0] not in ("salt-pepper", "mask", "jpeg")]
    assert all(part.endswith(":unclipped") for part in able)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("correlated:0.1", "expected correlated:SIGMA/LENGTH"),
        ("correlated:0.1/", "expected correlated:SIGMA/LENGTH"),
        ("correlated:0.1/1x", "expected correlated:SIGMA/LENGTH"),
        ("correlated:25/255", "within 0 to 10; got 25"),
        ("correlated:0.1/30", "within 0 to 20; got 30"),
        ("correlated:/2", "no strength"),
        ("rows:-1", "no strength"),
        ("jpeg:0", "within 1 to 100"),
        ("jpeg:101", "within 1 to 100"),
        ("jpeg:50.5", "whole numbers"),
        ("jpeg:50:unclipped", "not understood"),
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
