"""The model file: one self-describing ONNX graph, written, checked before it runs, and run by an engine."""

from pellucid.modelfile.card import Card
from pellucid.modelfile.engines import Run
from pellucid.modelfile.export import TOLERANCE, check_same, classifier_to_onnx, to_onnx
from pellucid.modelfile.file import MODEL_NAME, add_scores, locate, open_session, read_bytes, save
from pellucid.modelfile.protobuf import Message
from pellucid.modelfile.summary import summarize

__all__ = [
    "MODEL_NAME",
    "TOLERANCE",
    "Card",
    "Message",
    "Run",
    "add_scores",
    "check_same",
    "classifier_to_onnx",
    "locate",
    "open_session",
    "read_bytes",
    "save",
    "summarize",
    "to_onnx",
]
