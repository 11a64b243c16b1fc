"""The history of a training for TensorBoard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pellucid.common import PellucidError
from pellucid.training import Epoch


class Events:
    """The history for TensorBoard, in files of its own that are written anew when a run is resumed.

    Raises
    ------
    PellucidError
        If tensorboardX is not installed.
    """

    def __init__(self, folder: Path, history: Sequence[Epoch]) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise PellucidError(
                "TensorBoard's files are written by tensorboardX, which is not installed. Install it: pip install "
                "'pellucid[tensorboard]'.",
                argument="tensorboard",
            ) from None
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        self._writer = SummaryWriter(str(folder))
        for epoch in history:
            self.add(epoch)

    def add(self, epoch: Epoch) -> None:
        """Write an epoch."""
        for name, value in epoch.row().items():
            if name != "epoch":
                self._writer.add_scalar(name, value, epoch.epoch)
        self._writer.flush()

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()
