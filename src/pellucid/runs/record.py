"""What a run was made of: `run.json` in its folder, enough to continue it, to repeat it, and to see what differs."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pellucid.common import PellucidError, machine, write_json
from pellucid.datasets import Split

NAME = "run.json"


@dataclass
class Record:
    """A run: where it came from and how far it got.

    Attributes
    ----------
    command : the command line, or the script that called
    directory : where it ran; the data's path may be relative to it
    data : the data in a line, and the `fingerprint` of its content
    versions, machine : by name
    started, ended : date and time, ISO 8601, UTC; `ended` is empty while it is unfinished
    continued : when it was resumed
    weights : sha256 of the finished model's weights
    """

    command: str
    directory: str
    data: dict[str, str]
    versions: dict[str, str]
    machine: dict[str, str]
    started: str
    ended: str
    continued: list[str]
    weights: str

    @classmethod
    def begin(cls, split: Split) -> Record:
        """Describe a run that begins here and now."""
        return cls(
            command=shlex.join(sys.argv),
            directory=_here(),
            data={"about": split.about, "fingerprint": split.fingerprint()},
            versions=versions(),
            machine=machine(),
            started=now(),
            ended="",
            continued=[],
            weights="",
        )

    @classmethod
    def read(cls, folder: Path) -> Record:
        """Read the record in a run folder.

        Raises
        ------
        PellucidError
            If it is not there, or cannot be understood.
        """
        path = folder / NAME
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise PellucidError(f"{folder} is not a run folder: it has no {NAME}.") from None
        except (OSError, ValueError, TypeError) as error:
            raise PellucidError(f"{path} cannot be understood: {error}.") from error

    def save(self, folder: Path) -> None:
        """Write the record, whole or not at all."""
        write_json(folder / NAME, asdict(self))


def _here() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:  # it was deleted since
        return ""


def now() -> str:
    """Return the present date and time, ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Return the versions of Python, pellucid, Keras, its backend and NumPy; Keras must be installed."""
    import keras

    backend: str = keras.backend.backend()
    found = {"python": platform.python_version(), "backend": backend}
    for name in ("pellucid", "keras", backend, "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # as TensorFlow's, whose package has several names
            found[name] = str(getattr(sys.modules.get(name), "__version__", "unknown"))
    return found


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return a line for every name whose values differ, as "epochs: 3, now 5"."""
    names = [*before, *(name for name in after if name not in before)]
    return [
        f"{name}: {before.get(name, 'nothing')}, now {after.get(name, 'nothing')}"
        for name in names
        if before.get(name) != after.get(name)
    ]
