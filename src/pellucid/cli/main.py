"""Running a command: its errors, its output, its exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from pellucid.cli.options import COMMANDS, make_parser
from pellucid.cli.output import INTERRUPTED, USER_ERROR, one_line
from pellucid.errors import PellucidError, unknown


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0, 2 for what the user can mend, 130 for Ctrl-C."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        command = given[0] if given else ""
        if command and not command.startswith("-") and command not in COMMANDS:
            raise unknown("command", command, COMMANDS)
        options = make_parser(version("pellucid"), command).parse_args(given)
        return _run(options)
    except PellucidError as error:
        sys.stderr.write(f"pellucid: {one_line(error)}\n")
        return USER_ERROR
    except KeyboardInterrupt:
        sys.stderr.write("pellucid: interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `pellucid data | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(options: argparse.Namespace) -> int:
    """Call the command; only its own module is imported."""
    if options.command == "denoise":
        from pellucid.cli.denoise import denoise

        return denoise(options)
    if options.command == "inspect":
        from pellucid.cli.inspect import inspect

        return inspect(options)
    if options.command == "judge":
        from pellucid.cli.judge import judge

        return judge(options)
    from pellucid.cli import commands

    code: int = getattr(commands, options.command)(options)
    return code
