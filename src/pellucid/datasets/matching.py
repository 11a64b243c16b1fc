"""Which files of two folders belong together: by the same path, or by what is common in their names."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from pathlib import Path

from pellucid.common import PellucidError
from pellucid.datasets.scenes import common_parts, named
from pellucid.images import find_images

Matched = dict[str, Path]
"""Files by what they are matched by: the path below the folder without the ending, or a part of it."""


def matched(clean: Path, noisy: Path, match: str = "") -> tuple[Matched, Matched]:
    """Find the files of two folders that belong together.

    Parameters
    ----------
    clean, noisy : folders, neither inside the other
    match : a regular expression, found in the paths below the folders without the ending: files in which its first
        group (or the whole match, if it has none) is the same belong together; "" matches equal paths

    Returns
    -------
    The files of both by the same keys, in the order of the first.

    Raises
    ------
    PellucidError
        If a file has no partner or several; the text suggests an expression, where one would match all.
    """
    inner, outer = sorted((clean.resolve(), noisy.resolve()), key=lambda folder: -len(folder.parts))
    if inner.is_relative_to(outer):
        raise PellucidError(f"{inner} lies inside {outer}; expected two separate folders.")
    paths = {folder: list(find_images(folder, recursive=True, follow=True)) for folder in (clean, noisy)}
    of_clean, of_noisy = (_by_key(folder, found, match) for folder, found in paths.items())
    alone = [f"{path} has no partner in {noisy}" for key, path in of_clean.items() if key not in of_noisy]
    alone += [f"{path} has no partner in {clean}" for key, path in of_noisy.items() if key not in of_clean]
    if alone:
        better = None if match else suggestion(list(of_clean), list(of_noisy))
        remedy = f"Match them by '{better}'." if better else "Add or remove them, or say what their names share."
        what = "that matches" if match else "of the same name (without the ending)"
        raise PellucidError(
            f"{len(alone):,} of {len(of_clean) + len(of_noisy):,} images lack a partner {what} in the other folder: "
            f"{named(alone)}. {remedy}",
            argument="match",
        )
    return of_clean, {key: of_noisy[key] for key in of_clean}


def suggestion(clean: list[str], noisy: list[str]) -> str | None:
    """Return an expression that matches names which differ by what all of one folder begin or end with; else None.

    Examples
    --------
    >>> suggestion(["a", "b"], ["noisy_a", "noisy_b"])
    '^(?:noisy_)?(.+)$'
    """
    begin, end = (_alternatives(_ends(clean, back=back), _ends(noisy, back=back)) for back in (False, True))
    expression = f"^{begin}(.+{'?' if end else ''}){end}$"
    found = [[match[1] for name in names if (match := re.search(expression, name))] for names in (clean, noisy)]
    whole = all(len(set(keys)) == len(names) for keys, names in zip(found, (clean, noisy), strict=True))
    return expression if whole and set(found[0]) == set(found[1]) else None


def _by_key(folder: Path, paths: list[Path], match: str) -> Matched:
    names = [path.relative_to(folder).with_suffix("").as_posix() for path in paths]
    keys = common_parts(names, match, "expression") if match else names
    twice = [key for key, count in Counter(keys).items() if count > 1]
    if twice:
        how = "by what is matched" if match else "with different endings"
        raise PellucidError(
            f"{folder} holds {named(twice)} more than once, {how}; expected one file of each name.",
            argument="match" if match else "",
        )
    return dict(zip(keys, paths, strict=True))


def _ends(names: list[str], *, back: bool) -> str:
    """Return what all names begin with, or end with, if that is no number: 01 and 02 have no beginning in common."""
    turned = [name[::-1] for name in names] if back else names
    together = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*turned, strict=False))
    common = re.sub(r"\d+$", "", "".join(letters[0] for letters in together))
    return common[::-1] if back else common


def _alternatives(one: str, other: str) -> str:
    if one == other:
        return re.escape(one)
    given = "|".join(re.escape(end) for end in sorted((one, other), key=len, reverse=True) if end)
    return f"(?:{given})" if one and other else f"(?:{given})?"
