"""Denoising files that need not fit in memory: read band by band, run tile by tile, written as it comes.

Streams are TIFF files in strips or tiles (one page, 8 or 16 bit or float, gray or colour) and `.npy` arrays. Neither
the input nor the output is ever whole in memory.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.denoise import Denoiser
from pellucid.errors import PellucidError
from pellucid.files import atomic
from pellucid.formats import Limits, probe
from pellucid.formats.npy import LONGEST_HEADER, parse_header
from pellucid.images import to_unit
from pellucid.memory import fit_core
from pellucid.progress import Report
from pellucid.tiling import Tiling

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

LIMITS = Limits(pixels=2**42, bytes=2**46)
"""Far above those of files that are read whole."""

TILE = 256
"""Side of the tiles of a TIFF file that is written, in pixels."""


class Rows(Protocol):
    """An image that is read in bands of rows, from the top to the bottom."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    depth: int
    """Rows that are decoded together, at the least."""
    inverted: bool
    """Whether the file stores white as 0."""

    def rows(self, begin: int, end: int) -> NDArray[Any]:
        """Return the rows `begin` to `end`; `begin` never decreases from call to call."""
        ...


class NpyRows:
    """The rows of an image in a `.npy` file, read by position: a memory map would count as memory in use."""

    depth = 1
    inverted = False

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("rb") as file:
                self.shape, columns_first, self.dtype, self._offset = parse_header(file.read(LONGEST_HEADER))
        except (OSError, ValueError, EOFError) as error:
            raise PellucidError(f"{path} is not a NumPy array file that pellucid reads: {error}.") from error
        if columns_first:
            raise PellucidError(f"{path} is not stored row by row. Save it as a C-ordered array.")
        _check_form(self.shape, self.dtype, path)
        self._stride = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        if path.stat().st_size < self._offset + self._stride * self.shape[0]:
            raise PellucidError(f"{path} is truncated: it is shorter than its header says. Get it again.")

    def rows(self, begin: int, end: int) -> NDArray[Any]:
        """See `Rows`."""
        count = (end - begin) * self._stride // self.dtype.itemsize
        flat = np.fromfile(self._path, self.dtype, count, offset=self._offset + begin * self._stride)
        return flat.reshape(end - begin, *self.shape[1:])


class TiffRows:
    """The rows of a TIFF page; a segment (strip or tile) is decoded once and kept as long as it is needed."""

    def __init__(self, opened: TiffFile, path: Path) -> None:
        page = opened.pages.first
        self._file, self._page, self._path = opened.filehandle, page, path
        upright = "Orientation" not in page.tags or page.tags["Orientation"].value == 1
        plain = page.photometric in (0, 1, 2) and page.planarconfig == 1 and page.imagedepth == 1 and page.dtype != bool
        if len(opened.pages) != 1 or not upright or not plain or page.dtype is None:
            raise PellucidError(
                f"{path} cannot be streamed: expected one upright page, gray or RGB, of 8 bits or more, with its "
                "channels side by side. Leave --memory out, or save it so."
            )
        self.shape, self.dtype = tuple(page.shape), page.dtype
        _check_form(self.shape, self.dtype, path)
        self.inverted = page.photometric == 0 and np.issubdtype(self.dtype, np.integer)
        # A file in one uncompressed piece is read by position.
        self._plain = page.dataoffsets[0] if page.is_contiguous and page.is_memmappable else None
        self.depth = (
            1
            if self._plain is not None
            else min(page.tilelength if page.is_tiled else page.rowsperstrip, self.shape[0])
        )
        self._across = -(-page.imagewidth // page.tilewidth) if page.is_tiled else 1
        self._kept: dict[int, NDArray[Any]] = {}

    def rows(self, begin: int, end: int) -> NDArray[Any]:
        """See `Rows`."""
        if self._plain is not None:
            stride = int(np.prod(self.shape[1:])) * self.dtype.itemsize
            self._file.seek(self._plain + begin * stride)
            raw = self._file.read((end - begin) * stride)
            kind = self.dtype.newbyteorder(self._page.parent.byteorder)
            if len(raw) < (end - begin) * stride:
                raise PellucidError(f"{self._path} is truncated. Get it again.")
            return np.frombuffer(raw, kind).astype(self.dtype).reshape(end - begin, *self.shape[1:])
        self._kept = {line: band for line, band in self._kept.items() if (line + 1) * self.depth > begin}
        result = np.empty((end - begin, *self.shape[1:]), self.dtype)
        for line in range(begin // self.depth, -(-end // self.depth)):
            if line not in self._kept:
                self._kept[line] = self._decode(line)
            top = line * self.depth
            low, high = max(begin, top), min(end, top + self.depth)
            result[low - begin : high - begin] = self._kept[line][low - top : high - top]
        return result

    def _decode(self, line: int) -> NDArray[Any]:
        """Decode one line of segments into rows as wide as the image."""
        page = self._page
        height = min(self.depth, self.shape[0] - line * self.depth)
        band = np.empty((height, *self.shape[1:]), self.dtype)
        for index in range(line * self._across, (line + 1) * self._across):
            offset, count = page.dataoffsets[index], page.databytecounts[index]
            self._file.seek(offset)
            raw = self._file.read(count)
            try:
                if not count or len(raw) < count:
                    raise ValueError("a part of it is missing")
                decoded, place, _ = page.decode(raw, index, jpegtables=page.jpegtables, jpegheader=page.jpegheader)
            except Exception as error:  # decoders raise nearly anything on damaged bytes
                raise PellucidError(f"{self._path} is damaged or truncated: {error}.") from error
            left = place[3]
            piece = np.asarray(decoded)[0, :height, : self.shape[1] - left]
            band[:, left : left + piece.shape[1]] = piece.reshape(height, -1, *self.shape[2:])
        return band


def _check_form(shape: tuple[int, ...], dtype: np.dtype[Any], path: Path) -> None:
    """Refuse what is not one image, by the rules for arrays in memory."""
    to_unit(np.zeros([min(length, 1) for length in shape[:2]] + list(shape[2:]), dtype), str(path))


def can_stream(path: Path) -> bool:
    """Say whether a file is of a format that can be read in bands."""
    return path.suffix.lower() in (".npy", ".tif", ".tiff")


def denoise_stream(denoiser: Denoiser, source: Path, target: Path, memory: int, report: Report | None = None) -> None:
    """Denoise a TIFF or `.npy` file into another of the same format within a bound on memory.

    Parameters
    ----------
    denoiser : the model
    source, target : files of the same format; `target` appears whole or not at all
    memory : the most that the process may occupy (peak resident set), in bytes
    report : called with the number of rows done

    Raises
    ------
    PellucidError
        If the file cannot be read in bands, is damaged, or `memory` is too small; the text says how much it takes.
    """
    with contextlib.ExitStack() as stack:
        rows, page = _open(source, stack)
        tiling = fit_core(denoiser, memory, lambda tiling: _band_bytes(rows, tiling))
        bands = _bands(denoiser, rows, tiling, report)
        with atomic(target) as temporary:
            if page is None:
                with temporary.open("wb") as file:
                    np.lib.format.write_array_header_1_0(
                        file,
                        {
                            "descr": np.lib.format.dtype_to_descr(rows.dtype),
                            "fortran_order": False,
                            "shape": rows.shape,
                        },
                    )
                    for band in bands:
                        file.write(np.ascontiguousarray(band).data)
            else:
                _write_tiff(temporary, rows, page, bands)


def _open(source: Path, stack: contextlib.ExitStack) -> tuple[Rows, TiffPage | None]:
    probe(source, limits=LIMITS)  # a careful reader goes first: tifffile and NumPy trust what a file says of itself
    if source.suffix.lower() == ".npy":
        return NpyRows(source), None
    import tifffile

    try:
        opened = stack.enter_context(tifffile.TiffFile(source))
        return TiffRows(opened, source), opened.pages.first
    except PellucidError:
        raise
    except OSError as error:
        raise PellucidError(f"cannot read {source}: {error.strerror or error}.") from error
    except Exception as error:  # as above
        raise PellucidError(f"{source} is not a TIFF file that pellucid reads, or it is damaged: {error}.") from error


def _band_bytes(rows: Rows, tiling: Tiling) -> int:
    """What streaming holds at once besides the model's run: a band read, its segments, a band written."""
    line = int(np.prod(rows.shape[1:])) * rows.dtype.itemsize
    return line * (2 * tiling.read_side + 2 * rows.depth + 2 * max(tiling.core, TILE))


def _bands(denoiser: Denoiser, rows: Rows, tiling: Tiling, report: Report | None) -> Iterator[NDArray[Any]]:
    """Yield the denoised image in bands of the tiling's core."""
    height, width = rows.shape[:2]
    for span in tiling.spans(height):
        given = rows.rows(span.read_begin, span.read_end)
        if rows.inverted:
            given = np.invert(given)
        band = np.empty((span.end - span.begin, *rows.shape[1:]), rows.dtype)
        for columns in tiling.spans(width):
            piece = denoiser.piece(given[:, columns.read])
            band[:, columns.own] = piece[span.crop, columns.crop]
        if rows.inverted:
            np.invert(band, out=band)
        if report:
            report(span.end)
        yield band


def _write_tiff(target: Path, rows: Rows, page: Any, bands: Iterator[NDArray[Any]]) -> None:
    import tifffile

    compression = page.compression if page.compression in (5, 8, 32946, 50000) else None
    colours = rows.shape[2] if len(rows.shape) == 3 else 1
    extra: dict[str, Any] = {}
    if page.extrasamples:
        extra["extrasamples"] = page.extrasamples
    if page.iccprofile:
        extra["iccprofile"] = page.iccprofile
    if "XResolution" in page.tags and "YResolution" in page.tags:
        extra["resolution"] = tuple(page.tags[name].value for name in ("XResolution", "YResolution"))
        extra["resolutionunit"] = page.tags["ResolutionUnit"].value if "ResolutionUnit" in page.tags else 2
    tifffile.imwrite(
        target,
        _tiles(rows, bands),
        shape=rows.shape,
        dtype=rows.dtype,
        tile=(TILE, TILE),
        photometric=page.photometric,
        planarconfig="contig" if colours > 1 else None,
        compression=compression,
        metadata=None,
        maxworkers=1,
        **extra,
    )


def _tiles(rows: Rows, bands: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Cut bands of any height into full TIFF tiles, row by row."""
    height, width = rows.shape[:2]
    waiting: list[NDArray[Any]] = []
    have = done = 0
    for band in bands:
        waiting.append(band)
        have += len(band)
        while have >= TILE or (done + have == height and have):
            together = np.concatenate(waiting) if len(waiting) > 1 else waiting[0]
            line, rest = together[:TILE], together[TILE:]
            waiting, have = ([rest] if len(rest) else []), len(rest)
            done += len(line)
            for left in range(0, width, TILE):
                tile = line[:, left : left + TILE]
                lack = [(0, TILE - tile.shape[0]), (0, TILE - tile.shape[1])] + [(0, 0)] * (tile.ndim - 2)
                yield np.pad(tile, lack) if any(after for _, after in lack) else np.ascontiguousarray(tile)
