"""pellucid: train a small denoiser on your own images, see whether it helps, ship it as one file.

    import pellucid

    run = pellucid.train("mnist", noise="gaussian:0.5")
    print(run.verdict)
    clean = pellucid.Denoiser(run.folder)(noisy)

Importing this package imports neither Keras nor ONNX Runtime; every name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid import classical, metrics, models, plots
    from pellucid.corruptions import parse as corruption
    from pellucid.datasets import load
    from pellucid.denoise import Denoiser
    from pellucid.errors import PellucidError
    from pellucid.evaluation import evaluate
    from pellucid.formats import read_image, write_image
    from pellucid.workflow import train

_PLACES = {
    "Denoiser": ("pellucid.denoise", "Denoiser"),
    "PellucidError": ("pellucid.errors", "PellucidError"),
    "classical": ("pellucid.classical", None),
    "corruption": ("pellucid.corruptions", "parse"),
    "evaluate": ("pellucid.evaluation", "evaluate"),
    "load": ("pellucid.datasets", "load"),
    "metrics": ("pellucid.metrics", None),
    "models": ("pellucid.models", None),
    "plots": ("pellucid.plots", None),
    "read_image": ("pellucid.formats", "read_image"),
    "train": ("pellucid.workflow", "train"),
    "write_image": ("pellucid.formats", "write_image"),
}

__all__ = [
    "Denoiser",
    "PellucidError",
    "classical",
    "corruption",
    "evaluate",
    "load",
    "metrics",
    "models",
    "plots",
    "read_image",
    "train",
    "write_image",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'pellucid' has no attribute {name!r}")
    module, attribute = _PLACES[name]
    found = import_module(module)
    return found if attribute is None else getattr(found, attribute)


def __dir__() -> list[str]:
    return __all__
