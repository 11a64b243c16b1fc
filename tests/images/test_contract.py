from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pellucid.common.errors import PellucidError
from pellucid.images.contract import Layout, from_unit, layout_of, to_unit
from pellucid.images.geometry import as_channels, turned, turned_back

shapes = st.one_of(
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4)),
)
arrays = st.one_of(
    *(hnp.arrays(dtype, shapes) for dtype in (np.uint8, np.uint16, np.bool_)),
    hnp.arrays(np.float32, shapes, elements=st.floats(0, 1, width=32)),
    hnp.arrays(np.float64, shapes, elements=st.floats(0, 1, width=32)),
)


@given(array=arrays)
def test_an_array_comes_back_as_it_came(array: np.ndarray) -> None:
    array.flags.writeable = False
    unit = to_unit(array)
    assert unit.dtype == np.float32
    assert unit.ndim == 3
    assert unit.shape[2] in (1, 3)
    assert not np.shares_memory(unit, array)
    back = from_unit(unit, array)
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((2, 3, 4, 1)), "shape"),
        (np.zeros((4, 4, 5), np.uint8), "shape"),
        (np.zeros(5, np.uint8), "shape"),
        (np.zeros((0, 5), np.uint8), "empty"),
        (np.full((3, 3), np.nan), "NaN"),
        (np.full((3, 3), np.inf), "infinite"),
        (np.zeros((3, 3), complex), "complex"),
    ],
)
def test_what_is_not_an_image_is_refused(array: np.ndarray, said: str) -> None:
    with pytest.raises(PellucidError, match=said):
        to_unit(array)


@given(array=arrays)
def test_a_layout_is_what_the_array_would_give(array: np.ndarray) -> None:
    layout = layout_of(array.shape, array.dtype)
    assert to_unit(array).shape == layout[:3]
    assert layout.alpha == (array.ndim == 3 and array.shape[2] in (2, 4))
    assert layout_of((5, 7, 4), np.dtype(np.uint8)) == Layout(5, 7, 3, True)


@given(array=hnp.arrays(np.uint16, shapes, elements=st.integers(100, 4000)))
def test_values_within_a_range_come_back(array: np.ndarray) -> None:
    unit = to_unit(array, value_range=(100, 4000))
    assert unit.min() >= -1e-6
    assert unit.max() <= 1 + 1e-6
    assert np.array_equal(from_unit(unit, array, (100, 4000)), array)


@pytest.mark.parametrize(
    ("array", "value_range", "said"),
    [
        (np.zeros((3, 3), np.uint8), (9, 3), "must rise"),
        (np.zeros((3, 3), np.uint8), (0, np.nan), "must rise"),
        (np.zeros((3, 3), np.uint8), (0, np.inf), "must rise"),
    ],
)
def test_a_range_of_values_that_cannot_be_is_refused(
    array: np.ndarray, value_range: tuple[float, float], said: str
) -> None:
    with pytest.raises(PellucidError, match=said):
        to_unit(array, "scan", value_range)


def test_colour_and_gray_turn_into_each_other() -> None:
    gray = np.random.default_rng(0).random((4, 5, 1), dtype=np.float32)
    np.testing.assert_allclose(as_channels(as_channels(gray, 3), 1), gray, atol=1e-7)


def test_there_are_eight_ways_to_turn_and_each_is_undone() -> None:
    image = np.arange(24).reshape(1, 2, 3, 4)
    found = {turned(image, way, (1, 2)).tobytes() for way in range(8)}
    assert len(found) == 8
    for way in range(8):
        assert np.array_equal(turned_back(turned(image, way, (1, 2)), way, (1, 2)), image)
