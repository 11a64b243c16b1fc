"""Finding image files: in folders, by patterns, by name."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path

from pellucid.common import PellucidError
from pellucid.images.formats import SUFFIXES

MARK = ".denoised"
"""What an output's name has between stem and ending when it is written beside its input."""


def find_images(folder: Path) -> list[Path]:
    """Return the image files in `folder` and below, sorted by name; hidden ones are left out.

    Raises
    ------
    PellucidError
        If there are none.
    """
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
    if not found:
        raise PellucidError(f"no images in {folder}; expected files ending in {' '.join(SUFFIXES)}.")
    return found


def find(name: str, recursive: bool) -> Iterator[tuple[Path, Path]]:
    """Yield each image file that `name`, a file, folder or pattern, stands for, and its path below that folder."""
    path = Path(name)
    if path.is_dir():
        below = sorted(path.rglob("*") if recursive else path.glob("*"))
        images = [one for one in below if _is_image_below(one, path)]
        if not images:
            raise PellucidError(f"no images in {name}; expected files ending in {' '.join(SUFFIXES)}.")
        yield from ((one, one.relative_to(path)) for one in images)
    elif path.exists() or not glob.has_magic(name):
        yield path, Path(path.name)
    else:
        matches = sorted(glob.glob(name, recursive=recursive))  # noqa: PTH207 - the pattern may be absolute
        if not matches:
            raise PellucidError(f"nothing matches the pattern {name!r}. Check it.")
        for match in matches:
            yield from (
                find(match, recursive)
                if Path(match).is_dir() and recursive
                else [(Path(match), Path(Path(match).name))]
            )


def _is_image_below(path: Path, folder: Path) -> bool:
    """Say whether a path is an image file that belongs to the folder: hidden files and links that lead out do not."""
    if path.suffix.lower() not in SUFFIXES or any(part.startswith(".") for part in path.relative_to(folder).parts):
        return False
    return path.is_file() and path.resolve().is_relative_to(folder.resolve())
