"""The networks, one file each: `build("classic")` returns a plain functional `keras.Model`.

A network's arguments can be part of its name: `hourglass:code=8`, `swift:widths=48/96,depth=3`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from typing import Any

from pellucid.common import PellucidError, unknown
from pellucid.networks.keras import require_keras

Argument = int | tuple[int, ...]
"""The value of a network's argument: a number, or one per resolution."""


@dataclass(frozen=True)
class Network:
    """What is known about a network before it is built.

    Attributes
    ----------
    about : one line for a person
    multiple_of : heights and widths must be multiples of this many pixels; `Denoiser` pads and crops to it
    denoises : False for a network whose result is not an image
    bounded : False if results may leave [0, 1]; such a network is trained with mse
    """

    about: str
    multiple_of: int
    denoises: bool = True
    bounded: bool = True


NETWORKS = {
    "classic": Network("the Keras tutorial's autoencoder: encoder, 7x7x32 bottleneck, decoder", 4),
    "hourglass": Network("a true bottleneck: all passes through `code` numbers per 4x4 pixels, 4 by default", 4),
    "swift": Network("the default: a U-Net that works at half resolution, quick to train on a CPU", 4),
    "residual": Network(
        "for photographs: a deeper U-Net that subtracts the noise it finds, several times the work", 4, bounded=False
    ),
    "classifier": Network(
        "the tutorial's classifier of Fashion-MNIST: two convolutions, ten classes", 2, denoises=False
    ),
}
"""Every network by name; the module of the same name builds it."""


def parse(text: str) -> tuple[str, dict[str, Argument]]:
    """Read `NAME` or `NAME:argument=value,...` into the name and the network's arguments.

    Raises
    ------
    PellucidError
        If there is no such network, or a value is not a whole number from 1 to 4096, or several as in 48/96.
    """
    name, _, rest = text.partition(":")
    if name not in NETWORKS:
        raise unknown("network", name, NETWORKS)
    arguments: dict[str, Argument] = {}
    for part in rest.split(",") if rest else ():
        key, _, value = part.partition("=")
        numbers = tuple(int(number) for number in value.split("/") if number.isdecimal() and 0 < int(number) <= 4096)
        if not key or len(numbers) != value.count("/") + 1:
            raise PellucidError(
                f"network arguments are written as in hourglass:code=8 or swift:widths=48/96,depth=3, with whole "
                f"numbers from 1 to 4096; got {text!r}."
            )
        arguments[key] = numbers if "/" in value else numbers[0]
    return name, arguments


def find(text: str) -> Network:
    """Return what is known about a network, by its name with or without arguments.

    Raises
    ------
    PellucidError
        As `parse`.
    """
    name, arguments = parse(text)
    widths = arguments.get("widths")
    if not isinstance(widths, tuple):
        return NETWORKS[name]
    return dataclasses.replace(NETWORKS[name], multiple_of=2 ** len(widths))  # each width halves the resolution


def build(text: str, channels: int = 1, **arguments: Argument) -> Any:
    """Build a network with fresh weights.

    Parameters
    ----------
    text : one of `NETWORKS`, with or without arguments, as `hourglass:code=8`
    channels : 1 for gray, 3 for colour
    arguments : further arguments of the network

    Returns
    -------
    keras.Model; a denoiser maps NHWC float32 in [0, 1] to the same shape, heights and widths free but multiples of
    `multiple_of`.

    Raises
    ------
    PellucidError
        If the network is not known or has no such argument, or Keras or its backend is not installed.
    """
    name, own = parse(text)
    require_keras()
    builder = import_module(f"pellucid.networks.{name}").build
    defaults = {item.name: item.default for item in signature(builder).parameters.values() if item.name != "channels"}
    given = {**own, **arguments}
    for key, value in given.items():
        if key not in defaults:
            raise unknown(f"argument of {name}", key, defaults)
        several = isinstance(defaults[key], tuple)
        if several != isinstance(value, tuple):
            expected = "several numbers, as 32/64" if several else "one number"
            raise PellucidError(f"{key} of {name} expects {expected}; got {value}.")
    return builder(channels, **given)
