"""The command `inspect`: what noise is in images."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from pellucid.cli.options import add_recursive, add_values, value_range
from pellucid.cli.output import SOME_FAILED, options_of, say, show_table
from pellucid.common import PellucidError, Table, one_line

if TYPE_CHECKING:
    from pellucid.noise import Inspection

ABOUT = "estimate what noise is in your images, and what to train against it"


def add(command: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from pellucid.datasets import SOME

    command.add_argument(
        "images",
        nargs="+",
        metavar="IMAGES",
        help="image files, folders, patterns, .npy, .zarr; or one data set, as mnist",
    )
    add_recursive(command)
    add_values(command)
    command.add_argument(
        "--limit", type=int, default=SOME, metavar="N", help=f"look at N images, evenly chosen (default {SOME}; 0: all)"
    )
    command.add_argument(
        "-o", "--output", metavar="PICTURE", help="draw the noise there: by brightness, and made noise beside it"
    )
    command.add_argument("--json", metavar="FILE", help="write the findings there, too")


def run(options: argparse.Namespace) -> int:
    """Say what noise is in the images that were named; return 0, or 1 if some of several files failed."""
    from pellucid.common import write_json
    from pellucid.datasets import read_some
    from pellucid.images import save_figure
    from pellucid.noise import doubts, draw, inspect

    if options.limit < 0:
        raise PellucidError(
            f"the number of images to look at must be 0 (all) or more; got {options.limit}.", argument="limit"
        )
    failed: list[str] = []
    read = partial(read_some, options.images, options.limit, recursive=options.recursive, axes=options.axes)
    found = inspect(read(failed), value_range(options))
    show_table(Table(("", "found"), tuple(found.findings)))
    doubtful = doubts(found)
    for doubt in doubtful:
        say(f"- {doubt.text}{options_of(doubt.argument)}")
    commands = training_commands(found, options.images)
    for advice, command in zip(found.advice, commands.values(), strict=True):
        say(f"\n{advice}\n\n    {command}")
    if options.json:
        warnings = [doubt.text for doubt in doubtful]
        whole = {**found.plain(), **commands, "warnings": warnings}
        write_json(options.json, whole)
    if options.output:
        shown = next(iter(read([])))
        save_figure(draw(found, shown), options.output)
        say(f"\npicture: {options.output}")
    for reason in failed:
        sys.stderr.write(f"pellucid: {one_line(reason)}\n")
    return SOME_FAILED if failed else 0


def training_commands(found: Inspection, images: Sequence[str]) -> dict[str, str]:
    """Return the lines that train for what was found, by their names in JSON; `images` are as they were named."""
    if found.clean:
        return {"command": f"pellucid train {shlex.quote(images[0])} --noise {found.noise}"}
    with_clean = {"command": f"pellucid train CLEAN_IMAGES --noise {found.noise}"}
    if not found.measured:
        return with_clean
    noisy = shlex.quote(images[0]) if len(images) == 1 else "IMAGES"
    return {"noisy_command": f"pellucid train --noisy {noisy}", **with_clean}
