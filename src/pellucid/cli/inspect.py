"""The command `inspect`: what noise is in images."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pellucid.cli.output import SOME_FAILED, make_table, one_line, say, show_table
from pellucid.errors import PellucidError


def inspect(options: argparse.Namespace) -> int:
    """Say what noise is in the images that were named; return 0, or 1 if some of several files failed."""
    from pellucid import plots
    from pellucid.bulk import find
    from pellucid.files import write_text
    from pellucid.noise import doubts, draw, inspect
    from pellucid.noise.reading import is_data, read_data, read_files

    if options.limit < 0:
        raise PellucidError(f"--limit expects 0 (all) or more; got {options.limit}.")
    failed: list[str] = []
    if len(options.images) == 1 and is_data(options.images[0]):
        images = read_data(options.images[0], options.limit)
    else:
        paths = [path for name in options.images for path, _ in find(name, options.recursive)]
        images = read_files(paths, options.limit, failed)
    found = inspect(images)
    table = make_table("", "found")
    for row in found.findings:
        table.add_row(*row)
    show_table(table)
    for text in doubts(found):
        say(f"- {text}")
    say(f"\n{found.advice}\n\n    {found.command(options.images[0])}")
    if options.json:
        write_text(Path(options.json), found.to_json(doubts(found)))
    if options.output:
        plots.save(draw(found), options.output)
        say(f"\npicture: {options.output}")
    for reason in failed:
        sys.stderr.write(f"pellucid: {one_line(reason)}\n")
    return SOME_FAILED if failed else 0
