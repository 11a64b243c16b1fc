"""Denoising files that need not fit in memory: read band by band, run tile by tile, written as it comes.

Streams are TIFF files in strips or tiles (one page, 8 or 16 bit or float, gray or colour) and `.npy` arrays. Neither
the input nor the output is ever whole in memory.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import Report, atomic
from pellucid.domain import MEMORY, SIDE, Finding, check_rows
from pellucid.images import Extent, Limits, Rows, Scale, TiffRows, fill_holes, layout_of, open_rows
from pellucid.inference.denoiser import Denoiser
from pellucid.inference.memory import Budget
from pellucid.inference.notes import Notes
from pellucid.inference.tiling import Tiling

LIMITS = Limits(pixels=2**42, bytes=2**46)
"""Far above those of files that are read whole."""

TILE = 256
"""Side of the tiles of a TIFF file that is written, in pixels."""

_LOOKED_AT = 2**20  # values that are looked at together

_SPARSE = 16  # lines of segments in a file, from which on four of them are decoded to be looked at


def can_stream(path: Path | str) -> bool:
    """Say whether a file is of a format that can be read in bands."""
    return Path(path).suffix.lower() in (".npy", ".tif", ".tiff")


def denoise_stream(
    denoiser: Denoiser,
    source: Path,
    target: Path,
    budget: Budget,
    report: Report | None = None,
    notes: Notes | None = None,
) -> None:
    """Denoise a TIFF or `.npy` file into another of the same format within a bound on memory.

    Parameters
    ----------
    denoiser : the model
    source, target : files of the same format; `target` appears whole or not at all
    budget : of memory, for this model
    report : called with the number of rows done
    notes : what is found of the image before `target` is begun goes there, and may refuse it

    Raises
    ------
    PellucidError
        If the file cannot be read in bands, is damaged or refused, or the budget is too small; the text says how much
        it takes.
    """
    rows = open_rows(source, LIMITS)
    tiling = budget.tiling(lambda tiling: _band_bytes(rows, tiling))
    known = denoiser.known_range(rows.dtype)
    scale = Scale.by(rows.dtype, lambda: _extent(rows), known)
    if notes:
        notes.found(_check(denoiser, rows, scale, told=denoiser.value_range is not None))
        if known is None:
            notes.range(rows.dtype, scale)
        notes.channels(denoiser.card, layout_of(rows.shape, rows.dtype).colours)
    bands = _bands(denoiser, rows, tiling, scale, report)
    with atomic(target) as temporary:
        if isinstance(rows, TiffRows):
            _write_tiff(temporary, rows, bands)
            return
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


def _band_bytes(rows: Rows, tiling: Tiling) -> int:
    """What streaming holds at once besides the model's run: a band read, its segments, a band written."""
    line = int(np.prod(rows.shape[1:])) * rows.dtype.itemsize
    # A third line of segments: the last that was looked at before the run began.
    bands = line * (2 * tiling.read_side + 3 * rows.depth + 2 * max(tiling.core, TILE))
    return max(bands, line * (SIDE + 2 * rows.depth) + MEMORY)


def _extent(rows: Rows) -> Extent:
    """Look at all values, band by band: a part of them would not tell whether the result may be kept in the range."""
    depth = max(rows.depth, _LOOKED_AT // max(1, int(np.prod(rows.shape[1:]))))
    tops = range(0, rows.shape[0], depth)
    return reduce(operator.or_, (Extent.of(_upright(rows, top, min(top + depth, rows.shape[0]))) for top in tops))


def _check(denoiser: Denoiser, rows: Rows, scale: Scale, *, told: bool) -> tuple[Finding, ...]:
    """Look at a few rows: evenly spaced where a small part of the file holds them, else the first ones."""
    height, width = rows.shape[:2]
    seen = height if _SPARSE * rows.depth <= height else min(height, max(rows.depth, SIDE))
    return check_rows(denoiser.card, seen, width, lambda begin, end: _upright(rows, begin, end), scale, told=told)


def _upright(rows: Rows, begin: int, end: int) -> NDArray[Any]:
    """Rows in which white is the largest value."""
    given = rows.rows(begin, end)
    return np.invert(given) if rows.inverted else given


def _bands(
    denoiser: Denoiser, rows: Rows, tiling: Tiling, scale: Scale, report: Report | None
) -> Iterator[NDArray[Any]]:
    """Yield the denoised image in bands of the tiling's core."""
    height, width = rows.shape[:2]
    for span in tiling.spans(height):
        given, holes = fill_holes(_upright(rows, span.read_begin, span.read_end))
        band = np.empty((span.end - span.begin, *rows.shape[1:]), rows.dtype)
        for columns in tiling.spans(width):
            piece = denoiser.piece(given[:, columns.read], scale)
            band[:, columns.own] = piece[span.crop, columns.crop]
        if holes is not None:
            band[holes[span.crop]] = np.nan
        if rows.inverted:
            np.invert(band, out=band)
        if report:
            report(span.end)
        yield band


def _write_tiff(target: Path, rows: TiffRows, bands: Iterator[NDArray[Any]]) -> None:
    import tifffile

    page = rows.page
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
