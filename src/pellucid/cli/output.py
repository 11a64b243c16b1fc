"""What the commands write on standard output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

SOME_FAILED, USER_ERROR, INTERRUPTED = 1, 2, 130
"""Exit codes: some of several files failed; what the user can mend; Ctrl-C."""

_OPTIONS = {"value_range": "range"}
"""Options that are not called as their argument is in Python."""

if TYPE_CHECKING:
    from rich.table import Table


def one_line(text: object) -> str:
    """Return a text with what would break the line or steer the terminal written as escapes: file names may hold it."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in str(text))


def options_of(arguments: str) -> str:
    """Name the options for the arguments that a message of the library speaks of, as ` (--out)`."""
    names = [_OPTIONS.get(name, name).replace("_", "-") for name in arguments.split()]
    return f" ({', '.join(f'--{name}' for name in names)})" if names else ""


def say(line: str) -> None:
    """Write one line to standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def show_table(table: Table) -> None:
    """Write a table as wide as the terminal, or 140 columns elsewhere."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 140).print(table)


def make_table(*headings: str, numbers: int = 0) -> Table:
    """Make an empty table whose last `numbers` columns are aligned to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place >= len(headings) - numbers else "left", overflow="fold")
    return table
