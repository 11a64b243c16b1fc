"""The command `train`: train a denoiser and judge it."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from typing import Any

from pellucid.cli.options import add_clean, data_of
from pellucid.cli.output import INTERRUPTED, option_of, say

ABOUT = "train a denoiser and judge it"


def add(command: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from pellucid.training import RECIPES, Config

    command.add_argument("data", nargs="?", help="data set name, folder, .npz, .npy or IDX; none: MNIST, or strokes")
    add_clean(command)
    command.add_argument("--recipe", help=f"{', '.join(RECIPES)}, or a run's config.json (default: automatic)")
    command.add_argument("--out", metavar="FOLDER", help="the run folder to make (default: a new one in runs)")
    command.add_argument("--resume", metavar="RUN", help="continue the unfinished run in this folder")
    command.add_argument("--minutes", type=float, metavar="M", help="train for so long (default: as the recipe says)")
    command.add_argument(
        "--checkpoint-every", type=float, default=60.0, metavar="SECONDS", help="within an epoch (default 60)"
    )
    command.add_argument("--tensorboard", action="store_true", help="write the history for TensorBoard, too")
    settings = command.add_argument_group(
        "settings", "each overrides the recipe; shown are those of the default recipe"
    )
    for item in dataclasses.fields(Config):
        if item.name != "data":
            _setting(settings, item)
    command.add_argument("--model", default=argparse.SUPPRESS, help=argparse.SUPPRESS)  # refused with what to write now


def _setting(group: Any, item: dataclasses.Field[Any]) -> None:
    """Declare one field of `Config` as an option; left out, it is absent from the result."""
    name = option_of(item.name)
    text = f"{item.metadata['help']} ({'none' if item.default == '' else item.default})"
    options: dict[str, Any] = {"default": argparse.SUPPRESS, "help": text.replace("%", "%%"), "dest": item.name}
    if isinstance(item.default, bool):
        group.add_argument(name, action=argparse.BooleanOptionalAction, **options)
    else:
        group.add_argument(name, type=type(item.default), metavar=type(item.default).__name__.upper(), **options)


def run(options: argparse.Namespace) -> int:
    """Train a denoiser and say what became of it."""
    from pellucid.runs import train as run_training
    from pellucid.training import Config

    names = {item.name for item in dataclasses.fields(Config)} - {"data"} | {"model"}
    changes = {name: value for name, value in vars(options).items() if name in names}
    done = run_training(
        data_of(options),
        recipe_name=options.recipe,
        out=options.out,
        resume=options.resume,
        minutes=options.minutes,
        checkpoint_every=options.checkpoint_every,
        tensorboard=options.tensorboard,
        say=say,
        **changes,
    )
    say(f"\n{done.verdict}\n\nmodel:   {done.folder / 'model.onnx'}\npicture: {done.picture}")
    if done.interrupted:
        say(f"continue with: pellucid train --resume {shlex.quote(str(done.folder))}")
        return INTERRUPTED
    return 0
