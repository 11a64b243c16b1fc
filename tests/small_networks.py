"""Networks whose weights are set, and model files of them, for any test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.inference.denoiser import Denoiser
from pellucid.modelfile.card import Card
from pellucid.modelfile.file import write
from pellucid.networks.registry import NETWORKS, build, find

DENOISERS = [name for name, network in NETWORKS.items() if network.denoises]
CHANNELS = [1, pytest.param(3, marks=pytest.mark.one_backend)]
"""Gray and colour; a second backend compiles every size of every layer anew, and gray images show whether it fits."""


def shaken(name: str, channels: int) -> Any:
    """A network whose every weight, normalisation statistics included, differs from where it began."""
    model = build(name, channels)
    rng = np.random.default_rng(3)

    def drawn(w: np.ndarray) -> np.ndarray:
        if w.ndim == 4:  # nothing of the backend's own random numbers is left
            small = 1 if w.any() else 0.1  # what begins at zero adds a little to what is there
            return rng.normal(0, small * np.sqrt(2 / np.prod(w.shape[:3])), w.shape)
        # Moving variances must stay positive; around 1 no signal dies on its way.
        return np.abs(w + rng.normal(0, 0.05, w.shape))

    model.set_weights([drawn(w) for w in model.get_weights()])
    return model


def written(model: Any, name: str, channels: int, folder: Path, engine: str = "auto") -> Denoiser:
    """Write the model's file into a folder and open it."""
    from pellucid.modelfile.export import to_onnx
    from pellucid.networks.graph import receptive_field

    grid = find(name).multiple_of
    card = Card(
        name, channels, grid, receptive_field(model, grid), "gaussian:0.5", "nothing", "2026-01-01T00:00:00+00:00"
    )
    write(folder / "model.onnx", to_onnx(model, channels), card)
    return Denoiser(folder, engine=engine)
