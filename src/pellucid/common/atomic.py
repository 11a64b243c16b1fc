"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from pellucid.common.errors import PellucidError

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
            _sync(temporary)
        temporary.replace(target)
        if durable:
            _sync(target.parent)
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


def sweep(folder: Path) -> None:
    """Delete what killed processes have left half written in `folder` and below; nothing may be written there now."""
    for path in list(folder.rglob(".*")):
        if _TEMPORARY.fullmatch(path.name) and path.is_file():
            path.unlink()


def _sync(path: Path) -> None:
    """Ask the system to put a file, or a folder's list of names, on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
