"""The commands, but for `denoise`: each turns options into one call, and its result into lines."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.cli.output import INTERRUPTED, make_table, say, show_table
from pellucid.errors import PellucidError

if TYPE_CHECKING:
    from pellucid.datasets import Split
    from pellucid.recognition import Recognition


def train(options: argparse.Namespace) -> int:
    """Train a denoiser and say what became of it."""
    from pellucid import workflow
    from pellucid.training.config import Config

    names = {item.name for item in dataclasses.fields(Config)} - {"data"}
    changes = {name: value for name, value in vars(options).items() if name in names}
    run = workflow.train(
        _data(options),
        recipe_name=options.recipe,
        out=options.out,
        resume=options.resume,
        checkpoint_every=options.checkpoint_every,
        tensorboard=options.tensorboard,
        say=say,
        **changes,
    )
    say(f"\n{run.verdict}\n\nmodel:   {run.folder / 'model.onnx'}\npicture: {run.picture}")
    return INTERRUPTED if run.interrupted else 0


def repeat(options: argparse.Namespace) -> int:
    """Train a run again and say whether the result is the same."""
    from pellucid.repetition import repeat

    again = repeat(options.run, out=options.out, say=say)
    for line in again.differences:
        say(f"differs: {line}")
    say("identical: the weights are the same, bit for bit" if again.identical else "not identical")
    return 0 if again.identical else 1


def _data(options: argparse.Namespace) -> str | None:
    """Return the data set, whichever way it was given."""
    if options.data and options.clean:
        raise PellucidError(f"two data sets were given: {options.data} and --clean {options.clean}. Leave out one.")
    given: str | None = options.data or options.clean
    return given


def _load(options: argparse.Namespace, *, labels: bool = False) -> Split:
    """Load the data set, and say what is doubtful in it."""
    from pellucid.datasets import load
    from pellucid.datasets.intensity import doubt

    data = _data(options)
    if data is None:
        raise PellucidError("expected a data set: its name or path, or both --noisy and --clean.")
    split = load(data, noisy=options.noisy, group=options.group, seed=options.seed, labels=labels)
    for line in doubt(split):
        say(line)
    return split


def evaluate(options: argparse.Namespace) -> int:
    """Print scores beside the classical filters'."""
    from pellucid import recognition
    from pellucid.corruptions import PAIRED
    from pellucid.denoise import Denoiser
    from pellucid.evaluation import compare
    from pellucid.report import Judged, write_csv, write_html, write_json
    from pellucid.verdict import HEADINGS, rows, verdict

    if options.limit < 0:
        raise PellucidError(f"--limit expects 0 (all) or more; got {options.limit}.")
    denoiser = Denoiser(options.model, ensemble=options.ensemble)
    split = _load(options, labels=options.recognise is not None)
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
    from pellucid.recognition.telling import headings, rows, verdict

    columns = headings(found)
    table = make_table(*columns, numbers=len(columns) - 1)
    for row in rows(found):
        table.add_row(*row)
    show_table(table)
    say(verdict(found) + "\n")


def show(options: argparse.Namespace) -> int:
    """Write the picture of noisy images."""
    from pellucid import plots
    from pellucid.corruptions import PAIRED

    split = _load(options)
    noise = options.noise or (str(PAIRED) if options.noisy else "gaussian:0.5")
    target = Path(options.output or f"{split.name}-{noise.replace(':', '-').replace('/', '_')}.png")
    plots.save(plots.show_noise(split, noise, seed=options.seed), target)
    say(str(target))
    return 0


def summary(options: argparse.Namespace) -> int:
    """List networks, or the layers of one."""
    from pellucid.models import NETWORKS

    if options.model is None:
        table = make_table("network", "what it is")
        for name, network in NETWORKS.items():
            table.add_row(name, network.about)
        show_table(table)
        return 0
    from pellucid.summary import summarize

    summary = summarize(options.model, options.side, options.channels)
    table = make_table("layer", "type", "output", "parameters", numbers=2)
    for name, kind, shape, parameters in summary.layers:
        table.add_row(name, kind, shape, f"{parameters:,}")
    say(summary.title)
    show_table(table)
    say(f"{summary.parameters:,} parameters")
    for note in summary.notes:
        say(note)
    return 0


def data(options: argparse.Namespace) -> int:
    """List the data sets."""
    from pellucid.datasets import NAMED
    from pellucid.datasets.catalogue import presence

    table = make_table("data set", "what it is", "where")
    for name, about in NAMED.items():
        table.add_row(name, about, presence(name))
    show_table(table)
    return 0
