"""A fair choice of a user's images, from files, stacks, and data sets; and noise like that of such images."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.datasets.catalogue import NAMED, load
from pellucid.datasets.sources import evenly
from pellucid.images import find_images, is_zarr, measure_pages, open_rows, read_picture
from pellucid.noise import KINDS, inspect

SOME = 40
"""Images that are looked at to know the noise of a collection, unless another number is asked for."""

_DATA = (".npz", ".idx", ".gz")
_LIKE = "like:"
_JOINED = re.compile(rf"\+(?={'|'.join((*KINDS, _LIKE[:-1]))}:)")  # a path may hold a plus sign


def read_some(
    names: Sequence[str],
    limit: int,
    failed: list[str],
    *,
    recursive: bool = False,
    axes: str | None = None,
) -> Iterable[NDArray[Any]]:
    """Read at most `limit` images, evenly chosen, of what a user named: files, folders, patterns, or one data set.

    Parameters
    ----------
    names : as `find_images` takes them; or one data set: a name in `NAMED`, .npz or IDX, of which the training part is
        taken
    limit : 0 for all
    failed : gets the reason why a file could not be read
    recursive : look into folders below, too
    axes : of arrays, as in `load`

    Returns
    -------
    The images in their own types, (H, W) or (H, W, C); of a data set, float32 in [0, 1].

    Raises
    ------
    PellucidError
        If there are no images, or none can be read.
    """
    if len(names) == 1 and (names[0] in NAMED or names[0].lower().endswith(_DATA)):
        return _read_data(names[0], limit)
    paths = [path for name in names for path in find_images(name, recursive=recursive)]
    return _read_files(paths, limit, failed, axes)


def noise_like(noise: str, say: Callable[[str], None] = lambda line: None) -> str:
    """Return a noise in which `like:PLACE` is replaced by the noise that is measured there; other texts as they are.

    Parameters
    ----------
    noise : what `noise.parse` reads, or `like:PLACE`, where the noisy images are a folder, a file, a pattern or a data
        set; also as a part of a chain, as in `like:scans+jpeg:50`
    say : is told what was measured, in a line for each place

    Returns
    -------
    The text of the noise, for images as training reads them: see `Inspection.noise`.

    Raises
    ------
    PellucidError
        If there are no images in the place, or no noise was found in them.
    """
    parts = _JOINED.split(noise)
    return "+".join(_measured(part, say) if part.strip().startswith(_LIKE) else part for part in parts)


def _measured(part: str, say: Callable[[str], None]) -> str:
    place = part.strip().removeprefix(_LIKE)
    if not place:
        raise PellucidError("like: expects where the noisy images are, as in like:scans.", argument="noise")
    failed: list[str] = []
    try:
        found = inspect(read_some([str(Path(place).expanduser())], SOME, failed))
    except PellucidError as error:
        raise PellucidError(f"the noise cannot be like that of {place}: {error}", argument="noise") from error
    if not found.measured:
        why = "hardly any noise was found" if found.clean else "noise cannot be told from texture"
        raise PellucidError(
            f"{why} in {place}; expected noisy images. Name the noise instead, as gaussian:0.1.", argument="noise"
        )
    for reason in failed:
        say(f"left out: {reason}")
    say(f"noise like {place}: {found.noise}, measured on {found.images:,} image{'s' * (found.images != 1)}")
    return found.noise


def _read_data(name: str, limit: int) -> Iterator[NDArray[Any]]:
    """Yield at most `limit` images of a data set's training part, evenly chosen; float32 HWC."""
    images = load(name).training_part
    for index in evenly(len(images), limit):
        yield images[int(index)]


def _read_files(paths: Sequence[Path], limit: int, failed: list[str], axes: str | None) -> Iterator[NDArray[Any]]:
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
            if is_zarr(path):  # which may be larger than memory
                for index in evenly(len(measure_pages(path, axes=axes)), share):
                    yield open_rows(path, page=int(index), axes=axes).window(slice(None), slice(None))
                continue
            images = read_picture(path, axes=axes).pages
            for index in evenly(len(images), share):
                yield images[int(index)]
        except PellucidError as error:
            failed.append(str(error))
    if len(failed) == len(chosen):
        raise PellucidError(failed[0])
