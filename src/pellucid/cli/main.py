"""Running a command: its errors, its output, its exit code."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.cli.options import COMMANDS, make_parser
from pellucid.errors import PellucidError, unknown

if TYPE_CHECKING:
    from rich.table import Table

USER_ERROR = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0, 2 for what the user can mend, 130 for Ctrl-C."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        command = given[0] if given else ""
        if command and not command.startswith("-") and command not in COMMANDS:
            raise unknown("command", command, COMMANDS)
        options = make_parser(version("pellucid"), command).parse_args(given)
        return _RUN[options.command](options)
    except PellucidError as error:
        sys.stderr.write(f"pellucid: {error}\n")
        return USER_ERROR
    except KeyboardInterrupt:
        sys.stderr.write("pellucid: interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `pellucid data | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _show_table(table: Table) -> None:
    from rich.console import Console

    console = Console()
    console.print(table, width=None if console.is_terminal else 140)


def _table(*headings: str, numbers: int = 0) -> Table:
    """Make an empty table whose last `numbers` columns are aligned to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place >= len(headings) - numbers else "left", overflow="fold")
    return table


def _train(options: argparse.Namespace) -> int:
    from pellucid.training.config import Config
    from pellucid.workflow import train

    names = {item.name for item in dataclasses.fields(Config)} - {"data"}
    changes = {name: value for name, value in vars(options).items() if name in names}
    run = train(options.data, recipe_name=options.recipe, out=options.out, say=_say, **changes)
    _say(f"\n{run.verdict}\n\nmodel:   {run.folder / 'model.onnx'}\npicture: {run.picture}")
    return INTERRUPTED if run.interrupted else 0


def _denoise(options: argparse.Namespace) -> int:
    from pellucid.denoise import Denoiser
    from pellucid.images import read_image, write_image

    inputs = [Path(name) for name in options.images]
    targets = [_target(path, options.output, len(inputs) > 1) for path in inputs]
    for path, target in zip(inputs, targets, strict=True):
        if any(target.resolve() == other.resolve() for other in inputs):
            raise PellucidError(f"{target} is an input; inputs are never replaced. Choose another -o.")
        if target.exists() and not options.overwrite:
            raise PellucidError(f"{target} exists already. Add --overwrite to replace it, or choose another -o.")
        if targets.count(target) > 1:
            raise PellucidError(
                f"several images, {path} among them, would be written to {target}. Run them one by one."
            )
    denoiser = Denoiser(options.model)
    for path, target in zip(inputs, targets, strict=True):
        write_image(target, denoiser(read_image(path)))
        _say(str(target))
    return 0


def _target(path: Path, output: str | None, several: bool) -> Path:
    name = f"{path.stem}.denoised{path.suffix}"
    if output is None:
        return path.with_name(name)
    if several or Path(output).is_dir():
        return Path(output) / name
    return Path(output)


def _evaluate(options: argparse.Namespace) -> int:
    from pellucid.datasets import load
    from pellucid.denoise import Denoiser
    from pellucid.evaluation import compare
    from pellucid.runs import write_scores
    from pellucid.verdict import HEADINGS, rows, verdict

    if options.limit < 0:
        raise PellucidError(f"--limit expects 0 (all) or more; got {options.limit}.")
    denoiser = Denoiser(options.model)
    split = load(options.data, seed=options.seed)
    noise = options.noise or denoiser.card.noise
    scores = compare(denoiser, denoiser.card.network, split, noise, seed=options.seed, limit=options.limit)
    table = _table(*HEADINGS, numbers=5)
    for row in rows(scores):
        table.add_row(*row)
    _say(f"{split.about}\nnoise {noise}")
    _show_table(table)
    _say(verdict(scores))
    if options.json:
        write_scores(Path(options.json), scores, noise, split)
    return 0


def _show(options: argparse.Namespace) -> int:
    from pellucid import plots
    from pellucid.datasets import load

    split = load(options.data, seed=options.seed)
    noise = options.noise.replace(":", "-").replace("/", "_")
    target = Path(options.output or f"{split.name}-{noise}.png")
    plots.save(plots.show_noise(split, options.noise, seed=options.seed), target)
    _say(str(target))
    return 0


def _summary(options: argparse.Namespace) -> int:
    from pellucid.models import NETWORKS

    if options.model is None:
        table = _table("network", "what it is")
        for name, network in NETWORKS.items():
            table.add_row(name, network.about)
        _show_table(table)
        return 0
    from pellucid.summary import summarize

    summary = summarize(options.model, options.side, options.channels)
    table = _table("layer", "type", "output", "parameters", numbers=2)
    for name, kind, shape, parameters in summary.layers:
        table.add_row(name, kind, shape, f"{parameters:,}")
    _say(summary.title)
    _show_table(table)
    _say(f"{summary.parameters:,} parameters")
    for note in summary.notes:
        _say(note)
    return 0


def _data(options: argparse.Namespace) -> int:
    from pellucid.datasets import NAMED
    from pellucid.datasets.catalogue import presence

    table = _table("data set", "what it is", "where")
    for name, about in NAMED.items():
        table.add_row(name, about, presence(name))
    _show_table(table)
    return 0


_RUN = {
    "train": _train,
    "denoise": _denoise,
    "evaluate": _evaluate,
    "show": _show,
    "summary": _summary,
    "data": _data,
}
