"""Running a command: its errors, its output, its exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from pellucid.cli.output import INTERRUPTED, USER_ERROR, options_of
from pellucid.common import PellucidError, one_line, unknown

COMMANDS = ("inspect", "train", "denoise", "repeat", "evaluate", "judge", "show", "summary", "data")
"""Each is a module of this room: what it is about, its options, what it does. At their top they import nothing heavy:
`pellucid --help` answers at once."""

EXAMPLES = """\
examples:
  pellucid inspect ./scans                             what noise they have
  pellucid train                                       MNIST, or the embedded digits
  pellucid train ./scans --noise gaussian:0.1-0.3      your own images
  pellucid train --noisy ./stained --clean ./pages     real pairs, the same names in both
  pellucid denoise noisy.png -m runs/latest            writes noisy.denoised.png
  pellucid evaluate mnist -m runs/latest               a table beside the classical filters
"""


def make_parser(version: str, command: str) -> argparse.ArgumentParser:
    """Build the parser; only `command` gets its options, so that no other's are paid for."""
    parser = argparse.ArgumentParser(
        prog="pellucid",
        description="Train a small denoiser on your own images, see whether it helps, use it anywhere.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pellucid {version}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = import_module(f"pellucid.cli.{name}")
        parser_of_command = commands.add_parser(name, help=module.ABOUT, description=module.ABOUT)
        if name == command:
            module.add(parser_of_command)
            parser_of_command.set_defaults(do=module.run)
    return parser


def _negative(given: Sequence[str]) -> list[str]:
    """Join `--range` with a range that begins with a minus sign, which argparse would take for an option."""
    joined: list[str] = []
    for word in given:
        if joined and joined[-1] == "--range" and word.startswith("-"):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0, 2 for what the user can mend, 130 for Ctrl-C."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        command = given[0] if given else ""
        if command and not command.startswith("-") and command not in COMMANDS:
            raise unknown("command", command, COMMANDS)
        options = make_parser(version("pellucid"), command).parse_args(_negative(given))
        code: int = options.do(options)
        return code
    except PellucidError as error:
        sys.stderr.write(f"pellucid: {one_line(error)}{options_of(error.argument)}\n")
        return USER_ERROR
    except KeyboardInterrupt:
        sys.stderr.write("pellucid: interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `pellucid data | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
