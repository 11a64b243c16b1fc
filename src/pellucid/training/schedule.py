"""Learning rates over a run, as pure functions of the step."""

from __future__ import annotations

import math
from collections.abc import Callable

WARM_UP = 0.25
"""The share of the run in which the one-cycle schedule rises."""


def schedule(name: str, peak: float, steps: int) -> Callable[[int], float]:
    """Return the learning rate as a function of the step, 0 to steps - 1.

    `one-cycle` rises linearly from a tenth of `peak`, then falls as a half cosine to a thousandth (after Smith,
    "Super-convergence", 2018).
    """
    if name == "constant":
        return lambda step: peak

    def one_cycle(step: int) -> float:
        at = step / steps
        if at < WARM_UP:
            return peak * (0.1 + 0.9 * at / WARM_UP)
        return peak * max(0.5 * (1 + math.cos(math.pi * (at - WARM_UP) / (1 - WARM_UP))), 1e-3)

    return one_cycle
