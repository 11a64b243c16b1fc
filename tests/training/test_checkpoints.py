"""Checkpoint files: what was written is read back, whatever is damaged is refused, and few are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pellucid.common.errors import PellucidError
from pellucid.training.checkpoints import Checkpoints, newest, numbered, read
from pellucid.training.state import Epoch, State

KINDS = st.sampled_from([np.float32, np.int64, np.int32, np.uint8]).flatmap(
    lambda kind: arrays(kind, array_shapes(min_dims=0, min_side=0, max_dims=4, max_side=5))
)
LOSS = st.floats(0, 1e6)


@settings(max_examples=40, deadline=None)
@given(given_arrays=st.dictionaries(st.from_regex(r"[a-z]+/\d{4}", fullmatch=True), KINDS, max_size=5), loss=LOSS)
def test_state_and_arrays_come_back_exactly(
    given_arrays: dict[str, np.ndarray], loss: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("kept")
    state = State(epoch=1, history=[Epoch(1, loss, loss / 3, 0.1, 7.0, 1.5, 0.5)], best=0, setbacks=2)
    state.add(loss / 7, 3)
    Checkpoints(folder, {"seed": 3}, 0).save(state, given_arrays, good=True)
    (path,) = numbered(folder).values()
    about, found, found_arrays = read(path)
    assert (about, found) == ({"seed": 3}, state)
    assert found.good == 1
    assert found_arrays.keys() == given_arrays.keys()
    for name, array in given_arrays.items():
        assert (found_arrays[name].dtype, found_arrays[name].shape) == (array.dtype, array.shape)
        assert found_arrays[name].tobytes() == array.tobytes()


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_any_damage_is_noticed(place: float, bit: int, cut: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    checkpoints = Checkpoints(folder, {}, 0)
    checkpoints.save(State(), {"weights/0000": np.arange(50, dtype=np.float32)})
    checkpoints.save(State(step=1), {"weights/0000": np.ones(50, dtype=np.float32)})
    path = numbered(folder)[2]
    content = bytearray(path.read_bytes())
    where = int(place * len(content))
    content[where] ^= 1 << bit
    path.write_bytes(content[:where] if cut else content)
    try:
        _, state, found = read(path)
    except PellucidError:
        _, number, wrong = newest(folder)
        assert (number, len(wrong)) == (1, 1)
    else:  # a blank in the header may change into another
        assert not cut
        assert state.step == 1
        assert np.array_equal(found["weights/0000"], np.ones(50, dtype=np.float32))


def test_few_are_kept_and_the_good_one_is_among_them(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "c", {}, 0)
    state = State()
    checkpoints.save(state, {}, good=True)
    for _ in range(7):
        state.add(1.0, 1)
        checkpoints.save(state, {})
        assert len(numbered(tmp_path / "c")) <= 3
    assert sorted(numbered(tmp_path / "c")) == [1, 7, 8]
    assert checkpoints.load(1)[0].step == 0
    with pytest.raises(PellucidError, match="checkpoint 3 is not in"):
        checkpoints.load(3)
    checkpoints.clear()
    assert not (tmp_path / "c").exists()
