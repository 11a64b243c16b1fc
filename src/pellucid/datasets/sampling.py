"""A fair choice of a user's images: from files, stacks, and data sets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.datasets.catalogue import NAMED, load
from pellucid.datasets.sources import evenly
from pellucid.images import read_array, read_picture, to_unit

_DATA = (".npz", ".idx", ".gz")


def is_data(name: str) -> bool:
    """Say whether a name stands for a data set, not for image files."""
    return name in NAMED or name.lower().endswith(_DATA)


def read_data(name: str, limit: int) -> Iterator[NDArray[Any]]:
    """Yield at most `limit` images of a data set's training part, evenly chosen; float32 HWC."""
    images = load(name).training_part
    for index in evenly(len(images), limit):
        yield images[int(index)]


def read_files(paths: Sequence[Path], limit: int, failed: list[str]) -> Iterator[NDArray[Any]]:
    """Yield at most `limit` images, evenly chosen among files, and among the pages and stacks within them.

    What cannot be read is left out, and why is added to `failed`.

    Raises
    ------
    PellucidError
        If none can be read: the first reason.
    """
    chosen = [paths[int(index)] for index in evenly(len(paths), limit)]
    share = max(1, limit // len(chosen)) if limit else 0
    for path in chosen:
        try:
            images = _images(path)
            for index in evenly(len(images), share):
                to_unit(images[int(index)], str(path))
                yield images[int(index)]
        except PellucidError as error:
            failed.append(str(error))
    if len(failed) == len(chosen):
        raise PellucidError(failed[0])


def _images(path: Path) -> Sequence[NDArray[Any]] | NDArray[Any]:
    if path.suffix.lower() == ".npy":
        array = read_array(path)
        # A stack of gray images has three axes, as a colour image has.
        if array.ndim == 4 or (array.ndim == 3 and array.shape[2] > 4):
            return array
    return read_picture(path).pages
