"""TIFF and BigTIFF: pages of 1, 8 and 16 bits and of floats; tiled, compressed, planar; decoded by tifffile.

Nothing reaches tifffile before `tiff_layout` has checked it. Pages are written with the photometric interpretation,
planes, resolution, description, profile, tiles and lossless compression that they came with; what came with CCITT or
JPEG compression is written with deflate, and a palette as RGB or gray. Other tags, thumbnails and pyramids are dropped.
Pages in which 0 is white are inverted when they are read, and again when they are written; floats are left as they are.
"""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pellucid.images.formats import palette
from pellucid.images.formats import tiff_header as tag
from pellucid.images.formats import tiff_layout as page_kind
from pellucid.images.formats.metadata import checked_dpi, checked_icc, swapped, turned
from pellucid.images.formats.picture import Form, Limits, Picture, Size, channels, squeezed
from pellucid.images.formats.source import Source, decoding
from pellucid.images.formats.tiff_header import Directory, Rational, read_directories
from pellucid.images.formats.tiff_layout import Layout, layouts

_WRITTEN = {1: None, 5: "lzw", 32773: "packbits", 34925: "lzma", 50000: "zstd"}  # others: deflate
_UNITS = {2: 1.0, 3: 2.54}  # of resolution, inch and centimetre: the factor to dots per inch


@dataclass(frozen=True)
class TiffPage:
    """How one page is stored; `resolution` is (x, y, unit)."""

    photometric: int
    extra: int | None = None
    planar: bool = False
    compression: int = 1
    predictor: int = 1
    tile: tuple[int, int] | None = None
    resolution: tuple[Rational, Rational, int] | None = None
    description: bytes | None = field(default=None, repr=False)
    icc: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class TiffForm:
    """The pages, whether the file is big-endian, and whether it is a BigTIFF."""

    pages: tuple[TiffPage, ...]
    big_endian: bool = False
    big: bool = False


def _layouts(source: Source, limits: Limits) -> tuple[list[tuple[int, Directory, Layout]], TiffForm, int]:
    """Return the pages, how they are stored, and how many there are with reduced versions."""
    found = read_directories(source.file, source.size)
    every = layouts(source, found, limits)
    pages = tuple(_stored(source.name, directory, layout) for _, directory, layout in every)
    return every, TiffForm(pages, found.big_endian, found.big), len(found.pages)


def size(source: Source, limits: Limits) -> list[Size]:
    """Return the size of every page from the directories alone."""
    with decoding(source.name):
        every, _, number = _layouts(source, limits)
        result = []
        for _, directory, layout in every:
            orientation = directory.one(tag.ORIENTATION, 1)
            height, width = swapped((layout.height, layout.width), orientation)
            gray = layout.photometric == page_kind.PALETTE and palette.is_gray(_colours(directory, layout.bits))
            # A strip or tile of a compressed page is decoded whole, whatever part of it is wanted.
            direct = layout.compression == page_kind.NONE or layout.fine
            parts = direct and layout.plain and orientation == 1 and number == 1
            result.append(Size(height, width, 1 if gray else layout.colours, layout.dtype.itemsize, parts))
    return result


def read(source: Source, limits: Limits) -> Picture:
    """Read every page."""
    with decoding(source.name):
        every, form, _ = _layouts(source, limits)
        for _, _, layout in every:
            if layout.compression == page_kind.JPEG:
                _check_jpegs(source, layout)
        import tifffile

        logging.getLogger("tifffile").addHandler(_SILENCE)
        source.file.seek(0)
        with tifffile.TiffFile(source.file) as opened:
            pages = tuple(_decode(opened.pages[number], directory, layout) for number, directory, layout in every)
        palettes = [_colours(each, layout.bits) for _, each, layout in every if layout.photometric == page_kind.PALETTE]
    first = form.pages[0]
    notes = tuple(dict.fromkeys(map(palette.note, palettes)))
    return Picture(pages, Form(kind="TIFF", dpi=_dpi(first), icc=first.icc, extra=form, notes=notes))


_SILENCE = logging.NullHandler()
"""Without a handler, Python would show tifffile's warnings on the terminal. Those of an application still get them."""


def _stored(name: str, directory: Directory, layout: Layout) -> TiffPage:
    tags, orientation = directory.tags, directory.one(tag.ORIENTATION, 1)
    x, y = tags.get(tag.X_RESOLUTION, (0, 0)), tags.get(tag.Y_RESOLUTION, (0, 0))
    x, y = swapped((x, y), orientation)
    unit = directory.one(tag.RESOLUTION_UNIT, 2)
    tile = layout.tile if layout.tile and all(side % 16 == 0 for side in layout.tile) else None
    return TiffPage(
        photometric=page_kind.RGB if layout.photometric == page_kind.YCBCR else layout.photometric,
        extra=layout.extra,
        planar=layout.planar,
        compression=layout.compression,
        predictor=layout.predictor,
        tile=tile,
        resolution=(x, y, unit) if all((*x, *y)) and unit in (1, *_UNITS) else None,
        description=tags.get(tag.DESCRIPTION, b"").split(b"\0")[0] or None,
        icc=checked_icc(name, tags.get(tag.ICC)),
    )


def _dpi(page: TiffPage) -> tuple[float, float] | None:
    if page.resolution is None or page.resolution[2] not in _UNITS:
        return None
    (x, x_part), (y, y_part), unit = page.resolution
    return checked_dpi(x / x_part * _UNITS[unit], y / y_part * _UNITS[unit])


def _check_jpegs(source: Source, layout: Layout) -> None:
    """Check that no JPEG in the file claims more pixels than its strip or tile has."""
    height, width = layout.tile or (layout.rows, layout.width)
    for offset, count in zip(layout.offsets.tolist(), layout.counts.tolist(), strict=True):
        source.file.seek(offset)
        data = source.file.read(count)
        place = 2
        while place + 9 <= len(data) and data[place] == 0xFF:
            marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                precision, rows, columns = struct.unpack(">BHH", data[place + 4 : place + 9])
                if precision != 8 or rows > height + 15 or columns > width + 15:
                    raise ValueError(f"a strip or tile holds a JPEG of {columns}x{rows} pixels")
                break
            place += 2 + length
        else:
            raise ValueError("a strip or tile holds no JPEG")


def _decode(page: Any, directory: Directory, layout: Layout) -> NDArray[Any]:
    """Return the page, (H, W) or (H, W, C): 0 is black, palettes are resolved, upright."""
    tile = (page.tilelength, page.tilewidth) if page.is_tiled else None
    agreed = (
        (page.imagewidth, page.imagelength, page.samplesperpixel, page.bitspersample, int(page.compression), tile)
        == (layout.width, layout.height, layout.samples, layout.bits, layout.compression, layout.tile)
        and np.array_equal(page.dataoffsets, layout.offsets)
        and np.array_equal(page.databytecounts, layout.counts)
    )
    if not agreed:
        raise ValueError("it is a dialect of TIFF that pellucid does not read")
    array = np.asarray(page.asarray(squeeze=False, maxworkers=1))
    # Its axes are planes, depth, rows, columns, and samples in a plane.
    array = np.moveaxis(array[:, 0, ..., 0], 0, 2) if layout.planar else array[0, 0]
    if array.shape != (layout.height, layout.width, layout.samples):
        raise ValueError(f"its pixels have the shape {array.shape}")
    array = squeezed(array).astype(layout.dtype, copy=False)
    if layout.photometric == page_kind.PALETTE:
        array = palette.resolve(array.astype(np.uint8), _colours(directory, layout.bits))
    elif layout.photometric == page_kind.MIN_IS_WHITE:
        array = _inverted(array)
    return turned(array, directory.one(tag.ORIENTATION, 1))


def _colours(directory: Directory, bits: int) -> NDArray[np.uint8]:
    """Return the colour map (N, 3); it is stored in 16 bits, by some programs in 8."""
    table = np.array(directory.many(tag.COLOUR_MAP), np.uint32)
    if len(table) != 3 * 2**bits:
        raise ValueError("its palette is missing")
    return (table >> (8 if table.max() > 255 else 0)).astype(np.uint8).reshape(3, -1).T


def _inverted(page: NDArray[Any]) -> NDArray[Any]:
    """Exchange black and white of the gray, not of an alpha channel."""
    if np.issubdtype(page.dtype, np.floating):
        return page
    if page.ndim == 2:
        return ~page
    return np.concatenate([~page[..., :1], page[..., 1:]], axis=2)


def write(picture: Picture, stream: BinaryIO) -> None:
    """Write every page to a stream that can seek."""
    import tifffile

    own = picture.form.extra if isinstance(picture.form.extra, TiffForm) else TiffForm(())
    bytes_in_all = sum(page.nbytes for page in picture.pages)
    with tifffile.TiffWriter(
        stream, bigtiff=own.big or bytes_in_all > 2**32 - 2**25, byteorder=">" if own.big_endian else "<"
    ) as writer:
        for number, page in enumerate(picture.pages):
            stored = own.pages[number] if number < len(own.pages) else _new(picture)
            data, options = _options(squeezed(page), stored)
            writer.write(data, **options)


def _new(picture: Picture) -> TiffPage:
    """Return how a page is stored that came from no TIFF."""
    form = picture.form
    resolution = None
    if form.dpi:
        x, y = form.dpi
        resolution = ((round(x * 1000), 1000), (round(y * 1000), 1000), 2)
    return TiffPage(photometric=page_kind.MIN_IS_BLACK, resolution=resolution, icc=form.icc)


def _options(page: NDArray[Any], stored: TiffPage) -> tuple[NDArray[Any], dict[str, Any]]:
    options: dict[str, Any] = {"metadata": None, "software": False, "photometric": "minisblack"}
    extra = page_kind.UNASSOCIATED if stored.extra is None else stored.extra
    if channels(page) > 2:
        options["photometric"] = "rgb"
    elif stored.photometric == page_kind.MIN_IS_WHITE:
        page, options["photometric"] = _inverted(page), "miniswhite"
    if channels(page) in (2, 4):
        options["extrasamples"] = [extra]
    if channels(page) > 1:
        options["planarconfig"] = "separate" if stored.planar else "contig"
        page = np.moveaxis(page, 2, 0) if stored.planar else page
    if stored.tile:
        options["tile"] = stored.tile
    options["compression"] = compression = _WRITTEN.get(stored.compression, "adobe_deflate")
    if stored.predictor > 1 and compression and page.dtype != np.bool_:
        options["predictor"] = stored.predictor
    if stored.resolution:
        x, y, unit = stored.resolution
        options |= {"resolution": (x, y), "resolutionunit": unit}
    if stored.description:
        options["description"] = stored.description
    if stored.icc:
        options["iccprofile"] = stored.icc
    return np.ascontiguousarray(page), options
