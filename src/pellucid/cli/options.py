"""Options that several commands share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pellucid.cli.output import say
from pellucid.common import PellucidError

if TYPE_CHECKING:
    from pellucid.datasets import Split
    from pellucid.images import Told
    from pellucid.inference import Denoise


def add_clean(command: argparse.ArgumentParser) -> None:
    """Declare the clean images."""
    command.add_argument("--clean", metavar="DATA", help="the same as DATA, for reading well beside --noisy")


def add_pairs(command: argparse.ArgumentParser) -> None:
    """Declare pairs of clean and noisy images."""
    add_clean(command)
    command.add_argument("--noisy", default="", metavar="NOISY", help="noisy images, named as the clean ones in DATA")
    command.add_argument("--match", default="", metavar="REGEX", help="of pairs: see `pellucid train --help`")
    command.add_argument("--group", default="", metavar="REGEX", help="of pairs: see `pellucid train --help`")


def add_noise(command: argparse.ArgumentParser, said: str, *, several: bool = False) -> None:
    """Declare the noise."""
    from pellucid.noise import KINDS

    kinds = ", ".join(KINDS)
    text = (
        f"KIND:STRENGTH, a range as gaussian:0.1-0.6, like:NOISY_IMAGES, '+' chains; kinds: {kinds} (default: {said})"
    )
    if several:
        command.add_argument("--noise", action="append", help=f"{text}; may be given several times")
    else:
        command.add_argument("--noise", help=text)


def add_model(command: argparse.ArgumentParser) -> None:
    """Declare the model file, and how it is run."""
    command.add_argument(
        "-m",
        "--model",
        default="runs/latest",
        help="run folder, .onnx file, or a classical filter as 'median 3x3' (default runs/latest)",
    )
    command.add_argument(
        "--ensemble",
        action="store_true",
        help="average over the image mirrored and turned in eight ways: better on photographs, eight times as long",
    )


def open_denoiser(options: argparse.Namespace, limits: tuple[float, float] | None = None) -> tuple[str, Denoise]:
    """Return the name and the denoiser that `-m` stands for: a model file, or a classical filter by its name."""
    from pellucid.evaluation import classical
    from pellucid.inference import Denoiser

    chosen, engine = classical.named(options.model), getattr(options, "engine", "auto")
    if chosen is None:
        denoiser = Denoiser(options.model, engine=engine, value_range=limits, ensemble=options.ensemble)
        return denoiser.name, denoiser
    of_models = {"ensemble": options.ensemble, "engine": engine != "auto"}
    given = " ".join(name for name, value in of_models.items() if value)
    if given:
        raise PellucidError(
            f"{chosen} is a classical filter, not a model. Leave out what only models have.", argument=given
        )
    return str(chosen), chosen


def add_recursive(command: argparse.ArgumentParser) -> None:
    """Declare whether folders are searched to their depth."""
    command.add_argument("-r", "--recursive", action="store_true", help="folders below the given ones, too")


def add_values(command: argparse.ArgumentParser) -> None:
    """Declare how the values and the axes of images are read."""
    command.add_argument(
        "--range",
        metavar="LOW-HIGH",
        help="what is black and white, as 0-4095 or -1024-3071 (default: as in training, else found in the images)",
    )
    command.add_argument(
        "--axes", metavar="LETTERS", help="of arrays: Y, X, S for RGB, other letters for images, as in TZCYX"
    )


def value_range(options: argparse.Namespace) -> tuple[float, float] | None:
    """Return what `--range` says; None if it is not given."""
    from pellucid.images import parse_range

    return parse_range(options.range) if options.range else None


def told(options: argparse.Namespace, denoiser: object) -> Told:
    """Return which values are black and white: as given, or as in the training of a model."""
    from pellucid.inference import Denoiser

    return value_range(options) or (denoiser.card.ranges if isinstance(denoiser, Denoiser) else None)


def data_of(options: argparse.Namespace) -> str | None:
    """Return the data set, whichever way it was given."""
    if options.data and options.clean:
        raise PellucidError(f"two data sets were given: {options.data} and --clean {options.clean}. Leave out one.")
    given: str | None = options.data or options.clean
    return given


def load_data(options: argparse.Namespace, *, denoiser: object = None, labels: bool = False) -> Split:
    """Load the data set, in the values of a model's training if there is one, and say what is doubtful in it."""
    from pellucid.datasets import doubt, load

    data = data_of(options)
    if data is None:
        raise PellucidError("expected a data set: its name or path, or both --noisy and --clean.")
    split = load(
        data,
        noisy=options.noisy,
        match=options.match,
        group=options.group,
        seed=options.seed,
        labels=labels,
        value_range=told(options, denoiser),
        axes=options.axes,
    )
    for line in doubt(split):
        say(line)
    return split
