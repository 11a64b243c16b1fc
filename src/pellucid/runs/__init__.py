"""One run from start to verdict, and the folder in which it stays."""

from pellucid.runs.repeat import repeat
from pellucid.runs.train import Run, train

__all__ = ["Run", "repeat", "train"]
