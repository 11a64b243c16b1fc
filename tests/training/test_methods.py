"""Learning from noisy images alone: what each method gives a network, and the error that needs no clean image."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pellucid.noise import parse, unclipped
from pellucid.training import Levels, nudged, squared_error
from pellucid.training.methods import METHODS, hide
from pellucid.training.risk import penalized_error

SIGMA = 0.1
NOISE = unclipped(parse(f"gaussian:{SIGMA}"))
INDEPENDENT = [name for name in METHODS if name != "masks"]  # whose input holds none of the target's noise anywhere


def smooth(count: int = 4, side: int = 64, channels: int = 1) -> np.ndarray:
    """Images without noise, slowly varying."""
    raw = np.random.default_rng(3).random((count, side, side, channels))
    images = gaussian_filter(raw, (0, 6, 6, 0), mode="wrap")
    return ((images - images.min()) / np.ptp(images)).astype(np.float32)


def lesson(name: str, clean: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """What a method makes of noisy images and of what belongs to them."""
    noisy = NOISE(clean, np.random.default_rng(1))
    # A second shot has noise of its own; a second helping comes on top of the first.
    other = NOISE(clean if name == "shots" else noisy, np.random.default_rng(2))
    before = noisy.copy(), other.copy()
    made = METHODS[name](noisy, other, np.random.default_rng(seed), lambda images: images * np.float32(0.5))
    assert np.array_equal(noisy, before[0]), "the noisy images were changed"
    assert np.array_equal(other, before[1]), "the others were changed"
    return made


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_lesson_is_pure_and_of_one_form(name: str, channels: int) -> None:
    clean = smooth(channels=channels)
    given, wanted, weights = lesson(name, clean)
    assert given.shape == wanted.shape
    assert given.dtype == wanted.dtype == np.float32
    assert weights is None or weights.mean() == pytest.approx(1, rel=1e-4)
    again, other = lesson(name, clean), lesson(name, clean, seed=1)
    assert np.array_equal(given, again[0])
    assert np.array_equal(wanted, again[1])
    assert name == "recorrupt" or not np.array_equal(given, other[0])


@pytest.mark.parametrize("name", INDEPENDENT)
def test_the_noise_of_input_and_target_is_independent(name: str) -> None:
    # Of flat images, all that varies is noise; the network is taken to answer nothing.
    flat = np.full((4, 64, 64, 1), 0.5, np.float32)
    noisy = NOISE(flat, np.random.default_rng(1))
    other = NOISE(flat if name == "shots" else noisy, np.random.default_rng(2))
    given, wanted, _ = METHODS[name](noisy, other, np.random.default_rng(0), np.zeros_like)
    correlation = np.corrcoef(given.ravel(), wanted.ravel())[0, 1]
    assert abs(correlation) < 4 / np.sqrt(given.size)
    assert wanted.mean() == pytest.approx(0.5, abs=0.02)


def test_a_hidden_pixel_is_filled_from_another() -> None:
    # Every value occurs once, so it tells where it came from.
    images = np.random.default_rng(0).permutation(2 * 30 * 41).astype(np.float32).reshape(2, 30, 41, 1)
    for seed in range(20):
        hidden, filled = hide(images, np.random.default_rng(seed))
        where = hidden > 0
        assert where.sum() >= 2 * 4 * 6
        assert (filled[where] != images[where]).all()
        assert np.array_equal(filled[~where], images[~where])
    assert len({tuple(hide(images, np.random.default_rng(seed))[0].nonzero()[1]) for seed in range(3)}) == 3


def test_neighbours_allow_for_what_tells_them_apart() -> None:
    # Without noise and with a network that answers rightly, nothing is left to learn but a third of the difference.
    clean = smooth()
    given, wanted, _ = METHODS["neighbors"](clean, clean, np.random.default_rng(0), np.copy)
    plain = METHODS["neighbors"](clean, clean, np.random.default_rng(0), np.zeros_like).wanted
    assert np.abs(wanted - given).max() == pytest.approx(np.abs(plain - given).max() / 3, rel=1e-4)


@pytest.mark.parametrize("noise", ["gaussian:0.1", "gaussian:0.03", "poisson:40", "poisson:60+gaussian:0.05"])
@pytest.mark.parametrize("blur", [0.5, 1.0, 3.0])
def test_the_error_is_known_without_the_clean_image(noise: str, blur: float) -> None:
    clean = smooth(count=8, side=128)
    corruption = unclipped(parse(noise))
    noisy = corruption(clean, np.random.default_rng(1))
    drawn = corruption(noisy, np.random.default_rng(2)) - noisy

    def denoise(images: np.ndarray) -> np.ndarray:
        return gaussian_filter(images, (0, blur, blur, 0), mode="wrap")

    result = denoise(noisy)
    guessed = squared_error(noisy, drawn, result, denoise(nudged(noisy, drawn))).mean()
    variance = np.square(noisy - clean).mean()
    # The estimate of a mean over 131,072 pixels is uncertain by about a hundredth of the noise's variance.
    assert guessed == pytest.approx(np.square(result - clean).mean(), abs=float(0.02 * variance))


def test_levels_know_what_is_cut_off() -> None:
    levels = Levels(parse("gaussian:0.5"))
    assert levels.noisy_mean(np.zeros(1, np.float32))[0] == pytest.approx(0.196, abs=0.005)
    np.testing.assert_allclose(levels.likelihoods.sum(axis=1), 1, rtol=1e-5)
    # A network that knows nothing leaves the noisy value to tell: darker ones come from darker levels.
    noisy = np.linspace(0, 1, 16, dtype=np.float32).reshape(1, 4, 4, 1)
    answer = np.zeros((1, 4, 4, len(levels.values)), np.float32)
    assert (np.diff(levels.clean(noisy, answer).ravel()) > -0.01).all()
    # One that is sure is believed.
    answer[..., 3] = 50
    np.testing.assert_allclose(levels.clean(noisy, answer), levels.values[3], atol=1e-3)


@pytest.mark.parametrize("noise", ["gaussian:0.5", "salt-pepper:0.3", "poisson:5+gaussian:0.2"])
def test_denoisers_are_ranked_under_any_noise(noise: str) -> None:
    levels, corruption = Levels(parse(noise)), parse(noise)
    clean = (smooth(count=8, side=96) > 0.5).astype(np.float32)
    noisy = corruption(clean, np.random.default_rng(1))
    true, guessed = [], []
    for blur in (1.5, 2.2, 3.0, 6.0):  # that leave little noise; of others it is no measure

        def denoise(images: np.ndarray, blur: float = blur) -> np.ndarray:
            return gaussian_filter(images, (0, blur, blur, 0), mode="wrap")

        result = denoise(noisy)
        again = corruption(np.clip(result, 0, 1), np.random.default_rng(2))
        means = levels.noisy_mean(result), levels.noisy_mean(denoise(again))
        guessed.append(penalized_error(noisy, means[0], again, means[1]).mean())
        true.append(np.square(levels.noisy_mean(clean) - means[0]).mean())
    assert np.array_equal(np.argsort(guessed), np.argsort(true))
    assert np.corrcoef(guessed, true)[0, 1] > 0.98
