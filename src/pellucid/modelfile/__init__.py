"""The model file: one self-describing ONNX graph, written, checked before it runs, and run by an engine."""

from pellucid.modelfile.card import Card
from pellucid.modelfile.engines import Run
from pellucid.modelfile.export import TOLERANCE, classifier_to_onnx, compare, to_onnx
from pellucid.modelfile.file import MODEL_NAME, locate, open_session, read_bytes
from pellucid.modelfile.protobuf import Message
from pellucid.modelfile.summary import summarize

__all__ = [
    "MODEL_NAME",
    "TOLERANCE",
    "Card",
    "Message",
    "Run",
    "classifier_to_onnx",
    "compare",
    "locate",
    "open_session",
    "read_bytes",
    "summarize",
    "to_onnx",
]
