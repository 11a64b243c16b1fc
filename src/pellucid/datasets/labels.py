"""What each image shows: the class labels of a collection of images, in its order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError

MAX_CLASSES = 100_000
"""Larger numbers are no labels."""


@dataclass(frozen=True)
class Labels:
    """The classes of some images.

    Attributes
    ----------
    values : int64 (count,), the number of each image's class, from 0
    names : of all classes of the data set, by number
    """

    values: NDArray[np.int64]
    names: tuple[str, ...]

    def of(self, images: Sized, name: str) -> Labels:
        """Return these labels after checking that there is one for each image; errors call the images `name`.

        Raises
        ------
        PellucidError
            If there are more labels than images, or fewer.
        """
        if len(self.values) != len(images):
            raise PellucidError(f"{name}: there are {len(images):,} images, but {len(self.values):,} labels.")
        return self

    def subset(self, indices: NDArray[np.intp]) -> Labels:
        """Return the labels of some of the images, in the order of `indices`."""
        return Labels(self.values[indices], self.names)


def numbered(arrays: Mapping[str, NDArray[Any]], names: Sequence[str] = ()) -> dict[str, Labels]:
    """Turn the label arrays of one data set's parts into labels.

    Parameters
    ----------
    arrays : whole numbers from 0, (count,) or (count, 1), by the name that error messages call the part
    names : of the classes; without them, their numbers

    Raises
    ------
    PellucidError
        If an array is not of that kind.
    """
    values = {name: _values(array, name) for name, array in arrays.items()}
    classes = max((int(one.max()) + 1 for one in values.values() if len(one)), default=0)
    known = tuple(names) or tuple(str(number) for number in range(classes))
    return {name: Labels(one, known) for name, one in values.items()}


def _values(array: NDArray[Any], name: str) -> NDArray[np.int64]:
    column = array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)
    if not column or not np.issubdtype(array.dtype, np.integer):
        raise PellucidError(
            f"the labels {name} are {array.dtype} of the shape {array.shape}; expected (count,) whole numbers, the "
            "class of each image."
        )
    values = array.reshape(-1).astype(np.int64)
    if len(values) and not 0 <= int(values.min()) <= int(values.max()) < MAX_CLASSES:
        raise PellucidError(
            f"the labels {name} go from {values.min()} to {values.max()}; classes are numbered from 0, up to "
            f"{MAX_CLASSES:,}."
        )
    return values


def by_folder(files: Mapping[Path, Sequence[Path]]) -> Labels | None:
    """Label files by the folder that they are in: one folder per class, numbered in the order of their names.

    Parameters
    ----------
    files : the image files of each part, by the folder of the part

    Returns
    -------
    The labels of all files, one part after the other; None if a file is in no class's folder, or all are in the same.
    """
    inside = [path.relative_to(folder).parts for folder, paths in files.items() for path in paths]
    names = sorted({parts[0] for parts in inside})
    if len(names) < 2 or min(len(parts) for parts in inside) < 2:
        return None
    numbers = {name: number for number, name in enumerate(names)}
    return Labels(np.array([numbers[parts[0]] for parts in inside], dtype=np.int64), tuple(names))
