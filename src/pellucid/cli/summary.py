"""The command `summary`: list the layers of a network or of a model file."""

from __future__ import annotations

import argparse

from pellucid.cli.output import say, show_table
from pellucid.common import Table

ABOUT = "list the layers of a network or of a model file"


def add(command: argparse.ArgumentParser) -> None:
    """Declare the options."""
    command.add_argument("model", nargs="?", help="network name, model file or run folder; none: list the networks")
    command.add_argument("--side", type=int, default=28, help="image side in pixels for the shapes (default 28)")
    command.add_argument("--channels", type=int, default=1, choices=(1, 3), help="1 gray, 3 colour (default 1)")


def run(options: argparse.Namespace) -> int:
    """List networks, or the layers of one."""
    from pellucid.networks import NETWORKS

    if options.model is None:
        show_table(Table(("network", "what it is"), tuple((name, known.about) for name, known in NETWORKS.items())))
        return 0
    from pellucid.modelfile import summarize

    summary = summarize(options.model, options.side, options.channels)
    rows = tuple((name, kind, shape, f"{parameters:,}") for name, kind, shape, parameters in summary.layers)
    say(summary.title)
    show_table(Table(("layer", "type", "output", "parameters"), rows, numbers=2))
    say(f"{summary.parameters:,} parameters")
    for note in summary.notes:
        say(note)
    return 0
