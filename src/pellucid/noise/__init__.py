"""Noise: kinds of it to add to images (`corruptions`), and what noise there is in a user's own images (`inspect`)."""

from pellucid.noise.correlation import blur_length, neighbour_correlation
from pellucid.noise.corruptions import (
    KINDS,
    PAIRED,
    UNKNOWN,
    Batch,
    Chain,
    Columns,
    Correlated,
    Corruption,
    Gaussian,
    Jpeg,
    Masking,
    Paired,
    Poisson,
    Range,
    Rows,
    SaltPepper,
    Speckle,
    parse,
    unclipped,
    varies,
)
from pellucid.noise.doubts import Doubt, doubts
from pellucid.noise.findings import Inspection
from pellucid.noise.impulses import candidates, decide, repair
from pellucid.noise.inspecting import inspect
from pellucid.noise.level import UNCLEAR
from pellucid.noise.patches import flat_patches, true_correlation
from pellucid.noise.picture import draw

__all__ = [
    "KINDS",
    "PAIRED",
    "UNCLEAR",
    "UNKNOWN",
    "Batch",
    "Chain",
    "Columns",
    "Correlated",
    "Corruption",
    "Doubt",
    "Gaussian",
    "Inspection",
    "Jpeg",
    "Masking",
    "Paired",
    "Poisson",
    "Range",
    "Rows",
    "SaltPepper",
    "Speckle",
    "blur_length",
    "candidates",
    "decide",
    "doubts",
    "draw",
    "flat_patches",
    "inspect",
    "neighbour_correlation",
    "parse",
    "repair",
    "true_correlation",
    "unclipped",
    "varies",
]
