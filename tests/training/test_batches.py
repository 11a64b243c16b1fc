from __future__ import annotations

import numpy as np
import pytest

from pellucid.common.randomness import Stream, generator
from pellucid.datasets import ArrayImages
from pellucid.noise.corruptions import parse
from pellucid.training.batches import Batches, Patches
from pellucid.training.prefetch import prefetch
from pellucid.training.schedule import schedule

IMAGES = np.random.default_rng(0).integers(0, 255, (50, 12, 10), dtype=np.uint8)


def batches(size: int = 8, *, side: int = 64, grid: int = 2, fresh: bool = True, seed: int = 0) -> Batches:
    patches = Patches(ArrayImages(IMAGES), side, grid, seed, Stream.TRAIN)
    return Batches(patches, parse("gaussian:0.2"), size, seed, Stream.TRAIN, fresh=fresh, shuffle=True)


def by_image(given: Batches, epoch: int) -> dict[bytes, bytes]:
    pairs = [
        (c.tobytes(), n.tobytes()) for noisy, clean in given.epoch(epoch) for n, c in zip(noisy, clean, strict=True)
    ]
    assert len(pairs) == len(given.patches)
    return dict(pairs)


def test_the_noise_is_a_function_of_seed_epoch_and_index_alone() -> None:
    assert by_image(batches(8), 3) == by_image(batches(13), 3)
    assert by_image(batches(8), 3) != by_image(batches(8), 4)
    assert by_image(batches(8), 3) != by_image(batches(8, seed=1), 3)


def test_noise_that_is_drawn_once_stays() -> None:
    assert by_image(batches(fresh=False), 0) == by_image(batches(fresh=False), 5)


def test_the_order_changes_every_epoch() -> None:
    first, second = (np.concatenate([clean for _, clean in batches().epoch(epoch)]) for epoch in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("side", "grid", "shape"), [(64, 2, (12, 10)), (64, 4, (12, 12)), (8, 4, (8, 8)), (64, 16, (16, 16))]
)
def test_patches_have_one_size_on_the_grid(side: int, grid: int, shape: tuple[int, int]) -> None:
    given = batches(side=side, grid=grid)
    assert given.patches.shape == shape
    assert all(clean.shape[1:3] == shape for _, clean in given.epoch(0))
    assert len(given.patches) == (200 if side == 8 else 50)


def test_prefetching_changes_nothing_and_hands_errors_over() -> None:
    direct = [noisy for noisy, _ in batches().epoch(0)]
    ahead = [noisy for noisy, _ in prefetch(lambda: batches().epoch(0))]
    assert all(np.array_equal(a, b) for a, b in zip(direct, ahead, strict=True))

    def broken():  # type: ignore[no-untyped-def]
        yield 1
        raise OSError("gone")

    taken = []
    with pytest.raises(OSError, match="gone"):
        taken.extend(prefetch(broken))
    endless = prefetch(lambda: iter(int, 1))
    assert next(endless) == 0
    endless.close()  # type: ignore[attr-defined]  # and the thread ends, or this would hang


def test_one_cycle_rises_then_falls() -> None:
    rate = schedule("one-cycle", 0.01, 100)
    rates = [rate(step) for step in range(100)]
    top = int(np.argmax(rates))
    assert max(rates) == pytest.approx(0.01)
    assert 20 <= top <= 30
    assert rates[0] == pytest.approx(0.001)
    assert rates[-1] < 1e-4
    assert schedule("constant", 0.01, 100)(77) == 0.01


def test_augmented_samples_are_the_images_mirrored_and_turned() -> None:
    squares = np.random.default_rng(1).integers(0, 255, (6, 8, 8), dtype=np.uint8)
    images = ArrayImages(squares)
    ways = {
        np.ascontiguousarray(turned[::-1] if mirrored else turned).tobytes(): index
        for index in range(6)
        for quarter in range(4)
        for mirrored in (False, True)
        for turned in (np.rot90(images[index], quarter),)
    }
    patches = Patches(images, 64, 4, 0, Stream.TRAIN, augment=True)
    order = np.arange(6)
    seen = {(index, patches.batch(epoch, order)[0][index].tobytes()) for epoch in range(60) for index in range(6)}
    assert {(ways[data], data) for _, data in seen} == seen
    assert len(seen) == 48
    assert np.array_equal(patches.batch(7, order)[0], patches.batch(7, order)[0])
    # Rectangles keep their shape.
    assert Patches(ArrayImages(IMAGES), 64, 2, 0, Stream.TRAIN, augment=True).batch(0, order)[0].shape == (6, 12, 10, 1)


class Kept(ArrayImages):
    """Images of which each, once read, takes so many bytes of memory."""

    def kept(self, index: int) -> int:
        return 100


@pytest.mark.parametrize(("images", "room"), [(10, 250), (40, 2000), (7, 90)])
def test_patches_of_images_that_do_not_fit_come_together(
    images: int, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = np.zeros((images, 80, 80), np.uint8)
    given = Patches(Kept(array), 16, 2, 5, Stream.TRAIN)
    plain = generator(5, Stream.ORDER, 3).permutation(len(given))
    assert np.array_equal(given.order(generator(5, Stream.ORDER, 3)), plain)  # as before: they fit
    monkeypatch.setattr("pellucid.training.batches.CACHE_BYTES", room)
    order = given.order(generator(5, Stream.ORDER, 3))
    assert np.array_equal(np.sort(order), np.arange(25 * images))
    assert np.array_equal(order, given.order(generator(5, Stream.ORDER, 3)))
    assert not np.array_equal(order, given.order(generator(5, Stream.ORDER, 4)))
    # A cache that gives up what was used longest ago decodes each image once in a turn.
    cache, decoded = [], 0
    for image in order // 25:
        if image in cache:
            cache.remove(image)
        else:
            decoded += 1
        cache = [*cache, image][-max(room // 100, 1) :]
    assert decoded <= images * (1 if room // 100 >= 16 else 8)
    batches = Batches(given, parse("gaussian:0.2"), 8, 5, Stream.TRAIN, fresh=True, shuffle=True)
    assert np.array_equal(batches._ordered(3), order)
