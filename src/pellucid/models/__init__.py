"""The networks, one file each: `build("classic")` returns a plain functional `keras.Model`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pellucid.errors import PellucidError, unknown


@dataclass(frozen=True)
class Network:
    """What is known of a network before it is built.

    Attributes
    ----------
    about : one line for a person
    multiple_of : heights and widths must be multiples of this many pixels; `Denoiser` pads and crops to it
    denoises : False for a network whose result is not an image
    """

    about: str
    multiple_of: int
    denoises: bool = True


NETWORKS = {
    "classic": Network("the Keras tutorial's autoencoder: encoder, 7x7x32 bottleneck, decoder", 4),
    "swift": Network("the default: a U-Net that works at half resolution, quick to train on a CPU", 4),
    "classifier": Network(
        "the tutorial's classifier of Fashion-MNIST: two convolutions, ten classes", 2, denoises=False
    ),
}
"""Every network by name; the module of the same name builds it."""


def find(name: str) -> Network:
    """Return what is known of a network.

    Raises
    ------
    PellucidError
        If the name is not known.
    """
    if name not in NETWORKS:
        raise unknown("network", name, NETWORKS)
    return NETWORKS[name]


def build(name: str, channels: int = 1, **arguments: Any) -> Any:
    """Build a network with fresh weights.

    Parameters
    ----------
    name : one of `NETWORKS`
    channels : 1 for gray, 3 for colour
    arguments : the network's own, such as widths

    Returns
    -------
    keras.Model; a denoiser maps NHWC float32 in [0, 1] to the same shape, heights and widths free but multiples of
    `multiple_of`.

    Raises
    ------
    PellucidError
        If the name is not known, or Keras or its backend is not installed.
    """
    find(name)
    require_keras()
    return import_module(f"pellucid.models.{name}").build(channels, **arguments)


def require_keras() -> Any:
    """Import Keras, quietly, and return it.

    Raises
    ------
    PellucidError
        If it or its backend is not installed.
    """
    try:
        with _quiet():
            return import_module("keras")
    except ModuleNotFoundError as error:
        raise PellucidError(
            f"training needs Keras and a backend ({error.name} is missing). Install it: "
            'pip install "pellucid[tensorflow]".'
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what C++ code writes on standard error while it loads, and give it out only if loading fails.

    TensorFlow speaks of its build there before any setting of its own can stop it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "keras" in sys.modules:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
