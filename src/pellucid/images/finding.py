"""Finding image files: in folders, by patterns, by name."""

from __future__ import annotations

import glob
import os
from collections import Counter
from pathlib import Path

from pellucid.common import PellucidError
from pellucid.images.formats import SUFFIXES

MARK = ".denoised"
"""What an output's name has between stem and ending when it is written beside its input."""


def find_images(name: str | os.PathLike[str], *, recursive: bool = False, follow: bool = False) -> dict[Path, Path]:
    """Find the image files that a name stands for.

    Parameters
    ----------
    name : a folder, a file, or a pattern such as `scans/*.png`
        In a folder, hidden files are left out, and links that lead out of it. A folder that a pattern matches is
        searched like one that is named outright. A file that is named or matched is taken as it is.
    recursive : look into folders below, too; in a pattern, `**` stands for them
    follow : take links that lead out of the folder, too: a data set may be made of such

    Returns
    -------
    The files, sorted as paths are, each with its path below the folder in which it was found.

    Raises
    ------
    PellucidError
        If a folder holds no images, or nothing matches a pattern. A file need not exist.
    """
    path, text = Path(name), os.fspath(name)
    if path.is_dir():
        found, links = _below(path, recursive, follow)
        if not found:
            raise _none(f"in {text}", links)
        return found
    if path.exists() or not glob.has_magic(text):
        return {path: Path(path.name)}
    matches = [Path(match) for match in sorted(glob.glob(text, recursive=recursive))]  # noqa: PTH207 - may be absolute
    if not matches:
        raise PellucidError(f"nothing matches the pattern {text!r}. Check it.")
    together: dict[Path, Path] = {}
    links = False
    for match in matches:
        images, more = _below(match, recursive, follow) if match.is_dir() else ({match: Path(match.name)}, False)
        together = {**images, **together}  # the first match says what a file lies below
        links = links or more
    if not together:
        raise _none(f"in the folders that match {text!r}", links)
    return dict(sorted(together.items()))


def other_files(folder: Path) -> Counter[str]:
    """Count the files in a folder and below that are no images that pellucid reads, by their endings."""
    found: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.suffix.lower() not in SUFFIXES and _is_visible_file(path, folder):
            found[path.suffix.lower() or "without an ending"] += 1
    return found


def _below(folder: Path, recursive: bool, follow: bool) -> tuple[dict[Path, Path], bool]:
    """Return the images of a folder, each with its path below it, and whether links that lead out were left out."""
    root = folder.resolve()
    found, links = {}, False
    for path in sorted(folder.rglob("*") if recursive else folder.glob("*")):
        if path.suffix.lower() not in SUFFIXES or not _is_visible_file(path, folder):
            continue
        # Folders that are links are not entered, so that files alone can lead out.
        if path.is_symlink() and not follow and not path.resolve().is_relative_to(root):
            links = True
        else:
            found[path] = path.relative_to(folder)
    return found, links


def _is_visible_file(path: Path, folder: Path) -> bool:
    """Return whether a path below a folder is a file, and neither it nor a folder on the way to it is hidden."""
    return not any(part.startswith(".") for part in path.relative_to(folder).parts) and path.is_file()


def _none(where: str, links: bool) -> PellucidError:
    left_out = "; links that lead out of it were left out" if links else ""
    return PellucidError(f"no images {where}; expected files ending in {' '.join(SUFFIXES)}{left_out}.")
