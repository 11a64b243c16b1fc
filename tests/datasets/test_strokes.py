from __future__ import annotations

import hashlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pellucid.common.errors import PellucidError
from pellucid.datasets.strokes import draw_digits

Digits = tuple[NDArray[np.uint8], NDArray[np.uint8]]


@pytest.fixture(scope="module")
def digits() -> Digits:
    return draw_digits(4000, seed=1)


def test_the_bits_are_the_recorded_ones() -> None:
    images, labels = draw_digits(500)
    digest = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    assert digest == "1688e37cead442e54648fc2af1ebe8726f6d93e45b2a646367418a0be538d80a"


def test_the_seed_decides() -> None:
    images, labels = draw_digits(50, seed=3)
    again, labels_again = draw_digits(50, seed=3)
    other, other_labels = draw_digits(50, seed=4)
    assert np.array_equal(images, again)
    assert np.array_equal(labels, labels_again)
    assert not np.array_equal(labels, other_labels)
    assert (images != other).any(axis=(1, 2)).all()


@settings(max_examples=15, deadline=None)
@given(start=st.integers(0, 600), count=st.integers(0, 40), seed=st.integers(0, 2**63 - 1))
@example(start=5, count=10, seed=0)
@example(start=250, count=20, seed=0)  # across the border of a block
def test_a_digit_depends_on_seed_and_place_alone(start: int, count: int, seed: int) -> None:
    images, labels = draw_digits(count, seed, start)
    all_images, all_labels = draw_digits(start + count, seed)
    assert np.array_equal(images, all_images[start:])
    assert np.array_equal(labels, all_labels[start:])


def test_the_far_end_of_the_seeds_and_places_draws_too() -> None:
    images, _ = draw_digits(2, seed=2**63 - 1, start=2**63 - 1)
    assert images.any(axis=(1, 2)).all()


@pytest.mark.parametrize("count", [0, 1, 257])
def test_shapes_and_dtypes(count: int) -> None:
    images, labels = draw_digits(count)
    assert images.shape == (count, 28, 28)
    assert labels.shape == (count,)
    assert images.dtype == labels.dtype == np.uint8


def test_black_ground_white_ink_ten_classes(digits: Digits) -> None:
    images, labels = digits
    assert (images.min(axis=(1, 2)) == 0).all()
    assert (images.max(axis=(1, 2)) >= 252).all()
    share = np.bincount(labels, minlength=10) / len(labels)
    assert share.shape == (10,)
    assert np.abs(share - 0.1).max() < 0.025  # five standard deviations of 4000 draws


def test_the_ink_fits_the_box_and_its_mass_sits_in_the_middle(digits: Digits) -> None:
    images, _ = digits
    places = np.arange(28)
    sides = []
    for axis in (1, 2):
        inked = images.any(axis=axis)
        side = 28 - inked.argmax(1) - inked[:, ::-1].argmax(1)
        ink = images.sum(axis=axis, dtype=np.int64)
        centre = (ink * places).sum(1) / ink.sum(1)
        assert side.max() <= 20
        # Whole pixels round to within half a one, save where the frame's edge stops the box.
        assert (np.abs(centre - 14) <= 0.5).mean() > 0.995
        assert np.abs(centre - 14).max() < 3
        sides.append(side)
    assert np.maximum(*sides).min() >= 17
    assert (np.maximum(*sides) == 20).mean() > 0.95


def test_the_statistics_are_near_mnists(digits: Digits) -> None:
    # The right-hand numbers were measured on the first 55,000 training images of MNIST.
    images = digits[0] / 255.0
    assert images.mean() == pytest.approx(0.1307, abs=0.006)
    assert images.std() == pytest.approx(0.3081, abs=0.008)
    assert (images == 0).mean() == pytest.approx(0.8088, abs=0.01)
    assert (images >= 250 / 255).mean() == pytest.approx(0.0739, abs=0.006)
    assert np.abs(np.diff(images, axis=1)).mean() == pytest.approx(0.0658, abs=0.004)
    assert np.abs(np.diff(images, axis=2)).mean() == pytest.approx(0.0672, abs=0.004)
    assert images.mean(axis=(1, 2)).std() == pytest.approx(0.0436, abs=0.006)


def test_the_labels_name_what_is_drawn(digits: Digits) -> None:
    def features(images: NDArray[np.uint8]) -> NDArray[np.float64]:
        flat = images.reshape(-1, 784) / 255.0
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)

    images, labels = digits
    means = np.stack([features(images[labels == digit]).mean(0) for digit in range(10)])
    others, truth = draw_digits(1000, seed=2)
    guess = (features(others) @ means.T).argmax(1)
    hits = guess == truth
    assert hits.mean() > 0.7
    assert min(hits[truth == digit].mean() for digit in range(10)) > 0.5


def test_memory_stays_near_the_size_of_the_result() -> None:
    draw_digits(1)
    tracemalloc.start()
    images, _ = draw_digits(6000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < images.nbytes + 30e6  # bytes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"count": -1}, "negative; got -1"),
        ({"count": 1, "seed": -1}, "seed .* got -1"),
        ({"count": 1, "seed": 2**63}, "seed .* got 9223372036854775808"),
        ({"count": 1, "start": -2}, "place .* got -2"),
    ],
)
def test_bad_requests_are_refused_in_one_sentence(arguments: dict[str, int], words: str) -> None:
    with pytest.raises(PellucidError, match=words):
        draw_digits(**arguments)
