"""The command `inspect`: what noise is in images."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING

from pellucid.cli.options import add_recursive
from pellucid.cli.output import SOME_FAILED, options_of, say, show_table
from pellucid.common import PellucidError, Table, one_line

if TYPE_CHECKING:
    from pellucid.noise import Inspection

ABOUT = "estimate what noise is in your images, and what to train against it"


def add(command: argparse.ArgumentParser) -> None:
    """Declare the options."""
    command.add_argument(
        "images", nargs="+", metavar="IMAGES", help="image files, folders, patterns, .npy; or one data set, as mnist"
    )
    add_recursive(command)
    command.add_argument(
        "--limit", type=int, default=40, metavar="N", help="look at N images, evenly chosen (default 40; 0: all)"
    )
    command.add_argument("-o", "--output", metavar="PICTURE", help="draw the noise against brightness there")
    command.add_argument("--json", metavar="FILE", help="write the findings there, too")


def run(options: argparse.Namespace) -> int:
    """Say what noise is in the images that were named; return 0, or 1 if some of several files failed."""
    from pellucid.common import write_json
    from pellucid.datasets import is_data, read_data, read_files
    from pellucid.images import find_images, save_figure
    from pellucid.noise import doubts, draw, inspect

    if options.limit < 0:
        raise PellucidError(
            f"the number of images to look at must be 0 (all) or more; got {options.limit}.", argument="limit"
        )
    failed: list[str] = []
    if len(options.images) == 1 and is_data(options.images[0]):
        images = read_data(options.images[0], options.limit)
    else:
        paths = [path for name in options.images for path in find_images(name, recursive=options.recursive)]
        images = read_files(paths, options.limit, failed)
    found = inspect(images)
    show_table(Table(("", "found"), tuple(found.findings)))
    doubtful = doubts(found)
    for doubt in doubtful:
        say(f"- {doubt.text}{options_of(doubt.argument)}")
    say(f"\n{found.advice}\n\n    {training_command(found, options.images[0])}")
    if options.json:
        warnings = [doubt.text for doubt in doubtful]
        whole = {**found.plain(), "command": training_command(found), "warnings": warnings}
        write_json(options.json, whole)
    if options.output:
        save_figure(draw(found), options.output)
        say(f"\npicture: {options.output}")
    for reason in failed:
        sys.stderr.write(f"pellucid: {one_line(reason)}\n")
    return SOME_FAILED if failed else 0


def training_command(found: Inspection, images: str = "IMAGES") -> str:
    """Return the line that trains against the noise that was found; `images` are the inspected ones, as named."""
    recipe = " --recipe photos" if found.large else ""
    data = shlex.quote(images) if found.clean else "CLEAN_IMAGES"
    return f"pellucid train {data}{recipe} --noise {found.noise}"
