"""The command `show`: draw images of a data set with noise, before any training."""

from __future__ import annotations

import argparse
from pathlib import Path

from pellucid.cli.options import add_noise, add_pairs, add_values, load_data
from pellucid.cli.output import say

ABOUT = "draw images of a data set with noise, before any training"


def add(command: argparse.ArgumentParser) -> None:
    """Declare the options."""
    command.add_argument("data", nargs="?", help="data set: name or path")
    add_pairs(command)
    add_values(command)
    add_noise(command, "that of the pairs, else gaussian:0.5")
    command.add_argument("--seed", type=int, default=0, help="of the noise (default 0)")
    command.add_argument("-o", "--output", metavar="FILE", help="picture to write (default: named for data and noise)")


def run(options: argparse.Namespace) -> int:
    """Write the picture of noisy images."""
    from pellucid.datasets import noise_like
    from pellucid.evaluation import pictures
    from pellucid.images import save_figure
    from pellucid.noise import PAIRED

    split = load_data(options)
    noise = noise_like(options.noise or (str(PAIRED) if options.noisy else "gaussian:0.5"), say)
    target = Path(options.output or f"{split.name}-{noise.replace(':', '-').replace('/', '_')}.png")
    save_figure(pictures.show_noise(split, noise, seed=options.seed), target)
    say(str(target))
    return 0
