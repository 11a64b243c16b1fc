"""Training: the frozen config and its recipes, the noisy batches, the loop, its state and its checkpoints."""

from pellucid.training.automatic import (
    LENGTH,
    MINUTES,
    automatic,
    check_minutes,
    choose_method,
    fingerprint,
    first_stage,
    step_seconds,
    unclear,
    within,
)
from pellucid.training.batches import Batches, own_noise, training_batches, validation_batches
from pellucid.training.checkpoints import Checkpoints, newest, numbered
from pellucid.training.config import RECIPES, Config, recipe
from pellucid.training.guesses import Guesses
from pellucid.training.levels import Levels, levels_network
from pellucid.training.loop import Learner, fit, prepare, step
from pellucid.training.losses import choose_loss
from pellucid.training.risk import nudged, squared_error
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
    "Guesses",
    "Learner",
    "Levels",
    "automatic",
    "check_minutes",
    "choose_loss",
    "choose_method",
    "fingerprint",
    "first_stage",
    "fit",
    "interruptible",
    "levels_network",
    "newest",
    "nudged",
    "numbered",
    "own_noise",
    "prepare",
    "recipe",
    "schedule",
    "squared_error",
    "step",
    "step_seconds",
    "training_batches",
    "unclear",
    "validation_batches",
    "within",
]
