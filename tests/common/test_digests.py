"""Digests tell arrays apart by all that they are."""

from __future__ import annotations

import numpy as np

from pellucid.common import digest


def test_all_that_an_array_is_counts_and_nothing_else() -> None:
    array = np.arange(6, dtype=np.float32)
    same = [digest([("a", array)]), digest([("a", np.arange(12, dtype=np.float32)[::2] / 2)])]
    others = [
        digest([("b", array)]),
        digest([("a", array.reshape(2, 3))]),
        digest([("a", array.view(np.int32))]),
        digest([("a", array + 1)]),
        digest([("a", array)], "text"),
        digest([("a", array[:3]), ("a", array[3:])]),
    ]
    assert len(set(same)) == 1
    assert len({*same, *others}) == 7
