"""Packages that only some users need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pellucid.images.formats.source import unsupported


def wanted(module: str, name: str, kind: str, extra: str) -> Any:
    """Import a module that an extra of pellucid brings.

    Raises
    ------
    PellucidError
        If it is not installed: the file `name`, of this kind, cannot be read.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        remedy = f"Install it, as by: pip install 'pellucid[{extra}]'."
        raise unsupported(name, f"{kind} needs the extra pellucid[{extra}]", remedy) from error
