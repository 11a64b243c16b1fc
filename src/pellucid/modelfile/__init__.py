"""The model file: one self-describing ONNX graph, written, checked before it runs, and run by an engine."""

from pellucid.modelfile.card import Card
from pellucid.modelfile.engines import RunBatch, load_onnxruntime
from pellucid.modelfile.export import check_same, classifier_to_onnx
from pellucid.modelfile.file import MODEL_NAME, add_scores, locate, open_session, read_bytes, save
from pellucid.modelfile.protobuf import Message, read_foreign
from pellucid.modelfile.summary import summarize

__all__ = [
    "MODEL_NAME",
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
    "read_foreign",
    "save",
    "summarize",
]
