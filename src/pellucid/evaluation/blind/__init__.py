"""Judging denoisers without clean images: no-reference measures, and what they do and do not say."""

from pellucid.evaluation.blind.judging import Judgement, Marks, judge
from pellucid.evaluation.blind.picture import residuals
from pellucid.evaluation.blind.sample import find_shots, take
from pellucid.evaluation.blind.verdict import table, verdict

__all__ = ["Judgement", "Marks", "find_shots", "judge", "residuals", "table", "take", "verdict"]
