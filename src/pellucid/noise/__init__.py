"""What noise is in a user's own images: its kind, its level, and what to train against it."""

from pellucid.noise.doubts import doubts
from pellucid.noise.findings import Inspection
from pellucid.noise.measure import inspect
from pellucid.noise.picture import draw

__all__ = ["Inspection", "doubts", "draw", "inspect"]
