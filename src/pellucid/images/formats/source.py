"""Opening a stranger's file: a regular one, of a bounded size, told apart by its first bytes, named on one line."""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pellucid.common import PellucidError, one_line
from pellucid.images.formats.picture import Limits

_SIGNATURES = (
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("TIFF", re.compile(rb"II[*+]\0|MM\0[*+]")),
    ("WEBP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("BMP", re.compile(rb"BM")),
    ("PNM", re.compile(rb"P[1-6]\s")),
    ("NPY", re.compile(rb"\x93NUMPY")),
)
_LONGEST_REASON = 160  # characters of a decoder's own words


@dataclass(frozen=True)
class Source:
    """An open file: how errors call it, its bytes, its size, its kind, and its path if it has one."""

    name: str
    file: BinaryIO
    size: int
    kind: str
    path: Path | None = None

    def read(self) -> bytes:
        """Return the whole file."""
        self.file.seek(0)
        return self.file.read(self.size)


@contextlib.contextmanager
def open_source(source: str | os.PathLike[str] | bytes, limits: Limits, name: str | None = None) -> Iterator[Source]:
    """Open a path, or bytes, and say what kind of image it claims to be.

    Raises
    ------
    PellucidError
        If it is missing, not a regular file, empty, too large, or of no kind that pellucid reads.
    """
    if isinstance(source, bytes):
        yield _told_apart(one_line(name or "image"), io.BytesIO(source), len(source), limits, None)
        return
    path = Path(source)
    label = one_line(path if name is None else name)
    with contextlib.ExitStack() as stack:
        try:
            _refuse_irregular(label, path.stat().st_mode)  # before opening: that alone can wait for ever
            file = stack.enter_context(io.BufferedReader(io.FileIO(path, opener=_open_at_once)))
            state = os.fstat(file.fileno())
        except OSError as error:
            raise PellucidError(f"cannot read {label}: {error.strerror}. Check the name.") from error
        except ValueError as error:  # a null character
            raise PellucidError(f"cannot read {label}: {error}. Check the name.") from error
        _refuse_irregular(label, state.st_mode)
        yield _told_apart(label, file, state.st_size, limits, path)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _refuse_irregular(label: str, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise PellucidError(f"{label} is a folder; expected an image file. Name the files in it.")
    if not stat.S_ISREG(mode):
        raise PellucidError(f"{label} is a pipe, socket or device; expected a file. Save it to one first.")


def _told_apart(label: str, file: BinaryIO, size: int, limits: Limits, path: Path | None) -> Source:
    if size == 0:
        raise PellucidError(f"{label} is empty (0 bytes); expected an image file.")
    if size > limits.bytes:
        raise PellucidError(f"{label} has {size} bytes, more than the limit of {limits.bytes}. Cut it up first.")
    with decoding(label):
        start = file.read(16)
    for kind, signature in _SIGNATURES:
        if signature.match(start):
            return Source(label, file, size, kind, path)
    raise PellucidError(
        f"{label} is not an image that pellucid reads ({', '.join(kind for kind, _ in _SIGNATURES)}). Convert it first."
    )


@contextlib.contextmanager
def decoding(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises on hostile bytes into one sentence, and keep its warnings to ourselves."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters about a file is raised
            yield
    except (PellucidError, MemoryError):
        raise
    except Exception as error:
        reason = one_line(" ".join(str(error).split()))[:_LONGEST_REASON].rstrip(".") or type(error).__name__
        raise PellucidError(f"{name} is damaged or truncated: {reason}. Get a whole copy.") from error
