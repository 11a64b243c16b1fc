"""Continuing a run: where it stands, and whether it may go on here. Nothing is continued that would end differently."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pellucid.common import PellucidError
from pellucid.datasets import Split
from pellucid.runs.folder import CONFIG, RunFolder
from pellucid.runs.record import Record, differences, versions
from pellucid.training import Config, newest, numbered, recipe

PLACES = ("data", "noisy", "second")
"""The values of a config that say where data is, which may change."""

MUST_AGREE = ("backend", "pellucid")
"""Versions without which a checkpoint is not continued; others may change the last digits, and are said."""


def find_checkpoint(
    folder: RunFolder, recipe_name: str | None, changes: Mapping[str, Any], say: Callable[[str], None]
) -> int:
    """Return the number of the newest sound checkpoint of an unfinished run; 0 if it has none yet.

    Parameters
    ----------
    folder : the run's, open
    recipe_name, changes : what was asked for besides; it must agree with the run's config
    say : told of damaged checkpoints and of other versions

    Raises
    ------
    PellucidError
        If the run is finished, or its config, what was asked for, or the versions differ from what it was trained with.
    """
    config, record = folder.config, folder.record
    if record.ended:
        raise PellucidError(f"{folder.path} was finished on {record.ended}: there is nothing to continue. Repeat it.")
    found, number = newest_sound(folder, say)
    if found:
        _refuse("config", differences(found["config"], dataclasses.asdict(config)), f"its {CONFIG} was changed")
    # Where the data is may have changed; its content is compared.
    changes = {**changes, **{name: getattr(config, name) for name in PLACES}}
    wanted = recipe(recipe_name, **changes) if recipe_name else dataclasses.replace(config, **changes)
    _refuse("config", differences(dataclasses.asdict(config), dataclasses.asdict(wanted)), "other settings were given")
    if found:
        changed = differences(found["versions"], versions())
        must = [line for line in changed if line.startswith(tuple(f"{name}:" for name in MUST_AGREE))]
        _refuse("versions", must, "its checkpoints are of other versions")
        for line in changed:
            say(f"the last digits may differ from a run without a break: {line}")
    return number


def newest_sound(folder: RunFolder, say: Callable[[str], None]) -> tuple[dict[str, Any], int]:
    """Return what the newest sound checkpoint is of, and its number; nothing and 0 if there is none.

    `say` is told of damaged ones.
    """
    if not numbered(folder.checkpoints_path):
        return {}, 0
    found, number, wrong = newest(folder.checkpoints_path)
    for reason in wrong:
        say(f"{reason}: continuing from the one before it")
    return found, number


def check_data(record: Record, split: Split) -> None:
    """Refuse data whose content is not what the run began with."""
    now = {"about": split.about, "fingerprint": split.fingerprint()}
    if now["fingerprint"] != record.data["fingerprint"]:  # its name may have changed
        _refuse("data", differences(record.data, now), "its data has changed")


def find_data(config: Config, record: Record, moved: Mapping[str, str] | None = None) -> Config:
    """Return the config with the places of its data now: as `moved` says, or relative to where the run began."""
    found: dict[str, Any] = {}
    for name in PLACES:
        given = getattr(config, name)
        beside = Path(record.directory) / given
        found[name] = str(beside) if given and not Path(given).exists() and beside.exists() else given
    return dataclasses.replace(config, **{**found, **(moved or {})})


def _refuse(what: str, changed: list[str], reason: str) -> None:
    if changed:
        shown = "; ".join(changed)
        raise PellucidError(f"this run cannot be continued, {reason}: {shown}. Restore the {what}, or start a new run.")
