"""Training: the frozen config and its recipes, the noisy batches, the loop, its state and its checkpoints."""

from pellucid.training.automatic import LENGTH, MINUTES, automatic, check_minutes, fingerprint, step_seconds, within
from pellucid.training.batches import Batches, training_batches, validation_batches
from pellucid.training.checkpoints import Checkpoints, newest, numbered
from pellucid.training.config import RECIPES, Config, recipe
from pellucid.training.loop import Learner, fit, prepare, step
from pellucid.training.losses import choose_loss
from pellucid.training.schedule import schedule
from pellucid.training.signals import interruptible
from pellucid.training.state import DivergedError, Epoch

__all__ = [
    "LENGTH",
    "MINUTES",
    "RECIPES",
    "Batches",
    "Checkpoints",
    "Config",
    "DivergedError",
    "Epoch",
    "Learner",
    "automatic",
    "check_minutes",
    "choose_loss",
    "fingerprint",
    "fit",
    "interruptible",
    "newest",
    "numbered",
    "prepare",
    "recipe",
    "schedule",
    "step",
    "step_seconds",
    "training_batches",
    "validation_batches",
    "within",
]
