"""Does it help? Denoisers and classical filters on the same images: scores, intervals, verdicts, pictures, reports."""

from pellucid.evaluation.compare import compare, evaluate, tune_classical
from pellucid.evaluation.report import Judged, write_csv, write_html, write_json
from pellucid.evaluation.scores import Scored, plain
from pellucid.evaluation.verdict import HEADINGS, rows, verdict

__all__ = [
    "HEADINGS",
    "Judged",
    "Scored",
    "compare",
    "evaluate",
    "plain",
    "rows",
    "tune_classical",
    "verdict",
    "write_csv",
    "write_html",
    "write_json",
]
