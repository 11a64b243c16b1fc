"""Chance as a pure function: every draw is named by (seed, stream, epoch, index) and depends on nothing else.

So a run can be repeated and resumed exactly, whatever the batch size, the order, or the number of threads.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from pellucid.common.errors import PellucidError

if TYPE_CHECKING:
    import numpy as np


class Stream(IntEnum):
    """What a draw is for; draws of different streams are independent."""

    SPLIT = 1
    ORDER = 2
    TRAIN = 3
    VALIDATION = 4
    TEST = 5
    CROP = 6
    METHOD = 7


def generator(seed: int, stream: Stream, epoch: int = 0, index: int = 0) -> np.random.Generator:
    """Return the generator (counter-based Philox) for one draw; `seed`, `epoch`, `index` within 0..2**63-1."""
    import numpy as np  # not at the top: `pellucid --help` needs none

    if not 0 <= seed < 2**63:
        raise PellucidError(f"a seed is a whole number from 0 to 2**63-1; got {seed}.")
    key = np.array([seed, stream], dtype=np.uint64)
    # The low counter words advance while drawing; epoch and index sit above them, out of reach.
    counter = np.array([0, 0, epoch, index], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
