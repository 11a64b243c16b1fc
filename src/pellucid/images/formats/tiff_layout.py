"""The layout of a TIFF page, checked against what pellucid reads and against the file's size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.images.formats import tiff_header as tag
from pellucid.images.formats.picture import Limits
from pellucid.images.formats.source import Source
from pellucid.images.formats.tiff_header import Directories, Directory

MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, YCBCR = 0, 1, 2, 3, 6
NONE, JPEG, PACKBITS = 1, 7, 32773
UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 0, 1, 2
COMPRESSIONS = {
    NONE: "none",
    2: "CCITT RLE",
    3: "CCITT fax 3",
    4: "CCITT fax 4",
    5: "LZW",
    JPEG: "JPEG",
    8: "deflate",
    32946: "deflate",
    PACKBITS: "PackBits",
    34925: "LZMA",
    50000: "Zstandard",
}
"""Only these decoders may be reached by a stranger's TIFF."""
_RATIOS = {5: 2731, 8: 1032, 32946: 1032, PACKBITS: 64, 2: 2560, 3: 2560}  # the most that a byte can expand to
_CCITT = (2, 3, 4)
_REDUCED = 1  # in NewSubfileType: a smaller version of another page
_DTYPES = {
    (1, 1): np.bool_,
    (1, 8): np.uint8,
    (1, 16): np.uint16,
    (3, 16): np.float16,
    (3, 32): np.float32,
    (3, 64): np.float64,
}
_FINE = 2**22  # bytes of a strip or tile, decoded, up to which a few of them are read in place of the whole page
_FORMATS = {1: "unsigned", 2: "signed", 3: "floating", 4: "undefined", 5: "complex signed", 6: "complex floating"}


@dataclass(frozen=True)
class Layout:
    """One page: its size, its samples, and where they are."""

    width: int
    height: int
    samples: int
    bits: int
    dtype: np.dtype[np.generic]
    photometric: int
    extra: int | None
    planar: bool
    compression: int
    predictor: int
    tile: tuple[int, int] | None
    rows: int
    offsets: NDArray[np.uint64]
    counts: NDArray[np.uint64]

    @property
    def colours(self) -> int:
        """1 for gray, 3 for colour."""
        return 1 if self.photometric in (MIN_IS_WHITE, MIN_IS_BLACK) else 3

    @property
    def plain(self) -> bool:
        """Whether its values are those of the image, or their negative, in order: no palette, planes, bits or JPEG."""
        gray_or_rgb = self.photometric in (MIN_IS_WHITE, MIN_IS_BLACK, RGB)
        return gray_or_rgb and not self.planar and self.bits >= 8 and self.compression != JPEG

    @property
    def fine(self) -> bool:
        """Whether its strips or tiles are small, so that a part of the page is read by decoding few of them."""
        height, width = self.tile or (self.rows, self.width)
        return height * width * self.samples * self.dtype.itemsize <= _FINE


def layouts(source: Source, found: Directories, limits: Limits) -> list[tuple[int, Directory, Layout]]:
    """Return the number, the tags and the layout of every page; reduced versions (thumbnails, pyramids) are left out.

    Raises
    ------
    PellucidError, ValueError
        If pellucid does not read one of the pages, or its data is not complete.
    """
    result = []
    pixels = 0
    for number, directory in enumerate(found.pages):
        if directory.one(tag.SUBFILE, 0) & _REDUCED:
            continue
        _refuse_hidden(source.name, directory, len(found.pages))
        layout = _layout(source, directory)
        pixels = limits.check_size(source.name, layout.width, layout.height, pixels)
        _check_data(source, layout)
        result.append((number, directory, layout))
    if not result:
        raise ValueError("it holds only reduced versions")
    return result


def _refuse_hidden(name: str, directory: Directory, pages: int) -> None:
    """Refuse files with further planes that have no directory: they would be lost."""
    text = directory.tags.get(tag.DESCRIPTION, b"")
    planes = [line[7:] for line in text.split(b"\n") if line.startswith(b"images=")] if text[:7] == b"ImageJ=" else []
    more = planes and planes[0].strip().isdigit() and int(planes[0][:18]) > pages
    if more or tag.HIDDEN_PLANES in directory.tags or (b'{"shape":' in text and b'"truncated": true' in text):
        raise PellucidError(f"{name} has further planes in a private format; expected pages. Save it as a plain TIFF.")


def _layout(source: Source, directory: Directory) -> Layout:
    name, one, many = source.name, directory.one, directory.many
    if tag.WIDTH not in directory.tags or tag.LENGTH not in directory.tags:
        raise ValueError("a page has no size")
    samples = one(tag.SAMPLES, 1)
    bits = set(many(tag.BITS) or (1,))
    formats = set(many(tag.SAMPLE_FORMAT) or (1,))
    photometric, compression = one(tag.PHOTOMETRIC, -1), one(tag.COMPRESSION, NONE)
    if one(tag.DEPTH, 1) != 1 or one(tag.TILE_DEPTH, 1) != 1:
        raise PellucidError(f"{name} holds a volume; expected pages. Save one page for each plane.")
    if compression not in COMPRESSIONS:
        known = ", ".join(dict.fromkeys(COMPRESSIONS.values()))
        raise PellucidError(f"{name} has the compression {compression}; expected one of {known}. Save it with LZW.")
    if len(bits) != 1 or len(formats) != 1:
        raise PellucidError(f"{name} has channels of different types; expected one type. Save it with one type.")
    depth, form = bits.pop(), formats.pop()
    dtype = _DTYPES.get((form, depth))
    if photometric == PALETTE and form == 1 and depth in (1, 2, 4, 8):
        dtype = np.bool_ if depth == 1 else np.uint8
    if dtype is None or (dtype == np.bool_ and samples > 1):
        raise PellucidError(
            f"{name} has {depth}-bit {_FORMATS.get(form, 'unknown')} samples; expected 1, 8 or 16 bits unsigned, or "
            "floating numbers in [0, 1]. Convert it first."
        )
    extra = _extra(name, photometric, samples, many(tag.EXTRA_SAMPLES), compression)
    tiled = tag.TILE_WIDTH in directory.tags
    tile = (one(tag.TILE_LENGTH, 0), one(tag.TILE_WIDTH, 0)) if tiled else None
    if tile and (min(tile) < 1 or max(tile) > 2**16):
        raise ValueError(f"it has tiles of {tile[1]}x{tile[0]} pixels")
    height = one(tag.LENGTH, 0)
    rows = min(one(tag.ROWS_PER_STRIP, height), height)
    if (rows < 1 and height and not tile) or one(tag.PLANAR, 1) not in (1, 2) or one(tag.FILL_ORDER, 1) not in (1, 2):
        raise ValueError("its strips, planes or bit order are undefined")
    predictor = one(tag.PREDICTOR, 1)
    if predictor not in (1, 2, 3) or (predictor > 1 and depth < 8) or (predictor == 3) > (form == 3):
        raise ValueError(f"it has the predictor {predictor}")
    return Layout(
        width=one(tag.WIDTH, 0),
        height=height,
        samples=samples,
        bits=depth,
        dtype=np.dtype(dtype),
        photometric=photometric,
        extra=extra,
        planar=one(tag.PLANAR, 1) == 2 and samples > 1,
        compression=compression,
        predictor=predictor,
        tile=tile,
        rows=rows,
        offsets=directory.bulk(tag.TILE_OFFSETS if tile else tag.STRIP_OFFSETS),
        counts=directory.bulk(tag.TILE_COUNTS if tile else tag.STRIP_COUNTS),
    )


def _extra(name: str, photometric: int, samples: int, extras: tuple[int, ...], compression: int) -> int | None:
    """Return what the sample after the colours is, or None if there is none."""
    colours = {MIN_IS_WHITE: 1, MIN_IS_BLACK: 1, RGB: 3, PALETTE: 1}.get(photometric, 0)
    if photometric == YCBCR and compression == JPEG:
        colours = 3  # the decoder gives RGB
    if not colours:
        raise PellucidError(
            f"{name} has the colours of TIFF's photometric interpretation {photometric}; expected gray, RGB or a "
            "palette. Convert it to RGB first."
        )
    if samples == colours:
        return None
    extra = extras[0] if extras else UNSPECIFIED
    # Four samples without names are an old way to write RGBA; two could be anything.
    if samples != colours + 1 or photometric == PALETTE or (extra not in (1, 2) and photometric != RGB):
        raise PellucidError(
            f"{name} has {samples} samples a pixel, of which {colours} are colours and the others are not named alpha; "
            "expected gray or RGB, with alpha or without. Save each channel as a page."
        )
    return extra if extra in (UNSPECIFIED, ASSOCIATED, UNASSOCIATED) else UNSPECIFIED


def _check_data(source: Source, layout: Layout) -> None:
    """Check that every strip or tile is in the file and long enough; missing ones would be read as zeros."""
    height, width = layout.tile or (layout.rows, layout.width)
    if layout.tile and height * width > 4 * max(2**20, layout.width * layout.height):
        raise ValueError(f"it has tiles of {width}x{height} pixels")
    planes = layout.samples if layout.planar else 1
    across = -(-layout.width // width)
    expected = planes * across * -(-layout.height // height)
    if len(layout.offsets) != expected or len(layout.counts) != expected:
        raise ValueError(f"it has {len(layout.offsets)} strips or tiles, expected {expected}")
    if layout.compression in _CCITT and layout.bits != 1:
        raise ValueError("its compression is for 1 bit")
    size = np.uint64(source.size)
    offsets, counts = layout.offsets, layout.counts
    missing = (offsets == 0) | (counts == 0) | (offsets > size) | (counts > size) | (offsets + counts > size)
    if missing.any():
        raise ValueError(f"strip or tile {missing.argmax()} is missing")
    ratio = 1 if layout.compression == NONE else _RATIOS.get(layout.compression, 0)
    per_row = -(-width * layout.bits * (layout.samples // planes) // 8)
    rows = np.full(expected, height, np.uint64)
    if not layout.tile:
        rows.reshape(planes, -1)[:, -1] = layout.height - (expected // planes - 1) * height
    few = counts * np.uint64(ratio) < rows * np.uint64(per_row)
    if ratio and few.any():
        raise ValueError(f"strip or tile {few.argmax()} is too short for its pixels")
