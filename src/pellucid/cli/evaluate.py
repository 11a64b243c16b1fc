"""The command `evaluate`: compare a model with the classical filters on test images."""

from __future__ import annotations

import argparse

from pellucid.cli.options import add_model, add_noise, add_pairs, add_values, load_data, open_denoiser
from pellucid.cli.output import say, show_table
from pellucid.common import PellucidError

ABOUT = "compare a model with the classical filters on test images"


def add(command: argparse.ArgumentParser) -> None:
    """Declare the options."""
    command.add_argument("data", nargs="?", help="data set: name or path; its test part is used")
    add_pairs(command)
    add_values(command)
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
    from pellucid.datasets import cleanliness, noise_like
    from pellucid.evaluation import (
        Judged,
        compare,
        recognition,
        table,
        verdict,
        write_csv,
        write_html,
        write_scores,
    )
    from pellucid.inference import Denoiser
    from pellucid.noise import PAIRED

    name, denoiser = open_denoiser(options)
    trained_for = [str(PAIRED)] if options.noisy else [denoiser.card.noise] if isinstance(denoiser, Denoiser) else []
    noises = [noise_like(noise, say) for noise in options.noise or trained_for]
    if not noises:
        raise PellucidError(f"{name} was trained for no noise; say which to add.", argument="noise")
    split = load_data(options, denoiser=denoiser, labels=options.recognise is not None)
    judged = []
    say(split.about)
    classifier = None
    if options.recognise is not None:
        classifier = recognition.choose(options.recognise, split, options.seed)
        say(f"recognised by {classifier.about}")
    for noise in noises:
        settings = {"seed": options.seed, "limit": options.limit, "bm3d": options.bm3d}
        recogniser = recognition.Recogniser(classifier, split.test) if classifier else None
        scores = compare(denoiser, name, split, noise, **settings, watch=recogniser)
        recognised = recogniser.result() if recogniser else None
        clean = cleanliness(split.test, noise, seed=options.seed)
        judged.append(Judged(noise, scores, recognised, clean))
        say(f"noise {noise}")
        show_table(table(scores))
        say(f"{verdict(scores, images=split.tested, clean=clean)}\n")
        if recognised:
            show_table(recognition.table(recognised))
            say(f"{recognition.verdict(recognised)}\n")
    if options.json:
        write_scores(options.json, judged, split)
    if options.csv:
        write_csv(options.csv, judged)
    if options.html:
        write_html(options.html, name, denoiser, split, judged, seed=options.seed)
    return 0
