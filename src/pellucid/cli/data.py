"""The command `data`: list the data sets: what, and whether they are here."""

from __future__ import annotations

import argparse

from pellucid.cli.output import show_table
from pellucid.common import Table

ABOUT = "list the data sets: what, and whether they are here"


def add(command: argparse.ArgumentParser) -> None:
    """Nothing to choose."""


def run(options: argparse.Namespace) -> int:
    """List the data sets."""
    from pellucid.datasets import NAMED, presence

    rows = tuple((name, about, presence(name)) for name, about in NAMED.items())
    show_table(Table(("data set", "what it is", "where"), rows))
    return 0
