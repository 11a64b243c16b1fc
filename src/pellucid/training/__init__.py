"""Training: the frozen config and its recipes, the noisy batches, the loop."""

from pellucid.training.batches import Batches, Patches
from pellucid.training.checkpoints import Checkpoints, digest, newest, numbered
from pellucid.training.config import RECIPES, Config, recipe
from pellucid.training.losses import choose_loss
from pellucid.training.schedule import schedule
from pellucid.training.state import DivergedError, Epoch
from pellucid.training.unreadable import Unreadable

__all__ = [
    "RECIPES",
    "Batches",
    "Checkpoints",
    "Config",
    "DivergedError",
    "Epoch",
    "Patches",
    "Unreadable",
    "choose_loss",
    "digest",
    "newest",
    "numbered",
    "recipe",
    "schedule",
]
