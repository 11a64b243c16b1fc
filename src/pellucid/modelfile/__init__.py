"""The model file: one self-describing ONNX graph, written, checked before it runs, and run by an engine."""

from pellucid.modelfile.card import Card
from pellucid.modelfile.engines import RunBatch, load_onnxruntime
from pellucid.modelfile.export import TOLERANCE, check_same, classifier_to_onnx, to_onnx
from pellucid.modelfile.file import MODEL_NAME, add_scores, locate, open_session, read_bytes, save
from pellucid.modelfile.protobuf import Message
from pellucid.modelfile.summary import summarize

__all__ = [
    "MODEL_NAME",
    "TOLERANCE",
    "Card",
    "Message",
    "RunBatch",
    "add_scores",
    "check_same",
    "classifier_to_onnx",
    "load_onnxruntime",
    "locate",
    "open_session",
    "read_bytes",
    "save",
    "summarize",
    "to_onnx",
]
