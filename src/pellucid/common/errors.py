"""What the user can mend: one clear sentence, no traceback, exit code 2."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class PellucidError(Exception):
    """A problem with what was asked or given; its text says what was expected, what came, and what to do.

    Parameters
    ----------
    text : for a person; it names no option of the command line
    argument : the argument to change, by its name in Python, or several with spaces between; the command line adds the
        options of these names
    """

    def __init__(self, text: str, *, argument: str = "") -> None:
        super().__init__(text)
        self.argument = argument


def one_line(text: object) -> str:
    """Return a text with what would break the line or steer the terminal written as escapes: file names may hold it."""
    text = str(text)
    if text.isprintable():  # as nearly always: of a hundred thousand files, the other way takes seconds
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def unknown(kind: str, name: str, known: Iterable[str]) -> PellucidError:
    """Return the error for a name that is not known; it lists the known names, the nearest first."""
    names = sorted(known)
    near = get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return PellucidError(f"unknown {kind} {name!r}.{hint} Known: {', '.join(names)}.")
