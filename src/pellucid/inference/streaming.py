"""Denoising files that need not fit in memory: read plane by plane, large planes band by band, written as it comes.

Streams are TIFF files in strips or tiles (pages of 8 bits or more, gray or colour), `.npy` arrays, and folders of zarr,
all of any number of planes. Neither the input nor the output is ever whole in memory.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, Report, atomic
from pellucid.domain import MEMORY, SIDE, Finding, check_rows
from pellucid.images import (
    Extent,
    Limits,
    NpyRows,
    Rows,
    Scale,
    TiffRows,
    ValueRange,
    Volume,
    ZarrCopy,
    ZarrRows,
    fill_holes,
    is_zarr,
    layout_of,
    measure_pages,
    needs_look,
    open_rows,
    page_options,
    tiff_form,
)
from pellucid.inference.denoiser import WHOLE, Denoise, Denoiser, denoise_plane
from pellucid.inference.memory import Budget
from pellucid.inference.notes import Notes
from pellucid.inference.tiling import Tiling

LIMITS = Limits(pixels=2**42, bytes=2**46)
"""Far above those of files that are read whole."""

TILE = 256
"""Side of the tiles of a large TIFF page that is written, in pixels."""

_LOOKED_AT = 2**20  # values that are looked at together
_SPARSE = 16  # lines of segments in a file, from which on four of them are decoded to be looked at
_CLASSIC = 2**32 - 2**26  # bytes of pixels that a TIFF holds; a BigTIFF holds more


def can_stream(source: Path | str, target: Path | str) -> bool:
    """Say whether one file can be read, and another written, in bands: two of a format that allows it."""
    kinds = [_STREAMED.get(Path(path).suffix.lower()) for path in (source, target)]
    if is_zarr(Path(source)):
        kinds[0] = "zarr"
    return kinds[0] is not None and kinds[0] == kinds[1]


class Planes(Sequence[Rows]):
    """The planes of a file, each opened when it is asked for.

    Parameters
    ----------
    path : of the file
    folder : for scratch files, if it is a zarr
    axes : of an array, as in `images.read_picture`

    Attributes
    ----------
    sizes : of the planes
    volume : the zarr, if it is one
    """

    def __init__(self, path: Path, folder: Path, axes: str | None = None) -> None:
        self.path, self._axes = path, axes
        self.sizes = measure_pages(path, LIMITS, axes=axes)
        self.volume = Volume(path, axes) if is_zarr(path) else None
        self._unpacked = self.volume.unpacked(folder) if self.volume else None

    def __enter__(self) -> Planes:
        return self

    def __exit__(self, *_: object) -> None:
        if self._unpacked:
            self._unpacked.close()

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: Any) -> Any:
        """Open one plane."""
        page = range(len(self))[index]
        if self.volume:
            return ZarrRows(self.volume, page, self._unpacked)
        return open_rows(self.path, LIMITS, page=page, axes=self._axes)


def denoise_stream(
    denoiser: Denoise,
    source: Path,
    target: Path,
    budget: Budget | None = None,
    report: Report | None = None,
    notes: Notes | None = None,
    *,
    value_range: ValueRange | None = None,
    axes: str | None = None,
    durable: bool = True,
) -> None:
    """Denoise a TIFF, `.npy` or zarr file into another of the same format, within a bound on memory.

    Parameters
    ----------
    denoiser : the model, or another function from image to image, which takes whole planes
    source, target : files of the same format; `target` appears whole or not at all
    budget : of memory, for this model; without one, a few planes are in memory
    report : called with the number of rows done; of a file of several planes, with that of planes
    notes : what is found of the image before `target` is begun goes there, and may refuse it
    value_range : the values that are black and white, for what is no `Denoiser`, which has its own
    axes : of an array, as in `images.read_picture`
    durable : wait until the file is on disk

    Raises
    ------
    PellucidError
        If the file cannot be read in bands, is damaged or refused, or the budget is too small; the text says how much
        it takes.
    """
    existing = next(folder for folder in target.absolute().parents if folder.is_dir())
    with Planes(source, existing, axes) as planes:
        largest: Rows = planes[int(np.argmax([size.bytes for size in planes.sizes]))]
        if any(rows.dtype != largest.dtype for rows in planes):
            raise PellucidError(
                f"{source} cannot be streamed: its pages are of several types. Leave out the bound on memory.",
                argument="memory",
            )
        held = planes.volume.held if planes.volume else 0
        tiling = budget.tiling(lambda tiling: held + _band_bytes(largest, tiling)) if budget else None
        known = denoiser.known_range(largest.dtype) if isinstance(denoiser, Denoiser) else value_range
        looked = needs_look(largest.dtype) or known not in (None, (0.0, 255.0))
        extent = reduce(operator.or_, map(_extent, planes)) if looked else Extent(0, 255, (0, 255))
        scale = Scale.by(largest.dtype, lambda: extent, known)
        if notes:
            if planes.volume:
                notes.add(planes.volume.image.notes)
            if isinstance(denoiser, Denoiser):
                for rows in planes:
                    notes.found(_check(denoiser, rows, scale))
                notes.channels(denoiser.card, layout_of(largest.shape, largest.dtype).colours)
            if known is None:
                notes.range(largest.dtype, scale)
            notes.holes(extent.holes, sum(size.bytes for size in planes.sizes) // largest.dtype.itemsize)
        alone = len(planes) == 1
        bands = partial(_bands, denoiser, tiling=tiling, scale=scale, report=report if alone else None)
        with atomic(target, durable=durable) as temporary:
            for done in _WRITERS[type(largest)](temporary, planes, bands):
                if report and not alone:
                    report(done)


def _band_bytes(rows: Rows, tiling: Tiling) -> int:
    """What streaming holds at once besides the model's run: a band read, its segments, a band written."""
    line = math.prod(rows.shape[1:]) * rows.dtype.itemsize
    # A third line of segments: the last that was looked at before the run began.
    bands = line * (2 * tiling.read_side + 3 * rows.depth + 2 * max(tiling.core, TILE))
    whole = 3 * line * rows.shape[0] if rows.shape[0] * rows.shape[1] <= WHOLE else 0
    return max(bands, whole, line * (SIDE + 2 * rows.depth) + MEMORY)


def _extent(rows: Rows) -> Extent:
    """Look at all values, band by band: a part of them would not tell whether the result may be kept in the range."""
    depth = max(rows.depth, _LOOKED_AT // max(1, math.prod(rows.shape[1:])))
    height = rows.shape[0]
    bands = (_upright(rows, top, min(top + depth, height)) for top in range(0, height, depth))
    return reduce(operator.or_, map(Extent.of, bands))


def _check(denoiser: Denoiser, rows: Rows, scale: Scale) -> tuple[Finding, ...]:
    """Look at a few rows: evenly spaced where a small part of the file holds them, else the first ones."""
    height, width = rows.shape[:2]
    seen = height if _SPARSE * rows.depth <= height else min(height, max(rows.depth, SIDE))
    told = denoiser.value_range is not None
    return check_rows(denoiser.card, seen, width, partial(_upright, rows), scale, told=told)


def _upright(rows: Rows, begin: int, end: int) -> NDArray[Any]:
    """Rows in which white is the largest value."""
    given = rows.rows(begin, end)
    return np.invert(given) if rows.inverted else given


def _bands(
    denoiser: Denoise, rows: Rows, tiling: Tiling | None, scale: Scale, report: Report | None
) -> Iterator[NDArray[Any]]:
    """Yield the denoised image in bands of the tiling's core; without a tiling, as it is denoised in memory."""
    height, width = rows.shape[:2]
    if tiling is None:
        if not isinstance(denoiser, Denoiser) or height * width <= WHOLE:
            whole = denoise_plane(denoiser, _upright(rows, 0, height), scale)
            yield np.invert(whole) if rows.inverted else whole
            return
        tiling = denoiser.tiling
    assert isinstance(denoiser, Denoiser)
    for span in tiling.spans(height):
        given, holes = fill_holes(_upright(rows, span.read_begin, span.read_end))
        band = np.empty((span.end - span.begin, *rows.shape[1:]), rows.dtype)
        for columns in tiling.spans(width):
            piece = denoiser.piece(given[:, columns.read], scale)
            band[:, columns.own] = piece[span.crop, columns.crop]
        if holes is not None:
            missing = holes[span.crop]
            band[missing] = rows.rows(span.begin, span.end)[missing]
        if rows.inverted:
            np.invert(band, out=band)
        if report:
            report(span.end)
        yield band


def _write_array(target: Path, planes: Planes, bands: Any) -> Iterator[int]:
    """Write an array plane by plane; yield how many are done."""
    first: Rows = planes[0]
    shape = np.load(planes.path, mmap_mode="r", allow_pickle=False).shape
    with target.open("wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(first.dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for done, rows in enumerate(planes, 1):
            for band in bands(rows):
                file.write(np.ascontiguousarray(band).data)
            yield done


def _write_tiff(target: Path, planes: Planes, bands: Any) -> Iterator[int]:
    """Write a TIFF page by page; yield how many are done."""
    import tifffile

    form = tiff_form(planes.path, LIMITS)
    big = form.big or sum(size.bytes for size in planes.sizes) > _CLASSIC
    order: Any = ">" if form.big_endian else "<"
    with tifffile.TiffWriter(target, bigtiff=big, byteorder=order, ome=False) as writer:
        for number, rows in enumerate(planes):
            options = page_options(form, number, rows.shape, rows.dtype)
            if rows.shape[0] * rows.shape[1] <= WHOLE:
                writer.write(np.concatenate(list(bands(rows))), **options, maxworkers=1)
            else:
                options["tile"] = (TILE, TILE)
                tiles = _tiles(rows, bands(rows))
                writer.write(tiles, shape=rows.shape, dtype=rows.dtype, **options, maxworkers=1)
            yield number + 1


def _write_zarr(target: Path, planes: Planes, bands: Any) -> Iterator[int]:
    """Write a zarr slab by slab, then its pyramid; yield how many planes are done."""
    volume = planes.volume
    assert volume
    done = 0
    with ZarrCopy(volume, target) as result:
        for pages in volume.slabs():
            for plane, page in enumerate(pages):
                top = 0
                for band in bands(planes[page]):
                    result.put(plane, top, band)
                    top += len(band)
                done += 1
                if done < len(planes):
                    yield done
            result.write(pages)
        result.finish()
        yield done


_STREAMED = {".npy": "array", ".tif": "TIFF", ".tiff": "TIFF", ".zarr": "zarr"}
_WRITERS = {NpyRows: _write_array, TiffRows: _write_tiff, ZarrRows: _write_zarr}


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
