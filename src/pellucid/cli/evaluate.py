"""The command `evaluate`: compare a model with the classical filters on test images."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pellucid.cli.options import (
    add_model,
    add_noise,
    add_pairs,
    load_data,
)
from pellucid.cli.output import make_table, say, show_table
from pellucid.common import PellucidError

if TYPE_CHECKING:
    from pellucid.evaluation.recognition import Recognition


ABOUT = "compare a model with the classical filters on test images"


def add(command: argparse.ArgumentParser) -> None:
    """Declare the options."""
    command.add_argument("data", nargs="?", help="data set: name or path; its test part is used")
    add_pairs(command)
    add_model(command)
    add_noise(command, "that of the pairs, else what the model was trained for", several=True)
    command.add_argument("--bm3d", action="store_true", help="judge BM3D, too; slow, needs pellucid[bm3d]")
    command.add_argument(
        "--recognise",
        nargs="?",
        const="",
        metavar="CLASSIFIER.onnx",
        help="is the content still right? By this classifier, or one trained on the data set's own labels",
    )
    command.add_argument("--limit", type=int, default=0, metavar="N", help="use only the first N test images")
    command.add_argument("--seed", type=int, default=0, help="of the noise and of a random split (default 0)")
    command.add_argument("--html", metavar="FILE", help="write a report with pictures, one self-contained page")
    command.add_argument("--json", metavar="FILE", help="write the mean scores and times there")
    command.add_argument("--csv", metavar="FILE", help="write the scores of every image there")


def run(options: argparse.Namespace) -> int:
    """Print scores beside the classical filters'."""
    from pellucid.evaluation import (
        HEADINGS,
        Judged,
        compare,
        recognition,
        rows,
        verdict,
        write_csv,
        write_html,
        write_json,
    )
    from pellucid.inference import Denoiser
    from pellucid.noise import PAIRED

    if options.limit < 0:
        raise PellucidError(f"--limit expects 0 (all) or more; got {options.limit}.")
    denoiser = Denoiser(options.model, ensemble=options.ensemble)
    split = load_data(options, labels=options.recognise is not None)
    judged = []
    say(split.about)
    classifier = None
    if options.recognise is not None:
        classifier = recognition.choose(options.recognise, split, options.seed)
        say(f"recognised by {classifier.about}")
    for noise in options.noise or [str(PAIRED) if options.noisy else denoiser.card.noise]:
        settings = {"seed": options.seed, "limit": options.limit, "bm3d": options.bm3d}
        recogniser = recognition.Recogniser(classifier, split.test) if classifier else None
        scores = compare(denoiser, denoiser.name, split, noise, **settings, watch=recogniser)
        judged.append(Judged(noise, scores, recogniser.result() if recogniser else None))
        table = make_table(*HEADINGS, numbers=len(HEADINGS) - 1)
        for row in rows(scores):
            table.add_row(*row)
        say(f"noise {noise}")
        show_table(table)
        say(verdict(scores) + "\n")
        if judged[-1].recognised:
            _recognised(judged[-1].recognised)
    if options.json:
        write_json(options.json, judged, split)
    if options.csv:
        write_csv(options.csv, judged)
    if options.html:
        write_html(options.html, denoiser, split, judged, seed=options.seed)
    return 0


def _recognised(found: Recognition) -> None:
    """Print what a classifier recognised."""
    from pellucid.evaluation.recognition import headings, rows, verdict

    columns = headings(found)
    table = make_table(*columns, numbers=len(columns) - 1)
    for row in rows(found):
        table.add_row(*row)
    show_table(table)
    say(verdict(found) + "\n")
