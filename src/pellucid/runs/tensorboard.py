"""The history of a training for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pellucid.common import PellucidError


class Events:
    """The history for TensorBoard, in files of its own that are written anew when a run is resumed.

    Raises
    ------
    PellucidError
        If tensorboardX is not installed.
    """

    def __init__(self, folder: Path, history: Sequence[Mapping[str, float]]) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise PellucidError("--tensorboard needs tensorboardX: pip install 'pellucid[tensorboard]'") from None
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        self._writer = SummaryWriter(str(folder))
        for row in history:
            self.add(row)

    def add(self, row: Mapping[str, float]) -> None:
        """Write an epoch."""
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, int(row["epoch"]))
        self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
