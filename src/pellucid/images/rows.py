"""Images in files that are read in parts: in bands of rows from the top to the bottom, or in windows anywhere."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.images.axes import axes_of
from pellucid.images.contract import layout_of
from pellucid.images.formats import npy, tiff, zarr
from pellucid.images.formats.npy import LONGEST_HEADER, parse_header
from pellucid.images.formats.picture import Limits
from pellucid.images.formats.source import open_source
from pellucid.images.formats.zarr import Unpacked, Volume

if TYPE_CHECKING:
    from tifffile import TiffPage

_LIMITS = Limits()
_VOLUMES = 8  # zarrs that stay open, each with some chunks
_KEPT = 64  # files whose directories are remembered


class Rows(Protocol):
    """An image of which parts are read without the rest; values are as they are stored, in the machine's order."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    depth: int
    """Rows that are decoded together, at the least."""
    inverted: bool
    """Whether the file stores white as 0."""

    def rows(self, begin: int, end: int) -> NDArray[Any]:
        """Return the rows `begin` to `end`; `begin` never decreases, but to start from the top once more."""
        ...

    def window(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a part of the image; nothing is kept.

        Raises
        ------
        PellucidError
            If the file cannot be read, is damaged, or has changed since it was opened.
        """
        ...


def open_rows(path: Path, limits: Limits = _LIMITS, *, page: int = 0, axes: str | None = None) -> Rows:
    """Open a page of a `.npy`, TIFF or zarr file to be read in parts.

    Parameters
    ----------
    page : which of them, in the order of `Picture.pages`
    axes : of an array, as in `read_picture`

    Raises
    ------
    PellucidError
        If the file is of another kind, damaged, larger than the limits, or cannot be read in parts.
    """
    # A careful reader goes first: tifffile and NumPy trust what a file says of itself.
    with open_source(path, limits) as source:
        if source.kind == "NPY":
            npy.size(source, limits, axes)
            return NpyRows(path, page, axes)
        if source.kind == "ZARR":
            zarr.size(source, limits, axes)
            state = path.stat()
            return ZarrRows(_volume(path, axes, (state.st_ino, state.st_mtime_ns)), page)
        if source.kind != "TIFF":
            raise PellucidError(
                f"{source.name} is {source.kind}; expected TIFF, .npy or zarr, of which parts can be read.",
                argument="memory",
            )
    state = path.stat()
    place = _places(path, limits, (state.st_size, state.st_mtime_ns))[page]
    if place is None:
        raise PellucidError(
            f"{path} cannot be streamed: expected upright pages, gray or RGB, of 8 bits or more, with their channels "
            "side by side. Save it so, or leave out the bound on memory.",
            argument="memory",
        )
    import tifffile

    try:
        with tifffile.TiffFile(path) as opened:
            opened.filehandle.seek(place)  # to ask for the page by its number would follow all before it
            return TiffRows(tifffile.TiffPage(opened, index=page), path)
    except PellucidError:
        raise
    except OSError as error:
        raise _unreadable(path, error) from error
    except Exception as error:  # as above
        raise PellucidError(f"{path} is not a TIFF file that pellucid reads, or it is damaged: {error}.") from error


@lru_cache(_KEPT)
def _places(path: Path, limits: Limits, stamp: tuple[int, int]) -> tuple[int | None, ...]:
    """Return where the directories of a TIFF file are; they are checked once, not for each of a thousand pages."""
    with open_source(path, limits) as source:
        return tiff.places(source, limits)


def tiff_form(path: Path, limits: Limits = _LIMITS) -> tiff.TiffForm:
    """Return how the pages of a TIFF file are stored."""
    with open_source(path, limits) as source:
        return tiff.form_of(source, limits)


def _unreadable(path: Path, error: OSError) -> PellucidError:
    return PellucidError(f"cannot read {path}: {error.strerror or error}.")


class _File:
    """A file that is opened anew for every part, so that thousands need not be open; it must not change meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._stamp = self._now(path.stat())
        except OSError as error:
            raise _unreadable(path, error) from error

    @staticmethod
    def _now(state: os.stat_result) -> tuple[int, int]:
        return state.st_size, state.st_mtime_ns

    def open(self) -> BinaryIO:
        try:
            file = self.path.open("rb", buffering=0)
        except OSError as error:
            raise _unreadable(self.path, error) from error
        if self._now(os.fstat(file.fileno())) != self._stamp:
            file.close()
            raise PellucidError(f"{self.path} has changed since it was opened. Restore it, or begin anew.")
        return file

    def fill(self, file: BinaryIO, offset: int, target: NDArray[Any]) -> None:
        """Read the bytes of a contiguous array."""
        view = target.reshape(-1).view(np.uint8)
        done = 0
        file.seek(offset)
        while done < len(view):
            count = file.readinto(view[done:])  # type: ignore[attr-defined]  # of `RawIOBase`; at most 2 GB at once
            if not count:
                raise PellucidError(f"{self.path} is truncated. Get it again.")
            done += count

    def window(
        self, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any], rows: range, columns: range
    ) -> NDArray[Any]:
        """Read a part of an array that lies in the file row by row from `offset` on."""
        pixel = int(np.prod(shape[2:])) * dtype.itemsize
        part = np.empty((len(rows), len(columns), *shape[2:]), dtype)
        if not part.size:
            return part
        with self.open() as file:
            if len(columns) == shape[1]:
                self.fill(file, offset + rows.start * shape[1] * pixel, part)
            else:
                for row, line in zip(rows, part, strict=True):
                    self.fill(file, offset + (row * shape[1] + columns.start) * pixel, line)
        return part


class NpyRows:
    """The rows of an image in a `.npy` file, read by position: a memory map would count as memory in use."""

    depth = 1
    inverted = False

    def __init__(self, path: Path, page: int = 0, axes: str | None = None) -> None:
        try:
            with path.open("rb") as file:
                whole, columns_first, self.dtype, self._offset = parse_header(file.read(LONGEST_HEADER))
        except (OSError, ValueError, EOFError) as error:
            raise PellucidError(f"{path} is not a NumPy array file that pellucid reads: {error}.") from error
        if columns_first:
            raise PellucidError(f"{path} is not stored row by row. Save it as a C-ordered array.")
        axes = axes_of(axes, whole, str(path))
        image = "YXS" if "S" in axes else "YX"
        if not axes.endswith(image):
            raise PellucidError(
                f"{path} cannot be streamed: its axes are {axes}, expected {image} as the last ones. Save it so, or "
                "leave out the bound on memory.",
                argument="memory",
            )
        self.shape = whole[-len(image) :]
        layout_of(self.shape, self.dtype, str(path))
        self._file = _File(path)
        self._offset += page * int(np.prod(self.shape)) * self.dtype.itemsize
        if path.stat().st_size < self._offset + int(np.prod(self.shape)) * self.dtype.itemsize:
            raise PellucidError(f"{path} is truncated: it is shorter than its header says. Get it again.")

    def rows(self, begin: int, end: int) -> NDArray[Any]:
        """See `Rows`."""
        return self.window(slice(begin, end), slice(None))

    def window(self, rows: slice, columns: slice) -> NDArray[Any]:
        """See `Rows`."""
        return self._file.window(self._offset, self.shape, self.dtype, *_ranges(self.shape, rows, columns))


class TiffRows:
    """The parts of a TIFF page.

    Strips and tiles that a window touches are decoded for it alone; by `rows`, each is decoded once, and kept as long
    as it is needed.
    """

    def __init__(self, page: TiffPage, path: Path) -> None:
        self.page = page
        self._file = _File(path)
        upright = "Orientation" not in page.tags or page.tags["Orientation"].value == 1
        plain = page.photometric in (0, 1, 2) and page.planarconfig == 1 and page.imagedepth == 1 and page.dtype != bool
        if not upright or not plain or page.dtype is None:
            raise PellucidError(
                f"{path} cannot be streamed: expected upright pages, gray or RGB, of 8 bits or more, with its "
                "channels side by side. Save it so, or leave out the bound on memory.",
                argument="memory",
            )
        self.shape, self.dtype = tuple(page.shape), page.dtype
        layout_of(self.shape, self.dtype, str(path))
        self.inverted = page.photometric == 0 and np.issubdtype(self.dtype, np.integer)
        # A file in one uncompressed piece is read by position.
        self._plain = page.dataoffsets[0] if page.is_contiguous and page.is_memmappable else None
        self._height, self._width = (
            (page.tilelength, page.tilewidth)
            if page.is_tiled
            else (min(page.rowsperstrip, self.shape[0]), self.shape[1])
        )
        self.depth = 1 if self._plain is not None else min(self._height, self.shape[0])
        self._across = -(-self.shape[1] // self._width)
        self._kept: dict[int, NDArray[Any]] = {}

    def rows(self, begin: int, end: int) -> NDArray[Any]:
        """See `Rows`."""
        if self._plain is not None:
            return self.window(slice(begin, end), slice(None))
        self._kept = {line: band for line, band in self._kept.items() if (line + 1) * self._height > begin}
        result = np.empty((end - begin, *self.shape[1:]), self.dtype)
        for line in range(begin // self._height, -(-end // self._height)):
            top = line * self._height
            if line not in self._kept:
                self._kept[line] = self._decoded(
                    range(top, min(top + self._height, self.shape[0])), range(self.shape[1])
                )
            low, high = max(begin, top), min(end, top + self._height)
            result[low - begin : high - begin] = self._kept[line][low - top : high - top]
        return result

    def window(self, rows: slice, columns: slice) -> NDArray[Any]:
        """See `Rows`."""
        wanted = _ranges(self.shape, rows, columns)
        if self._plain is None:
            return self._decoded(*wanted)
        stored = self.dtype.newbyteorder(self.page.parent.byteorder)
        return self._file.window(self._plain, self.shape, stored, *wanted).astype(self.dtype, copy=False)

    def _decoded(self, rows: range, columns: range) -> NDArray[Any]:
        """Decode the strips or tiles that hold a part of the image, and return that part."""
        part = np.empty((len(rows), len(columns), *self.shape[2:]), self.dtype)
        with self._file.open() as file:
            for line in range(rows.start // self._height, -(-rows.stop // self._height)):
                for place in range(columns.start // self._width, -(-columns.stop // self._width)):
                    piece = self._segment(file, line * self._across + place)
                    # Where the two overlap, counted in the image.
                    top, left = line * self._height, place * self._width
                    begin, end = max(rows.start, top), min(rows.stop, top + len(piece))
                    low, high = max(columns.start, left), min(columns.stop, left + piece.shape[1])
                    part[begin - rows.start : end - rows.start, low - columns.start : high - columns.start] = piece[
                        begin - top : end - top, low - left : high - left
                    ]
        return part

    def _segment(self, file: BinaryIO, index: int) -> NDArray[Any]:
        """Decode a strip or tile, (height, width) or (height, width, channels)."""
        page = self.page
        file.seek(page.dataoffsets[index])
        count = page.databytecounts[index]
        try:
            raw = file.read(count)
            if not count or len(raw) < count:
                raise ValueError("a part of it is missing")
            decoded, _, _ = page.decode(raw, index, jpegtables=page.jpegtables, jpegheader=page.jpegheader)
            piece: NDArray[Any] = np.asarray(decoded)[0]
            return piece.reshape(*piece.shape[:2], *self.shape[2:])
        except Exception as error:  # decoders raise nearly anything on damaged bytes
            raise PellucidError(f"{self._file.path} is damaged or truncated: {error}.") from error


class ZarrRows:
    """The parts of a plane of a zarr.

    Parameters
    ----------
    volume : it, with the chunks that it keeps for windows; all its planes share them
    page : which plane
    unpacked : where rows are read from; None reads windows
    """

    depth = 1
    inverted = False

    def __init__(self, volume: Volume, page: int, unpacked: Unpacked | None = None) -> None:
        self.shape, self.dtype = volume.plane, volume.dtype
        layout_of(self.shape, self.dtype, str(volume.path))
        self._volume, self._page, self._unpacked = volume, page, unpacked

    def rows(self, begin: int, end: int) -> NDArray[Any]:
        """See `Rows`."""
        if self._unpacked:
            return self._unpacked.rows(self._page, begin, end)
        return self.window(slice(begin, end), slice(None))

    def window(self, rows: slice, columns: slice) -> NDArray[Any]:
        """See `Rows`."""
        return self._volume.window(self._page, *_ranges(self.shape, rows, columns))


@lru_cache(_VOLUMES)
def _volume(path: Path, axes: str | None, stamp: tuple[int, int]) -> Volume:
    """Open a zarr once for all its planes; `stamp` tells another one of the same name."""
    return Volume(path, axes)


def _ranges(shape: tuple[int, ...], rows: slice, columns: slice) -> tuple[range, range]:
    """Return the rows and columns of an image that slices stand for."""
    return range(*rows.indices(shape[0])), range(*columns.indices(shape[1]))
