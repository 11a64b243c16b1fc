"""The command `judge`: a model on noisy images, without clean ones."""

from __future__ import annotations

import argparse
from functools import partial

from pellucid.cli.options import add_model, add_recursive, add_values, open_denoiser, told
from pellucid.cli.output import say, show_table

ABOUT = "judge a model on noisy images alone, or on two shots of a scene"


def add(command: argparse.ArgumentParser) -> None:
    """Declare the options."""
    command.add_argument("images", nargs="+", metavar="NOISY", help="noisy image files, folders, patterns")
    add_model(command)
    command.add_argument(
        "--noise",
        help="their noise as `inspect` says it, if it is zero on average: errors are then by Stein's estimate",
    )
    command.add_argument("--second", metavar="SHOT", help="second shot of an image, or folder of them, same names")
    add_recursive(command)
    add_values(command)
    command.add_argument("--json", metavar="FILE", help="write all marks there")
    command.add_argument("-o", "--output", metavar="PICTURE", help="draw noisy, denoised, residual, autocorrelation")


def run(options: argparse.Namespace) -> int:
    """Print the marks beside the classical filters', and the verdict."""
    from pellucid.common import write_json
    from pellucid.datasets import SOME, FileImages
    from pellucid.evaluation.blind import find_shots, residuals, table, take, verdict
    from pellucid.evaluation.blind import judge as judge_images
    from pellucid.images import save_figure
    from pellucid.noise import parse, unclipped

    name, denoiser = open_denoiser(options)
    paths, *others = find_shots(options.images, options.second, recursive=options.recursive)
    read = partial(FileImages, axes=options.axes, checked=SOME)
    images = read(paths, value_range=told(options, denoiser))
    second = [read(shots, value_range=images.ranges) for shots in others]
    noise = unclipped(parse(options.noise)) if options.noise else None
    judgement = judge_images({name: denoiser}, images, *second, noise=noise)
    for line in images.notes:
        say(line)
    say(judgement.about)
    show_table(table(judgement))
    say(str(verdict(judgement)))
    if options.json:
        write_json(options.json, judgement.plain())
    if options.output:
        save_figure(residuals(denoiser, take(images).judged), options.output)
        say(options.output)
    return 0
