"""What the commands write on standard output."""

from __future__ import annotations

import sys

from pellucid.common import Table

SOME_FAILED, USER_ERROR, INTERRUPTED = 1, 2, 130
"""Exit codes: some of several files failed; what the user can mend; Ctrl-C."""

_OPTIONS = {"value_range": "range"}
"""Options that are not called as their argument is in Python."""


def option_of(argument: str) -> str:
    """Name the option for an argument of the library, as `--out`."""
    return "--" + _OPTIONS.get(argument, argument).replace("_", "-")


def options_of(arguments: str) -> str:
    """Name the options for the arguments that a message of the library speaks of, as ` (--out)`."""
    return f" ({', '.join(map(option_of, arguments.split()))})" if arguments.strip() else ""


def say(line: str) -> None:
    """Write one line to standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def show_table(table: Table) -> None:
    """Write a table as wide as the terminal, or 140 columns elsewhere; numbers are aligned to the right."""
    from rich import table as rich
    from rich.box import SIMPLE_HEAD
    from rich.console import Console

    shown = rich.Table(box=SIMPLE_HEAD)
    words = len(table.headings) - table.numbers
    for place, heading in enumerate(table.headings):
        shown.add_column(heading, justify="left" if place < words else "right", overflow="fold")
    for row in table.rows:
        shown.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 140).print(shown)
