"""The evaluation as files for other programs: mean scores as JSON, every image's as CSV."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.common import write_json, write_text
from pellucid.datasets import Cleanliness, Split
from pellucid.evaluation.recognition import Recognition
from pellucid.evaluation.scores import MEASURES, Scored, mean_scores


@dataclass(frozen=True)
class Judged:
    """The scores at one noise: of the noisy images, of the model, and of the classical filters.

    `recognised` is what a classifier saw on them, where that was asked for; `clean`, what the clean images are
    worth.
    """

    noise: str
    scores: Sequence[Scored]
    recognised: Recognition | None = None
    clean: Cleanliness | None = None


def write_scores(path: str | os.PathLike[str], judged: Sequence[Judged], split: Split) -> None:
    """Write a JSON list with the mean scores and the times at every noise, whole or not at all."""
    results = []
    for one in judged:
        result = mean_scores(one.scores, one.noise, split)
        for row, scored in zip(result["scores"], one.scores, strict=True):
            row["seconds_per_megapixel"] = scored.seconds
        if one.recognised:
            result["recognition"] = one.recognised.plain()
        results.append(result)
    write_json(path, results)


def write_csv(path: str | os.PathLike[str], judged: Sequence[Judged]) -> None:
    """Write CSV, one row per noise, denoiser and test image, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("noise", "denoiser", "image", *MEASURES))
    for one in judged:
        for scored in one.scores:
            values = zip(*(getattr(scored, name) for name in MEASURES), strict=True)
            writer.writerows((one.noise, scored.name, index, *row) for index, row in enumerate(values))
    write_text(path, text.getvalue())
