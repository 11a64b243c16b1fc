"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import secrets
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pellucid.common.errors import PellucidError

_TO_SYNC = os.O_RDWR if sys.platform == "win32" else os.O_RDONLY  # Windows syncs only what may be written
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}(\.\w+)?")


@contextlib.contextmanager
def atomic(path: str | os.PathLike[str], *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success flush it to disk and rename it to `path`.

    The temporary name keeps the suffix, since writers choose a format by it. On any error, `path` is left as it
    was and the temporary file is removed. Without `durable`, nothing waits for the disk: the file is whole for every
    reader, but a power cut soon after may still take it.

    Raises
    ------
    PellucidError
        If the folder cannot be made or written to.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.stem[:80]}.{secrets.token_hex(4)}{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if durable:
            _sync(os.open(temporary, _TO_SYNC))
        temporary.replace(target)
        if durable:
            with contextlib.suppress(PermissionError):  # Windows does not open folders; the file is there all the same
                _sync(os.open(target.parent, os.O_RDONLY))
    except OSError as error:
        if error.errno is None:  # not the system's word, but a library's
            raise
        raise PellucidError(f"cannot write {target}: {error.strerror or error}. Choose another place.") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` (UTF-8) to `path` atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], values: Any) -> None:
    """Write `values` to `path` as indented JSON, atomically; floats that are not finite become null."""
    write_text(path, json.dumps(_finite(values), indent=2, allow_nan=False) + "\n")


def _finite(values: Any) -> Any:
    if isinstance(values, float):
        return values if math.isfinite(values) else None
    if isinstance(values, Mapping):
        return {key: _finite(value) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [_finite(value) for value in values]
    return values


def sweep(folder: Path) -> None:
    """Delete what killed processes have left half written in `folder` and below; nothing may be written there now."""
    for path in list(folder.rglob(".*")):
        if _TEMPORARY.fullmatch(path.name) and path.is_file():
            path.unlink()


def _sync(descriptor: int) -> None:
    """Ask the system to put an open file, or a folder's list of names, on disk; close it."""
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
