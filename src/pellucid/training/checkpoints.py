"""Checkpoints: a training's state as files that appear whole or not at all, carry a checksum, and hold no code.

Each is a safetensors file of a few times the model's size. Kept are the newest two, so that a damaged one has a
predecessor, and the one that a diverging training goes back to: three at most.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, atomic, digest
from pellucid.training.state import State

Arrays = Mapping[str, NDArray[Any]]

FORMAT = 1
"""The version of what a checkpoint holds."""

NEWEST = 2
"""How many of the newest are kept."""

_NAME = re.compile(r"(\d{6,})-epoch-\d+-step-\d+\.safetensors")


class Checkpoints:
    """The checkpoints of one run.

    Parameters
    ----------
    folder : theirs alone
    about : what the run is (config, data, versions), plain values; it is stored in each
    every : seconds from one to the next; 0 keeps every step
    """

    def __init__(self, folder: Path, about: Mapping[str, Any], every: float) -> None:
        self.folder, self.about, self.every = folder, about, every
        self._saved = time.monotonic()

    def due(self) -> bool:
        """Whether it is time for the next."""
        return time.monotonic() - self._saved >= self.every

    def save(self, state: State, arrays: Arrays, *, good: bool = False) -> None:
        """Write the next one; `good` makes it the one to go back to. Then delete those no longer needed."""
        number = max(self._numbers(), default=0) + 1
        if good:
            state.good = number
        path = self.folder / f"{number:06d}-epoch-{state.epoch + 1}-step-{state.step}.safetensors"
        about = json.dumps({"format": FORMAT, "about": self.about, "state": state.to_json()})
        write(path, about, arrays)
        numbers = self._numbers()
        for old in set(numbers) - {state.good, *sorted(numbers)[-NEWEST:]}:
            numbers[old].unlink(missing_ok=True)
        self._saved = time.monotonic()

    def load(self, number: int) -> tuple[State, dict[str, NDArray[Any]]]:
        """Return the state and arrays of checkpoint `number`.

        Raises
        ------
        PellucidError
            If it is not there, or damaged.
        """
        path = self._numbers().get(number)
        if path is None:
            raise PellucidError(f"checkpoint {number} is not in {self.folder}; start the training anew.")
        _, state, arrays = read(path)
        return state, arrays

    def clear(self) -> None:
        """Delete all; the folder goes with them."""
        for path in self._numbers().values():
            path.unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _numbers(self) -> dict[int, Path]:
        return numbered(self.folder)


def numbered(folder: Path) -> dict[int, Path]:
    """Return the checkpoints in `folder` by their numbers, which rise."""
    found = ((_NAME.fullmatch(path.name), path) for path in folder.glob("*.safetensors"))
    return {int(match[1]): path for match, path in found if match}


def newest(folder: Path) -> tuple[dict[str, Any], int, list[str]]:
    """Return what the newest sound checkpoint says of its run, its number, and what was wrong with later ones.

    Raises
    ------
    PellucidError
        If there is none.
    """
    wrong: list[str] = []
    for number, path in sorted(numbered(folder).items(), reverse=True):
        try:
            about, _, _ = read(path)
        except PellucidError as error:
            wrong.append(str(error))
        else:
            return about, number, wrong
    reason = f"the newest: {wrong[0]}" if wrong else f"there are no checkpoints in {folder}"
    raise PellucidError(f"nothing to continue from: {reason}. Start the training anew.")


def write(path: Path, about: str, arrays: Arrays) -> None:
    """Write arrays and a text, with a checksum of both, whole or not at all."""
    from safetensors.numpy import save

    plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    with atomic(path) as temporary:
        temporary.write_bytes(save(plain, {"pellucid": about, "sha256": _digest(plain, about)}))


def read(path: Path) -> tuple[dict[str, Any], State, dict[str, NDArray[Any]]]:
    """Return what a checkpoint says of its run, the state, and the arrays.

    Raises
    ------
    PellucidError
        If it cannot be read, its checksum differs, or its format is another version's.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            told = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise PellucidError(f"{path} is damaged ({error})") from error
    about = told.get("pellucid", "")
    if told.get("sha256") != _digest(arrays, about):
        raise PellucidError(f"{path} is damaged (its checksum differs)")
    values = json.loads(about)
    if values["format"] != FORMAT:
        raise PellucidError(f"{path} is of format {values['format']}, this version of pellucid reads {FORMAT}")
    return values["about"], State.from_json(values["state"]), arrays


def _digest(arrays: Arrays, about: str) -> str:
    return digest(sorted(arrays.items()), about)
