"""Is the content still right? What a classifier recognises on clean, noisy and denoised images."""

from pellucid.datasets import Split
from pellucid.evaluation.recognition.builtin import built_in
from pellucid.evaluation.recognition.classifier import Classifier, read_classifier
from pellucid.evaluation.recognition.judging import Recogniser, Recognition, recognise
from pellucid.evaluation.recognition.verdict import table, verdict

__all__ = [
    "Classifier",
    "Recogniser",
    "Recognition",
    "built_in",
    "choose",
    "read_classifier",
    "recognise",
    "table",
    "verdict",
]


def choose(path: str, split: Split, seed: int = 0) -> Classifier:
    """Return the classifier in a file, or, for an empty path, the built-in one for a data set."""
    return read_classifier(path) if path else built_in(split, seed)
