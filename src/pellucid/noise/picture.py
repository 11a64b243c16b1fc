"""A picture of what `inspect` found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.noise.families import deviation
from pellucid.noise.findings import Inspection
from pellucid.noise.level import NONE, UNCLEAR

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(found: Inspection) -> Figure:
    """Return the level of noise against brightness: a dot for each group of flat patches, a line for the kind found."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4))
    axis = figure.subplots()
    level = found.level
    dots = list(zip(*level.flat, strict=True)) or [(), ()]
    axis.plot(*dots, "o", markersize=3, alpha=0.5, label="flat patches")
    if level.strength and level.kind not in (NONE, UNCLEAR):
        strength = level.strength if level.kind in ("gaussian", "speckle") else level.strength**-0.5
        strengths = (strength, level.steady) if level.steady else (strength,)
        axis.plot(*deviation(level.kind, strengths, found.clipped), label=level.kind)
    axis.set(xlabel="mean brightness", ylabel="standard deviation", xlim=(0, 1), ylim=(0, None), title=found.noise)
    axis.grid(alpha=0.3)
    axis.legend()
    figure.tight_layout()
    return figure
