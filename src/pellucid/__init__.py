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
    from pellucid import networks
    from pellucid.common import PellucidError
    from pellucid.datasets import load
    from pellucid.evaluation import classical, evaluate, metrics, pictures
    from pellucid.images import read_image, write_image
    from pellucid.inference import Denoiser
    from pellucid.noise import parse as corruption
    from pellucid.runs import train

_PLACES = {
    "Denoiser": ("pellucid.inference", "Denoiser"),
    "PellucidError": ("pellucid.common", "PellucidError"),
    "classical": ("pellucid.evaluation.classical", None),
    "corruption": ("pellucid.noise", "parse"),
    "evaluate": ("pellucid.evaluation", "evaluate"),
    "load": ("pellucid.datasets", "load"),
    "metrics": ("pellucid.evaluation.metrics", None),
    "networks": ("pellucid.networks", None),
    "pictures": ("pellucid.evaluation.pictures", None),
    "read_image": ("pellucid.images", "read_image"),
    "train": ("pellucid.runs", "train"),
    "write_image": ("pellucid.images", "write_image"),
}

__all__ = [
    "Denoiser",
    "PellucidError",
    "classical",
    "corruption",
    "evaluate",
    "load",
    "metrics",
    "networks",
    "pictures",
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
