"""Finding image files: in folders, by patterns, by name."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pellucid.common import PellucidError
from pellucid.images.formats import SUFFIXES, WRITTEN_AS, is_zarr

FOUND = (*SUFFIXES, ".npy")
"""The endings of the files that are looked for in folders."""

MARK = ".denoised"
"""What an output's name has between stem and ending when it is written beside its input."""


def find_images(name: str | os.PathLike[str], *, recursive: bool = False, follow: bool = False) -> dict[Path, Path]:
    """Find the image files that a name stands for.

    Parameters
    ----------
    name : a folder, a file, or a pattern such as `scans/*.png`; a folder of zarr is a file
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
    if path.is_dir() and not is_zarr(path):
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
        folder = match.is_dir() and not is_zarr(match)
        images, more = _below(match, recursive, follow) if folder else ({match: Path(match.name)}, False)
        together = {**images, **together}  # the first match says what a file lies below
        links = links or more
    if not together:
        raise _none(f"in the folders that match {text!r}", links)
    return dict(sorted(together.items()))


def marked(path: Path) -> Path:
    """Return the name of the output that is written beside an input; `.ome` stays with the ending."""
    if path.suffix.lower() != ".zarr" and is_zarr(path):  # which has no ending
        return path.with_name(f"{path.name}{MARK}.zarr")
    stem, ome = (path.stem[:-4], path.stem[-4:]) if path.stem.lower().endswith(".ome") else (path.stem, "")
    return path.with_name(f"{stem}{MARK}{ome}{WRITTEN_AS.get(path.suffix.lower(), path.suffix)}")


def is_marked(path: Path) -> bool:
    """Whether a name is one that `marked` returns."""
    return path.stem.removesuffix(".ome").endswith(MARK)


def files_of(path: Path) -> list[Path]:
    """Return the files that hold an image: itself, or those of a folder of zarr, sorted."""
    return sorted(one for one in path.rglob("*") if one.is_file()) if is_zarr(path) else [path]


def other_files(folder: Path) -> Counter[str]:
    """Count the files in a folder and below that are no images that pellucid reads, by their endings."""
    return Counter(
        suffix or "without an ending" for _, suffix, _ in _files(folder, recursive=True) if suffix not in FOUND
    )


def _below(folder: Path, recursive: bool, follow: bool) -> tuple[dict[Path, Path], bool]:
    """Return the images of a folder, each with its path below it, and whether links that lead out were left out."""
    root = folder.resolve()
    found, links = {}, False
    images = [(parts, link) for parts, suffix, link in _files(folder, recursive) if suffix in FOUND]
    for parts, link in sorted(images, key=lambda image: [os.path.normcase(part) for part in image[0]]):
        below = Path(*parts)
        path = folder / below
        # Folders that are links are not entered, so that files alone can lead out.
        if link and not follow and not path.resolve().is_relative_to(root):
            links = True
        else:
            found[path] = below
    return found, links


def _files(folder: Path, recursive: bool) -> Iterator[tuple[tuple[str, ...], str, bool]]:
    """Yield the files in a folder that are not hidden: the parts of the path below it, the ending, and if it is a link.

    Of a hundred thousand files, paths would take longer than reading them.
    """
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        above = waiting.pop()
        try:
            with os.scandir(os.path.join(folder, *above)) as entries:  # noqa: PTH118 - as above
                inside = [entry for entry in entries if not entry.name.startswith(".")]
        except PermissionError:
            continue
        for entry in inside:
            parts = (*above, entry.name)
            suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122
            if suffix == ".zarr" and entry.is_dir():  # one image, which is not searched
                yield parts, suffix, entry.is_symlink()
            elif entry.is_dir(follow_symlinks=False):
                if recursive:
                    waiting.append(parts)
            elif entry.is_file():
                yield parts, suffix, entry.is_symlink()


def _none(where: str, links: bool) -> PellucidError:
    left_out = "; links that lead out of it were left out" if links else ""
    return PellucidError(f"no images {where}; expected files ending in {' '.join(FOUND)}{left_out}.")
