"""The command `repeat`: train a finished run again, and see whether the result is the same."""

from __future__ import annotations

import argparse

from pellucid.cli.output import say

ABOUT = "train a finished run again, and see whether the result is the same"


def add(command: argparse.ArgumentParser) -> None:
    """Declare the options."""
    command.add_argument("run", help="the folder of a finished run")
    command.add_argument("--out", metavar="FOLDER", help="the run folder to make (default: beside it, named -again)")


def run(options: argparse.Namespace) -> int:
    """Train a run again and say whether the result is the same."""
    from pellucid.runs import repeat

    again = repeat(options.run, out=options.out, say=say)
    for line in again.differences:
        say(f"differs: {line}")
    say("identical: the weights are the same, bit for bit" if again.identical else "not identical")
    return 0 if again.identical else 1
