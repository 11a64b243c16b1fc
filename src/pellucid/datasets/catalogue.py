"""From a name or a path to a `Split`."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.idx import read_idx
from pellucid.datasets.official import OFFICIAL, read_official, where
from pellucid.datasets.pairs import load_pairs
from pellucid.datasets.sources import ArrayImages, FileImages, find_images
from pellucid.datasets.split import PARTS, Split, assemble, split, split_official
from pellucid.datasets.strokes import draw_digits
from pellucid.errors import PellucidError, unknown
from pellucid.formats import read_array

NAMED = {
    "mnist": "handwritten digits, 28x28 gray, 60,000 to train and 10,000 to test",
    "fashion-mnist": "articles of clothing, 28x28 gray, 60,000 to train and 10,000 to test",
    "strokes": "digits drawn by pellucid itself, 28x28 gray, 60,000 to train and 10,000 to test; needs no download",
}
"""The data sets that have a name."""

VALIDATION = 1 / 12
"""The share of the training part that is held out to choose by; 5,000 images of MNIST."""


def load(
    source: str | os.PathLike[str],
    *,
    noisy: str | os.PathLike[str] = "",
    group: str = "",
    validation: float = VALIDATION,
    seed: int = 0,
) -> Split:
    """Load a data set.

    Parameters
    ----------
    source : `mnist`, `fashion-mnist` or `strokes`; or a path
        A folder of images of any sizes (in folders `train`, `test` and, if wished, `validation`; else split at
        random by file), a `.npy` array (NHW or NHWC), a `.npz` with `x_train` and `x_test` (or `train` and `test`, or
        one array), or an IDX file.
    noisy : noisy images of the same content, by the same names: `source` holds the clean ones (see `pairs.load_pairs`)
    group : of pairs, a regular expression: files in whose names it finds the same are never parted
    validation : the share of the training part to hold out for every choice
    seed : of the random split

    Returns
    -------
    Split; where the data has no test part of its own, a tenth of it is set aside.

    Raises
    ------
    PellucidError
        If the name is not known, or the data cannot be had, read, or split.
    """
    if noisy:
        return load_pairs(source, noisy, group=group, validation=validation, seed=seed)
    if group:
        raise PellucidError("a group says which pairs show one scene. Give noisy images too, or leave out the group.")
    name = os.fspath(source)
    if name in OFFICIAL:
        train, test, place = read_official(OFFICIAL[name])
        return split_official(name, ArrayImages(train), ArrayImages(test), str(place), validation, seed)
    if name == "strokes":
        # The seed chooses the split only: the digits themselves are one fixed data set, as MNIST is.
        digits, _ = draw_digits(70_000)
        rest, test = digits[:60_000], digits[60_000:]
        return split_official(name, ArrayImages(rest), ArrayImages(test), "drawn by pellucid", validation, seed)
    path = Path(source).expanduser()
    if not path.exists():
        if os.sep in name or path.suffix:
            raise PellucidError(f"{name} does not exist; expected a folder of images, or a .npz, .npy or IDX file.")
        raise unknown("data set", name, NAMED)
    if path.is_dir():
        return _load_folder(path, validation, seed)
    if path.suffix == ".npz":
        return _load_npz(path, validation, seed)
    array = read_array(path) if path.suffix == ".npy" else read_idx(path)
    return split(path.stem, ArrayImages(array, str(path)), str(path), validation, seed)


def presence(name: str) -> str:
    """Say where a named data set is on this machine, or that it is not."""
    if name not in OFFICIAL:
        return "embedded"
    place = where(OFFICIAL[name])
    return f"in {place}" if place else f"not here; will be downloaded to {OFFICIAL[name].folder}"


def _load_folder(folder: Path, validation: float, seed: int) -> Split:
    parts = {part: folder / name for part, names in PARTS.items() for name in names if (folder / name).is_dir()}
    if "train" not in parts or "test" not in parts:
        return split(folder.resolve().name, FileImages(find_images(folder)), str(folder), validation, seed)
    # One collection, so that all parts agree on the number of channels.
    files = {part: find_images(place) for part, place in parts.items()}
    together = FileImages([path for paths in files.values() for path in paths])
    places = np.split(np.arange(len(together)), np.cumsum([len(paths) for paths in files.values()])[:-1])
    images = {part: together.subset(place) for part, place in zip(files, places, strict=True)}
    name = folder.resolve().name
    if "validation" not in images:
        return split_official(name, images["train"], images["test"], str(folder), validation, seed)
    whole = together.subset(np.concatenate([places[list(files).index(part)] for part in ("train", "validation")]))
    return assemble(name, images["train"], images["validation"], images["test"], whole, str(folder))


def _load_npz(path: Path, validation: float, seed: int) -> Split:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays: dict[str, NDArray[Any]] = {
                name: archive[name] for name in archive.files if not name.startswith("y_")
            }
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise PellucidError(f"{path} is not an .npz file that pellucid reads: {error}.") from error
    images = {name.removeprefix("x_"): ArrayImages(array, f"{path}:{name}") for name, array in arrays.items()}
    if {"train", "test"} <= set(images):
        return split_official(path.stem, images["train"], images["test"], str(path), validation, seed)
    if len(images) == 1:
        return split(path.stem, next(iter(images.values())), str(path), validation, seed)
    raise PellucidError(
        f"{path} holds the arrays {', '.join(arrays) or '(none)'}; expected x_train and x_test, or a single array "
        "of images."
    )
