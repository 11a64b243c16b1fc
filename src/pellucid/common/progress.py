"""Progress that a person can follow: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

PLAIN_EVERY = 10.0
"""Seconds between two lines where standard error is not a terminal."""


class Report(Protocol):
    """What the code that works calls as it goes."""

    def __call__(self, done: int, note: str = "") -> None:
        """Say that `done` units are done in all; `note` is a short text such as the current loss."""
        ...


@contextmanager
def progress(title: str, total: int, unit: str, enabled: bool = True) -> Iterator[Report]:
    """Show the progress of `total` units of work with the rate and the time left, on standard error.

    Work does not end because nobody watches: what cannot be written, to a terminal that has closed, is dropped.
    """
    if not enabled:
        yield lambda done, note="": None
    elif sys.stderr.isatty():
        with _bar(title, total, unit) as report:
            yield report
    else:
        yield _Lines(title, total, unit)


@contextmanager
def _bar(title: str, total: int, unit: str) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    shown = Progress(*columns, console=Console(stderr=True))
    task = shown.add_task(title, total=total, rate="", note="")
    begin = time.monotonic()

    def report(done: int, note: str = "") -> None:
        rate = _rate(done, time.monotonic() - begin, unit)
        with suppress(OSError):
            shown.update(task, completed=done, rate=rate, note=note)

    shown.start()
    try:
        yield report
    finally:
        with suppress(OSError):
            shown.stop()


class _Lines:
    def __init__(self, title: str, total: int, unit: str) -> None:
        self._title, self._total, self._unit = title, total, unit
        self._begin = self._said = time.monotonic()

    def __call__(self, done: int, note: str = "") -> None:
        now = time.monotonic()
        if now - self._said < PLAIN_EVERY and done < self._total:
            return
        self._said = now
        seconds = now - self._begin
        parts = [f"{self._title}: {done:,}/{self._total:,} {self._unit}"]
        if done:
            parts += [_rate(done, seconds, self._unit), f"{(self._total - done) * seconds / done:.0f} s left"]
        if note:
            parts.append(note)
        with suppress(OSError):
            sys.stderr.write(", ".join(parts) + "\n")
            sys.stderr.flush()


def _rate(done: int, seconds: float, unit: str) -> str:
    """Units per second, with two digits at least: slow work is not no work."""
    rate = done / max(seconds, 1e-9)
    return f"{rate:,.0f} {unit}/s" if rate >= 10 or not done else f"{rate:.2g} {unit}/s"
