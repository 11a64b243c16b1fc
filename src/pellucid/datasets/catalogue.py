"""From a name or a path to a `Split`."""

from __future__ import annotations

import dataclasses
import os
import zipfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, unknown
from pellucid.datasets.idx import read_idx
from pellucid.datasets.labels import Labels, by_folder, numbered
from pellucid.datasets.official import OFFICIAL, Official, read_labels, read_official, where
from pellucid.datasets.pairs import load_pairs
from pellucid.datasets.sources import ArrayImages, FileImages, as_images, common_range
from pellucid.datasets.split import PARTS, Split, assemble, split, split_official
from pellucid.datasets.strokes import draw_digits
from pellucid.images import SUFFIXES, Told, find_images, is_zarr, other_files, range_notes, read_array

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
    match: str = "",
    group: str = "",
    validation: float = VALIDATION,
    seed: int = 0,
    labels: bool = False,
    gaps: bool = True,
    value_range: Told = None,
    axes: str | None = None,
) -> Split:
    """Load a data set.

    Parameters
    ----------
    source : `mnist`, `fashion-mnist` or `strokes`; or a path
        A folder of images of any sizes (in folders `train`, `test` and, if wished, `validation`; else split at
        random by file, up to four by place), whose planes are images of their own; an image file or a
        folder of zarr, a `.npy` array (NHW or NHWC, unless `axes` says otherwise), a `.npz` with `x_train` and `x_test`
        (or `train` and `test`, or one array), or an IDX file.
    noisy : noisy images of the same content, by the same names: `source` holds the clean ones (see `pairs.load_pairs`)
    match : of pairs, a regular expression: files in whose names it finds the same belong together
    group : of pairs, a regular expression: files in whose names it finds the same are never parted
    validation : the share of the training part to hold out for every choice
    seed : of the random split
    labels : read the images' classes, too, where the data has them: of a named set; in a `.npz`, `y_train` and `y_test`
        (`y_NAME` for the array `x_NAME` or `NAME`); in a folder, one folder per class in each part's; beside an IDX
        file `...images-idx3...`, that of `...labels-idx1...`. All parts of the result have them then, as `.labels`.
    value_range : the values that are black and white; None finds them (see `images.find_range`), and the notes of the
        result say which
    axes : of arrays: Y and X, S for the samples of RGB, any other letter for images, as in TZCYX; None guesses (see
        `images.axes.guess_axes`)
    gaps : leave gaps between the parts of images that are split by place; noisy images that are learned from alone need
        none

    Returns
    -------
    Split; where the data has no test part of its own, a tenth of it is set aside.

    Raises
    ------
    PellucidError
        If the name is not known, or the data cannot be had, read, or split.
    """
    if noisy:
        return load_pairs(
            source,
            noisy,
            match=match,
            group=group,
            validation=validation,
            seed=seed,
            value_range=value_range,
            axes=axes,
        )
    if match:
        raise PellucidError("to match names takes pairs. Give noisy images too, or leave out the expression.")
    if group:
        raise PellucidError("a group says which pairs show one scene. Give noisy images too, or leave out the group.")
    name = os.fspath(source)
    if name in OFFICIAL:
        return _load_official(OFFICIAL[name], validation, seed, labels)
    if name == "strokes":
        # The seed chooses the split only: the digits themselves are one fixed data set, as MNIST is.
        digits, drawn = _strokes()
        everything = ArrayImages(digits, labels=numbered({name: drawn})[name] if labels else None)
        parts = [everything.subset(part) for part in np.split(np.arange(len(digits)), [60_000])]
        return split_official(name, parts[0], parts[1], "drawn by pellucid", validation, seed)
    path = Path(source).expanduser()
    if not path.exists():
        if os.sep in name or path.suffix:
            raise PellucidError(f"{name} does not exist; expected a folder of images, or a .npz, .npy or IDX file.")
        raise unknown("data set", name, NAMED)
    read = partial(FileImages, value_range=value_range, axes=axes)
    if path.is_dir() and not is_zarr(path):
        return _load_folder(path, validation, seed, labels, gaps, read)
    if path.suffix.lower() in SUFFIXES or is_zarr(path):
        files = read([path])
        parted = split(path.stem, files, str(path), validation, seed, gaps=gaps)
        return dataclasses.replace(parted, notes=files.notes)
    if path.suffix.lower() == ".npz":
        return _load_npz(path, validation, seed, labels, gaps, value_range, axes)
    array = as_images(read_array(path) if path.suffix.lower() == ".npy" else read_idx(path), axes, str(path))
    beside = path.with_name(path.name.replace("images-idx3", "labels-idx1"))
    known = {}
    if labels and beside != path and beside.is_file():
        known = numbered({str(beside): read_idx(beside)})
    images = ArrayImages(array, str(path), labels=known.get(str(beside)), value_range=value_range)
    parted = split(path.stem, images, str(path), validation, seed, gaps=gaps)
    return dataclasses.replace(parted, notes=range_notes(images.ranges, value_range))


@cache
def _strokes() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw the data set `strokes` and its labels once in a process: it takes some seconds."""
    digits, drawn = draw_digits(70_000)
    digits.flags.writeable = False
    return digits, drawn


def presence(name: str) -> str:
    """Say where a named data set is on this machine, or that it is not."""
    if name not in OFFICIAL:
        return "embedded"
    place = where(OFFICIAL[name])
    return f"in {place}" if place else f"not here; will be downloaded to {OFFICIAL[name].folder}"


def _load_official(official: Official, validation: float, seed: int, labels: bool) -> Split:
    train, test, place = read_official(official)
    known: dict[str, Labels] = {}
    if labels:
        learn, judge = read_labels(official, place)
        known = numbered({"train": learn, "test": judge}, official.classes)
    rest = ArrayImages(train, official.name, labels=known.get("train"))
    last = ArrayImages(test, official.name, labels=known.get("test"))
    return split_official(official.name, rest, last, str(place), validation, seed)


def _load_folder(
    folder: Path, validation: float, seed: int, labels: bool, gaps: bool, read: Callable[..., FileImages]
) -> Split:
    parted, files = _folder_parts(folder, validation, seed, labels, gaps, read)
    return dataclasses.replace(parted, notes=(*files.notes, *_passed_over(folder)))


def _folder_parts(
    folder: Path, validation: float, seed: int, labels: bool, gaps: bool, read: Callable[..., FileImages]
) -> tuple[Split, FileImages]:
    """Return the parts of a folder, and all its images."""
    parts = {part: folder / name for part, names in PARTS.items() for name in names if (folder / name).is_dir()}
    name = folder.resolve().name
    if "train" not in parts or "test" not in parts:
        found = list(find_images(folder, recursive=True, follow=True))
        whole = read(found, by_folder({folder: found}) if labels else None)
        return split(name, whole, str(folder), validation, seed, gaps=gaps), whole
    # One collection, so that all parts agree on the number of channels.
    files = {part: list(find_images(place, recursive=True, follow=True)) for part, place in parts.items()}
    known = by_folder({parts[part]: paths for part, paths in files.items()}) if labels else None
    together = read([path for paths in files.values() for path in paths], known)
    ends = np.cumsum([len(paths) for paths in files.values()])
    places = np.split(np.arange(len(together)), np.searchsorted(together.places, ends[:-1]))
    images = {part: together.subset(place) for part, place in zip(files, places, strict=True)}
    for part, place in parts.items():
        if not len(images[part]):
            raise PellucidError(f"{place} holds no image that can be used: {together.reasons}")
    if "validation" not in images:
        return split_official(name, images["train"], images["test"], str(folder), validation, seed), together
    whole = together.subset(np.concatenate([places[list(files).index(part)] for part in ("train", "validation")]))
    return assemble(name, images["train"], images["validation"], images["test"], whole, str(folder)), together


def _passed_over(folder: Path) -> tuple[str, ...]:
    """A line on files of other kinds; nothing if there are none."""
    others = other_files(folder)
    kinds = ", ".join(f"{count:,} {ending}" for ending, count in others.most_common())
    return (f"files of other kinds were passed over: {kinds}",) if others else ()


def _load_npz(
    path: Path,
    validation: float,
    seed: int,
    labels: bool,
    gaps: bool,
    value_range: Told,
    axes: str | None,
) -> Split:
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = [name for name in archive.files if not name.startswith("y_")]
            arrays: dict[str, NDArray[Any]] = {name: archive[name] for name in names}
            beside = {name: f"y_{name.removeprefix('x_')}" for name in names}
            classes = {y: archive[y] for y in beside.values() if labels and y in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise PellucidError(f"{path} is not an .npz file that pellucid reads: {error}.") from error
    known = numbered(classes) if len(classes) == len(arrays) else {}
    shaped = {name: as_images(array, axes, f"{path}:{name}") for name, array in arrays.items()}
    # One range for all parts.
    chosen = value_range or common_range(list(shaped.values()))
    images = {
        name.removeprefix("x_"): ArrayImages(
            array, f"{path}:{name}", labels=known.get(beside[name]), value_range=chosen
        )
        for name, array in shaped.items()
    }
    notes = range_notes(next(iter(images.values())).ranges, value_range) if images else ()
    if {"train", "test"} <= set(images):
        parted = split_official(path.stem, images["train"], images["test"], str(path), validation, seed)
        return dataclasses.replace(parted, notes=notes)
    if len(images) == 1:
        parted = split(path.stem, next(iter(images.values())), str(path), validation, seed, gaps=gaps)
        return dataclasses.replace(parted, notes=notes)
    raise PellucidError(
        f"{path} holds the arrays {', '.join(arrays) or '(none)'}; expected x_train and x_test, or a single array "
        "of images."
    )
