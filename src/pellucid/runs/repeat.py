"""Repeating a run: trained once more from what its folder records, and compared."""

from __future__ import annotations

import csv
import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.common import PellucidError
from pellucid.runs.folder import CONFIG
from pellucid.runs.record import Record, differences
from pellucid.runs.resume import find_data
from pellucid.runs.train import Run, Say, train
from pellucid.training import recipe

LOSSES = ("loss", "validation_loss", "learning_rate")


@dataclass(frozen=True)
class Repetition:
    """A run that was trained again.

    Attributes
    ----------
    run : the new one
    identical : whether its weights are the same, bit for bit
    differences : a line for each thing in which the two differ: the data, versions, the machine, then the results
    """

    run: Run
    identical: bool
    differences: tuple[str, ...]


def repeat(
    folder: str | os.PathLike[str], *, out: str | os.PathLike[str] | None = None, say: Say = lambda line: None
) -> Repetition:
    """Train a finished run again from its own config and data, in a folder of its own, and compare the two.

    Parameters
    ----------
    folder : the run
    out : the folder of the repetition; None names one beside it, "-again" after its name
    say : called with lines of what happens

    Raises
    ------
    PellucidError
        If the run is not finished, has no record, or its data cannot be had any more.
    """
    old = Path(folder)
    record = Record.read(old)
    if not record.ended:
        raise PellucidError(f"{old} is not finished. Resume it first.")
    where = find_data(recipe(str(old / CONFIG)), record)
    places: dict[str, Any] = {"noisy": where.noisy, "second": where.second}
    new = train(where.data or None, **places, recipe_name=str(old / CONFIG), out=out or _beside(old), say=say)
    if new.interrupted:
        raise PellucidError(f"the repetition was interrupted, there is nothing to compare. It is in {new.folder}.")
    again = Record.read(new.folder)
    changed = [
        *(f"data {line}" for line in differences(record.data, again.data)),
        *(f"version of {line}" for line in differences(record.versions, again.versions)),
        *(f"machine's {line}" for line in differences(record.machine, again.machine)),
        *_histories(old / "history.csv", new.folder / "history.csv"),
    ]
    identical = record.weights == again.weights
    if not identical:
        changed.append(f"weights, sha256: {record.weights[:16]}, now {again.weights[:16]}")
    return Repetition(new, identical, tuple(changed))


def _beside(folder: Path) -> Path:
    folder = folder.resolve()
    names = (f"{folder.name}-again{number or ''}" for number in itertools.count())
    return next(folder.with_name(name) for name in names if not folder.with_name(name).exists())


def _histories(before: Path, after: Path) -> list[str]:
    """The first epoch whose losses differ."""
    with before.open() as one, after.open() as other:
        pairs = itertools.zip_longest(csv.DictReader(one), csv.DictReader(other))
        for epoch, (then, now) in enumerate(pairs, 1):
            if then is None or now is None:
                return [f"epochs: {'more' if then is None else 'fewer'} than before, from {epoch} on"]
            changed = differences({name: then[name] for name in LOSSES}, {name: now[name] for name in LOSSES})
            if changed:
                return [f"epoch {epoch}, {line}" for line in changed]
    return []
