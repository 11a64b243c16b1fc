from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pellucid.common.errors import PellucidError
from pellucid.images.contract import from_unit, to_unit
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
        (np.full((3, 3), 200.0), r"from 200 to 200; expected the range \[0, 1\]"),
        (np.zeros((3, 3), np.int32), "int32"),
        (np.zeros((3, 3), complex), "complex"),
    ],
)
def test_what_is_not_an_image_is_refused(array: np.ndarray, said: str) -> None:
    with pytest.raises(PellucidError, match=said):
        to_unit(array)


def test_colour_and_gray_turn_into_each_other() -> None:
    gray = np.random.default_rng(0).random((4, 5, 1), dtype=np.float32)
    np.testing.assert_allclose(as_channels(as_channels(gray, 3), 1), gray, atol=1e-7)


def test_there_are_eight_ways_to_turn_and_each_is_undone() -> None:
    image = np.arange(24).reshape(1, 2, 3, 4)
    found = {turned(image, way, (1, 2)).tobytes() for way in range(8)}
    assert len(found) == 8
    for way in range(8):
        assert np.array_equal(turned_back(turned(image, way, (1, 2)), way, (1, 2)), image)
