"""Noise: kinds of it to add to images (`corruptions`), and what noise there is in a user's own images (`inspect`)."""

from pellucid.noise.corruptions import (
    KINDS,
    PAIRED,
    UNKNOWN,
    Batch,
    Chain,
    Corruption,
    Gaussian,
    Masking,
    Paired,
    Poisson,
    Range,
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
    "Corruption",
    "Doubt",
    "Gaussian",
    "Inspection",
    "Masking",
    "Paired",
    "Poisson",
    "Range",
    "SaltPepper",
    "Speckle",
    "candidates",
    "decide",
    "doubts",
    "draw",
    "flat_patches",
    "inspect",
    "parse",
    "repair",
    "true_correlation",
    "unclipped",
    "varies",
]
