"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import secrets
import shutil
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

    What is made there may be a file or a folder; a folder at `path` is replaced, too (it is gone for a moment then).
    The temporary name keeps the suffix, since writers choose a format by it. On any error, `path` is left as it
    was and what is at the temporary path is removed. Without `durable`, nothing waits for the disk: the file is whole
    for every reader, but a power cut soon after may still take it.

    Raises
    ------
    PellucidError
        If the folder cannot be made or written to.
    """
    target = Path(path)
    temporary = _beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if durable:
            _flush(temporary)
        if temporary.is_dir() and target.is_dir():
            _replace_folder(temporary, target)
        else:
            temporary.replace(target)
        if durable:
            with contextlib.suppress(PermissionError):  # Windows does not open folders; the file is there all the same
                _sync(os.open(target.parent, os.O_RDONLY))
    except OSError as error:
        if error.errno is None:  # not the system's word, but a library's
            raise
        raise PellucidError(f"cannot write {target}: {error.strerror or error}. Choose another place.") from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.stem[:80]}.{secrets.token_hex(4)}{target.suffix}")


def _replace_folder(folder: Path, target: Path) -> None:
    """Put a folder in the place of another, which comes back if that fails: no system renames over a full folder."""
    before = target.rename(_beside(target))
    try:
        folder.rename(target)
    except BaseException:
        before.rename(target)
        raise
    shutil.rmtree(before, ignore_errors=True)


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


def _flush(path: Path) -> None:
    """Put a file, or a folder with all that is in it, on disk."""
    if not path.is_dir():
        _sync(os.open(path, _TO_SYNC))
    elif hasattr(os, "sync"):  # of a folder there may be a hundred thousand files
        os.sync()


def _sync(descriptor: int) -> None:
    """Ask the system to put an open file, or a folder's list of names, on disk; close it."""
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
