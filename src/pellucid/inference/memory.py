"""Keeping a promise about memory: sizes as people write them, and the largest tile that fits."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pellucid.common import PellucidError
from pellucid.inference.denoiser import Denoiser
from pellucid.inference.tiling import Tiling

SIDES = (32, 64, 128, 256, 512, 1024)
"""Sides of a tile's core that are tried, in pixels."""

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def parse_size(text: str) -> int:
    """Read a number of bytes: `500MB`, `2GB`, `1.5GiB`.

    Raises
    ------
    PellucidError
        If it is not such a number, or not one byte.
    """
    found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([KMG]?I?B?)\s*", text.upper())
    size = int(float(found[1]) * _UNITS.get(found[2], 0)) if found else 0
    if size < 1:
        raise PellucidError(
            f"a size of memory is a number above 0 and a unit, as in 500MB or 2GB; got {text!r}.", argument="memory"
        )
    return size


def peak() -> int:
    """Return the most memory that this process has occupied so far (peak resident set), in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # On Linux `getrusage` also counts what the process had before it became this program: its parent's memory.
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
        if found:
            return int(found[1]) * 1024
    try:
        import resource
    except ModuleNotFoundError as error:  # Windows
        raise PellucidError(
            "a bound on memory can only be kept on Linux and macOS. Leave it out.", argument="memory"
        ) from error
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage if sys.platform == "darwin" else usage * 1024


class Budget:
    """A bound on the memory of the process, and the largest tiles of a model that keep it.

    What a tile costs is measured by running tiles of rising size, each only if the one before says that it will fit.
    Each size is run once: for files that follow, what it took is known.

    Parameters
    ----------
    denoiser : the model
    memory : the most that the process may occupy (peak resident set), in bytes
    """

    def __init__(self, denoiser: Denoiser, memory: int) -> None:
        self._denoiser, self._memory = denoiser, memory
        self._base = 0
        self._peaks: dict[int, int] = {}  # the peak of the process once tiles of a core had been run

    def tiling(self, besides: Callable[[Tiling], int]) -> Tiling:
        """Return the tiling with the largest tiles that keeps the process within the bound.

        Parameters
        ----------
        besides : what else is held while tiles run, in bytes, given the tiling

        Raises
        ------
        PellucidError
            If not even the smallest tile fits; the text says how much is needed.
        """
        card = self._denoiser.card
        self._base = self._base or peak()
        cost, best, need = 0.0, None, 0
        for side in SIDES:
            tiling = Tiling(-(-side // card.multiple_of) * card.multiple_of, card.halo, card.multiple_of)
            area = tiling.read_side**2
            if tiling.core not in self._peaks:
                need = self._base + int(1.3 * cost * area) + besides(tiling)
                if need > self._memory:
                    break
                self._denoiser.piece(np.zeros((tiling.read_side, tiling.read_side, 3), np.uint8))
                self._peaks[tiling.core] = peak()
            cost = max((self._peaks[tiling.core] - self._base) / area, 16.0)
            need = self._peaks[tiling.core] + besides(tiling)
            if need > self._memory:
                break
            best = tiling
        if best is None:
            raise PellucidError(
                f"a memory of {self._memory / 1e6:.0f} MB is too small for this image and model; it takes "
                f"{1.1 * need / 1e6:.0f} MB at least.",
                argument="memory",
            )
        return best
