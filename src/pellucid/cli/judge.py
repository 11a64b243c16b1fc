"""The command `judge`: a model on noisy images, without clean ones."""

from __future__ import annotations

import argparse
import json

from pellucid.cli.denoise import value_range
from pellucid.cli.output import make_table, say, show_table


def judge(options: argparse.Namespace) -> int:
    """Print the marks beside the classical filters', and the verdict."""
    from pellucid import plots
    from pellucid.denoise import Denoiser
    from pellucid.files import write_text
    from pellucid.noreference import judge as judge_images
    from pellucid.noreference.plots import residuals
    from pellucid.noreference.sample import Files, find, take
    from pellucid.noreference.verdict import headings, rows, verdict

    denoiser = Denoiser(options.model, ensemble=options.ensemble)
    limits = value_range(options.range)
    images, *second = (
        Files(paths, limits) for paths in find(options.images, options.second, recursive=options.recursive)
    )
    judgement = judge_images({denoiser.name: denoiser}, images, *second)
    columns = headings(judgement)
    table = make_table(*columns, numbers=len(columns) - 1)
    for row in rows(judgement):
        table.add_row(*row)
    say(judgement.about)
    show_table(table)
    say(verdict(judgement))
    if options.json:
        write_text(options.json, json.dumps(judgement.plain(), indent=2) + "\n")
    if options.output:
        plots.save(residuals(denoiser, take(images).judged), options.output)
        say(options.output)
    return 0
