"""Which images show the same scene, and a split that keeps them together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, digest
from pellucid.datasets.sources import Images
from pellucid.datasets.split import PARTS, TEST, part

Indices = NDArray[np.intp]

_BAND = 2**22  # pixels of an image that are looked at together
_NAMED = 3  # names that an error message lists


def scenes(names: Sequence[str], clean: Images, group: str = "") -> Indices:
    """Number the scenes 0, 1, ...

    Images are of one scene if all pixels are equal, they are planes of one stack, or `group` finds the same in their
    names.

    Parameters
    ----------
    names : of the images
    clean : the images; all are read once
    group : a regular expression; its first group counts, or the whole match if it has none; "" compares pixels only

    Raises
    ------
    PellucidError
        If `group` is no regular expression, or is not found in every name.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    marks = [[digest(_bands(clean, index)) for index in range(len(names))]]
    marks.append([str(stack) for stack in clean.stacks])
    if group:
        marks.append(common_parts(names, group, "group"))
    # Images are connected with their marks; what is connected is a scene.
    count, ends = len(names), []
    nodes = count
    for column in marks:
        number = np.unique(column, return_inverse=True)[1]
        ends.append(nodes + number)
        nodes += int(number.max()) + 1
    starts = np.tile(np.arange(count), len(marks))
    graph = coo_array((np.ones(len(starts)), (starts, np.concatenate(ends))), shape=(nodes, nodes))
    joined = connected_components(graph, directed=False)[1][:count]
    return np.asarray(np.unique(joined, return_inverse=True)[1], dtype=np.intp)


def _bands(images: Images, index: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield an image in bands of rows: it may be large."""
    height, width = images.size(index)
    depth = max(1, _BAND // width)
    for top in range(0, height, depth):
        yield "pixels", images.window(index, slice(top, top + depth), slice(None))


def common_parts(names: Sequence[str], text: str, what: str) -> list[str]:
    """Return what a regular expression finds in each name: its first group, or the whole match if it has none.

    Parameters
    ----------
    what : how errors call the expression

    Raises
    ------
    PellucidError
        If it is no regular expression, or is not found in every name.
    """
    try:
        expression = re.compile(text)
    except re.error as error:
        raise PellucidError(f"the {what} {text!r} is not a regular expression: {error}.") from error
    found = [expression.search(name) for name in names]
    without = [name for name, match in zip(names, found, strict=True) if match is None]
    if without:
        raise PellucidError(
            f"the {what} {text!r} is not found in {len(without):,} of {len(names):,} names: {named(without)}."
        )
    return [match.group(1 if expression.groups else 0) or "" for match in found if match]


def divide(names: Sequence[str], scenes: Indices, validation: float, seed: int) -> tuple[Indices, Indices, Indices]:
    """Return the indices to train, to choose and to judge by, so that no scene is in two parts.

    Parameters
    ----------
    names : paths; if some are in folders `train` and `test` (see `PARTS`), these decide, and other files are left out
    scenes : the number of each image's scene
    validation : the share of the training part to choose by
    seed : of the random split

    Raises
    ------
    PellucidError
        If the folders divide a scene, or there are fewer scenes than parts.
    """
    given = np.array([_part_of(name) for name in names])
    if not {"train", "test"} <= set(given):
        rest, test = _part(np.arange(len(names)), scenes, TEST, seed, needed=3)
        return *_part(rest, scenes, validation, seed, needed=2), test
    _check(names, scenes, given)
    train, chosen, test = (np.flatnonzero(given == name) for name in PARTS)
    if not len(chosen):
        train, chosen = _part(train, scenes, validation, seed, needed=2)
    return train, chosen, test


def _part_of(name: str) -> str:
    folder, slash, _ = name.partition("/")
    return next((known for known, names in PARTS.items() if slash and folder in names), "")


def _part(chosen: Indices, scenes: Indices, share: float, seed: int, *, needed: int) -> tuple[Indices, Indices]:
    """Divide the `chosen` images by scene: (the rest, a random share)."""
    numbers, groups = np.unique(scenes[chosen], return_inverse=True)
    if len(numbers) < needed:
        raise PellucidError(
            f"{len(chosen):,} pairs of images show {len(numbers)} different scene(s); expected at least {needed}, to "
            f"train, to choose{' and to judge by' if needed == 3 else ''}. Add pairs."
        )
    rest, held = part(groups, share, seed)
    return chosen[rest], chosen[held]


def _check(names: Sequence[str], scenes: Indices, given: NDArray[np.str_]) -> None:
    """Refuse given parts of which two hold the same scene."""
    first: dict[int, int] = {}
    leaks = []
    for index in np.flatnonzero(given != "").tolist():
        other = first.setdefault(int(scenes[index]), index)
        if given[index] != given[other]:
            leaks.append(f"{names[other]} and {names[index]}")
    if leaks:
        raise PellucidError(
            f"the same scene lies in two parts, {len(leaks):,} time(s), so nothing could be judged by it: "
            f"{named(leaks)}. Move what belongs together into one part."
        )


def named(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are, for an error message."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
