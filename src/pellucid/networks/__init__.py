"""The networks, by name, and what their graphs say: steps, work, receptive field."""

from pellucid.networks.graph import UNFOLD, Step, multiply_adds, receptive_field, steps, upsampled, uses
from pellucid.networks.keras import predict, require_keras
from pellucid.networks.registry import NETWORKS, build, find

__all__ = [
    "NETWORKS",
    "UNFOLD",
    "Step",
    "build",
    "find",
    "multiply_adds",
    "predict",
    "receptive_field",
    "require_keras",
    "steps",
    "upsampled",
    "uses",
]
