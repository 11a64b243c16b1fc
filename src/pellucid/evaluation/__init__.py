"""Does it help? Denoisers and classical filters on the same images: scores, intervals, verdicts, pictures, pages."""

from pellucid.evaluation.compare import compare, evaluate, tune_classical
from pellucid.evaluation.files import Judged, write_csv, write_scores
from pellucid.evaluation.html import write_html
from pellucid.evaluation.intervals import paired
from pellucid.evaluation.scores import Scored, best_by_psnr, mean_scores
from pellucid.evaluation.verdict import Verdict, table, verdict

__all__ = [
    "Judged",
    "Scored",
    "Verdict",
    "best_by_psnr",
    "compare",
    "evaluate",
    "mean_scores",
    "paired",
    "table",
    "tune_classical",
    "verdict",
    "write_csv",
    "write_html",
    "write_scores",
]
