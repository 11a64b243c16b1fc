"""Opening a stranger's file: only a regular one of limited size, recognised by its first bytes."""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import warnings
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from pellucid.common import PellucidError, one_line
from pellucid.images.formats.picture import Limits

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_File = TypeVar("_File", bound="ImageFile")

_SIGNATURES = (
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("TIFF", re.compile(rb"II[*+]\0|MM\0[*+]")),
    ("WEBP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("BMP", re.compile(rb"BM")),
    ("PNM", re.compile(rb"P[1-6]\s")),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("AVIF", re.compile(rb"....ftypavi[fs]", re.DOTALL)),
    ("JPEG2000", re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51")),
    ("JPEGXL", re.compile(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n")),
    ("NPY", re.compile(rb"\x93NUMPY")),
    ("NPZ", re.compile(rb"PK\x03\x04")),
    ("DICOM", re.compile(rb".{128}DICM", re.DOTALL)),
    ("FITS", re.compile(rb"SIMPLE  = ")),
    ("MRC", re.compile(rb".{208}MAP[ \0]", re.DOTALL)),
)
_OTHERS = (
    ("a HEIC photograph", re.compile(rb"....ftyp(hei[cxms]|hev[cx]|mif1|msf1)", re.DOTALL)),
    ("a film", re.compile(rb"....(ftyp|moov|mdat)|\x1aE\xdf\xa3|RIFF....AVI |\0\0\x01[\xb3\xba]", re.DOTALL)),
    ("a PDF", re.compile(rb"%PDF")),
    ("a Photoshop file", re.compile(rb"8BPS")),
    ("an OpenEXR image", re.compile(rb"v/1\x01")),
    ("a raw photograph", re.compile(rb"FUJIFILM|IIRO|IIU\0|FOVb|II\x1a\0")),
    ("an archive", re.compile(rb"\x1f\x8b|7z\xbc\xaf|Rar!")),
    ("an HDF5 or MATLAB file", re.compile(rb"\x89HDF|MATLAB 5")),
    ("a text", re.compile(rb"(\xef\xbb\xbf)?[\t\n\r\x20-\x7e]+\Z")),
)
"""What users take for images, and how it is told from its first bytes."""
_ZARR = ("zarr.json", ".zgroup", ".zarray")  # one of them is in every folder of zarr, of version 3 or 2
_START = 256  # bytes of a file by which it is recognised
_LONGEST_REASON = 160  # characters of a decoder's own message


@dataclass(frozen=True)
class Source:
    """An open file: what errors call it, its bytes, its size, its kind, and its path if it has one."""

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
    """Open a path, or bytes, and recognise what kind of image it claims to be.

    Raises
    ------
    PellucidError
        If it is missing, not a regular file, empty, too large, or of no kind that pellucid reads.
    """
    if isinstance(source, bytes):
        yield _recognised(one_line(name or "image"), io.BytesIO(source), len(source), limits, None)
        return
    path = source if isinstance(source, Path) else Path(source)
    label = one_line(path if name is None else name)
    if is_zarr(path):
        yield Source(label, io.BytesIO(), 0, "ZARR", path)
        return
    with contextlib.ExitStack() as stack:
        try:
            _refuse_irregular(label, path.stat().st_mode)  # before opening: opening a pipe may wait for ever
            file = stack.enter_context(io.BufferedReader(io.FileIO(path, opener=_open_without_waiting)))
            state = os.fstat(file.fileno())
        except OSError as error:
            raise PellucidError(f"cannot read {label}: {error.strerror}. Check the name.") from error
        except ValueError as error:  # a null character
            raise PellucidError(f"cannot read {label}: {error}. Check the name.") from error
        _refuse_irregular(label, state.st_mode)
        yield _recognised(label, file, state.st_size, limits, path)


def is_zarr(path: Path) -> bool:
    """Whether a path is a folder of zarr, which counts as one file: by its ending, or by what lies in it."""
    return path.is_dir() and (path.suffix.lower() == ".zarr" or holds_zarr(path))


def holds_zarr(path: Path) -> bool:
    """Whether there is zarr in a folder."""
    return any((path / name).is_file() for name in _ZARR)


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _refuse_irregular(label: str, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise PellucidError(f"{label} is a folder; expected an image file. Name the files in it.")
    if not stat.S_ISREG(mode):
        raise PellucidError(f"{label} is a pipe, socket or device; expected a file. Save it to one first.")


def _recognised(label: str, file: BinaryIO, size: int, limits: Limits, path: Path | None) -> Source:
    if size == 0:
        raise PellucidError(f"{label} is empty (0 bytes); expected an image file.")
    if size > limits.bytes:
        raise PellucidError(f"{label} has {size} bytes, more than the limit of {limits.bytes}. Cut it up first.")
    try:
        start = file.read(_START)
    except OSError as error:
        raise PellucidError(f"cannot read {label}: {error.strerror}. Get a whole copy.") from error
    for kind, signature in _SIGNATURES:
        if signature.match(start):
            return Source(label, file, size, kind, path)
    what = next((what for what, signature in _OTHERS if signature.match(start[:16])), "of an unknown kind")
    kinds = ", ".join(kind for kind, _ in _SIGNATURES)
    raise unsupported(label, f"it is {what}, not an image that pellucid reads ({kinds})")


def unsupported(name: str, what: str, remedy: str = "Convert it first.") -> PellucidError:
    """Return the error for a whole file that is only of another kind than those that pellucid reads."""
    return PellucidError(f"{name} is not supported: {what}. {remedy}")


def animated(name: str, frames: int) -> PellucidError:
    """Return the error for a film."""
    return unsupported(name, f"animated, {frames} frames", "Save its frames as files.")


def open_with(plugin: type[_File], source: Source, limits: Limits, modes: Container[str]) -> _File:
    """Read the header of a file with one of Pillow's plugins.

    `Image.open` is not used: it may call other decoders, depending on what is in the file.

    Raises
    ------
    PellucidError
        If the image is larger than the limits, or of none of the colour modes `modes`.
    """
    source.file.seek(0)
    opened = plugin(source.file)
    limits.check_size(source.name, opened.width, opened.height)
    if opened.mode not in modes:
        raise unsupported(source.name, f"the colour mode {opened.mode}; expected gray or RGB")
    return opened


@contextlib.contextmanager
def decoding(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises on hostile bytes into one sentence, and silence its warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters is raised
            yield
    except (PellucidError, MemoryError):
        raise
    except Exception as error:
        reason = one_line(" ".join(str(error).split()))[:_LONGEST_REASON].rstrip(".") or type(error).__name__
        if reason.lower().startswith("unsupported "):
            raise unsupported(name, f"it has an {reason[0].lower()}{reason[1:]}") from error
        raise PellucidError(f"{name} is damaged or truncated: {reason}. Get a whole copy.") from error
