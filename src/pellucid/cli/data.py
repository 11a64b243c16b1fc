"""The command `data`: list the data sets: what, and whether they are here."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pellucid.cli.output import make_table, show_table

if TYPE_CHECKING:
    pass


ABOUT = "list the data sets: what, and whether they are here"


def add(command: argparse.ArgumentParser) -> None:
    """Nothing to choose."""


def run(options: argparse.Namespace) -> int:
    """List the data sets."""
    from pellucid.datasets import NAMED, presence

    table = make_table("data set", "what it is", "where")
    for name, about in NAMED.items():
        table.add_row(name, about, presence(name))
    show_table(table)
    return 0
