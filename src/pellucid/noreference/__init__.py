"""Judging denoisers without clean images: no-reference measures, and what they do and do not say."""

from pellucid.noreference.judging import Judgement, Marks, judge

__all__ = ["Judgement", "Marks", "judge"]
