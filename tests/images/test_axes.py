"""Arrays of any shape are planes, and planes are put together again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pellucid.common import PellucidError
from pellucid.images.axes import check_axes, from_planes, guess_axes, planes


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((9, 7), "YX"),
        ((1, 1), "YX"),
        ((9, 7, 3), "YXS"),
        ((9, 7, 1), "YXC"),
        ((9, 7, 2), "YXC"),
        ((9, 7, 4), "YXC"),
        ((9, 7, 5), "YXC"),
        ((9, 7, 6), "QYX"),
        ((3, 9, 7), "QYX"),
        ((20, 9, 7), "QYX"),
        ((2, 9, 7, 3), "QYXS"),
        ((20, 9, 7, 2), "QYXC"),
        ((3, 3, 3), "QYX"),
        ((4, 9, 3), "YXS"),
        ((5, 4, 3, 9, 7), "QQQYX"),
    ],
)
def test_the_rule(shape: tuple[int, ...], axes: str) -> None:
    assert guess_axes(shape) == axes


@pytest.mark.parametrize("shape", [(), (5,), (0, 5), (3, 0, 5), (0, 4, 4)])
def test_what_is_no_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(PellucidError, match=r"a\.npy (has the shape|is empty)"):
        guess_axes(shape, "a.npy")


@pytest.mark.parametrize(
    ("axes", "shape", "said"),
    [
        ("ZYX", (9, 7), r"a\.npy has the shape \(9, 7\); expected 3 axes, ZYX"),
        ("yx", (9, 7), "capital letters"),
        ("", (9, 7), "capital letters"),
        ("Y1", (9, 7), "capital letters"),
        ("ZZYX", (2, 2, 9, 7), "different"),
        ("ZC", (9, 7), "name no image"),
        ("YXS", (9, 7, 5), "S has the length 5"),
        ("YX", (9, 0), "empty"),
    ],
)
def test_axes_that_do_not_fit(axes: str, shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(PellucidError, match=said):
        check_axes(axes, shape, "a.npy")


def test_planes_are_views_in_order() -> None:
    array = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    found = planes(array, "TYXC")
    assert len(found) == 10
    assert all(np.shares_memory(plane, array) for plane in found)
    assert np.array_equal(found[6], array[1, :, :, 1])
    (rgb,) = planes(array[0], "SYX")
    assert np.array_equal(rgb, np.moveaxis(array[0], 0, 2))


letters = st.permutations("YX" + "STZCQ").flatmap(
    lambda word: st.integers(0, 5).map(lambda left_out: [letter for letter in word if letter not in "STZCQ"[:left_out]])
)


@given(axes=letters.map("".join), data=st.data())
def test_any_array_comes_back(axes: str, data: st.DataObject) -> None:
    shape = tuple(data.draw(st.integers(1, 4)) for _ in axes)
    array = data.draw(hnp.arrays(data.draw(st.sampled_from(["?", "u1", ">i2", "<u8", "f2", "c8"])), shape))
    check_axes(axes, shape)
    found = planes(array, axes)
    assert {plane.ndim for plane in found} == {3 if "S" in axes else 2}
    back = from_planes(found, axes, shape)
    assert back.dtype == array.dtype
    assert back.tobytes() == array.tobytes()


@given(shape=hnp.array_shapes(min_dims=2, max_dims=6, max_side=6))
def test_guessed_axes_fit(shape: tuple[int, ...]) -> None:
    axes = guess_axes(shape)
    check_axes(axes, shape)
    array = np.arange(np.prod(shape)).reshape(shape)
    assert np.array_equal(from_planes(planes(array, axes), axes, shape), array)


@pytest.mark.parametrize("shape", [(1, 500, 3), (500, 1, 3), (2, 1000, 3)])
def test_a_narrow_image_in_colour_is_one(shape: tuple[int, ...]) -> None:
    assert guess_axes(shape) == "YXS"
