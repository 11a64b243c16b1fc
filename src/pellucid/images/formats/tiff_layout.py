"""The layout of a TIFF page, checked against what pellucid reads and against the file's size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.images.formats import tiff_header as tag
from pellucid.images.formats import tiff_stack
from pellucid.images.formats.picture import Limits
from pellucid.images.formats.source import Source
from pellucid.images.formats.tiff_header import Directories, Directory

MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, CMYK, YCBCR, CIELAB, ICCLAB = 0, 1, 2, 3, 5, 6, 8, 9
NONE, FAX_3, JPEG, PACKBITS, LERC, WEBP, PNG = 1, 3, 7, 32773, 34887, 50001, 34933
APERIO_YCBCR, JPEG_2000, JPEG_XR, JPEG_XL = 33003, (33003, 33004, 33005, 34712), (22610, 34934), (50002, 52546)
UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 0, 1, 2
COMPRESSIONS = {
    NONE: "none",
    2: "CCITT RLE",
    FAX_3: "CCITT fax 3",
    4: "CCITT fax 4",
    5: "LZW",
    JPEG: "JPEG",
    8: "deflate",
    32946: "deflate",
    PACKBITS: "PackBits",
    34925: "LZMA",
    50000: "Zstandard",
    **dict.fromkeys(JPEG_2000, "JPEG 2000"),
    **dict.fromkeys(JPEG_XR, "JPEG XR"),
    **dict.fromkeys(JPEG_XL, "JPEG XL"),
    WEBP: "WebP",
    LERC: "LERC",
    PNG: "PNG",
}
"""Only these decoders may be reached by a stranger's TIFF."""
IMAGES = (JPEG, *JPEG_2000, *JPEG_XR, *JPEG_XL, WEBP, LERC, PNG)
"""Compressions whose strips and tiles are images with headers of their own (see `tiff_inner`)."""
LOSSY = tuple(each for each in IMAGES if each != PNG)
_OTHERS = {
    6: "JPEG of TIFF 6.0",
    9: "JBIG",
    10: "JBIG",
    99: "lossless JPEG",
    32766: "NeXT",
    32767: "Sony ARW",
    32769: "packed raw",
    32771: "CCITT RLE in words",
    32809: "ThunderScan",
    32895: "IT8",
    32896: "IT8",
    32897: "IT8",
    32898: "IT8",
    32908: "Pixar film",
    32909: "Pixar log",
    32947: "Kodak DCS",
    33007: "JPEG of another kind",
    34661: "JBIG",
    34676: "SGI LogLuv",
    34677: "SGI LogLuv 24",
    34713: "Nikon NEF",
    34715: "JBIG2",
    34892: "JPEG of DNG",
    34926: "Zstandard under an old number",
    34927: "WebP under an old number",
    48124: "Jetraw",
    50013: "Pixtiff",
    65000: "EER",
    65001: "EER",
    65002: "EER",
}  # named, so that the user knows what to look for
_SAMPLES = {MIN_IS_WHITE: 1, MIN_IS_BLACK: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, CIELAB: 3, ICCLAB: 3}
CONVERTED = (CMYK, YCBCR, CIELAB, ICCLAB)
_COLOURS = {
    CMYK: "CMYK",
    YCBCR: "YCbCr",
    CIELAB: "CIELab",
    ICCLAB: "CIELab",
    4: "a transparency mask",
    10: "ITU Lab",
    32803: "the mosaic of a camera",
    32844: "LogL",
    32845: "LogLuv",
    34892: "linear raw",
}
_RATIOS = {5: 2731, 8: 1032, 32946: 1032, PACKBITS: 64, 2: 2560, 3: 2560}  # the most that a byte can expand to
CCITT = (2, FAX_3, 4)
_REDUCED = 1  # in NewSubfileType: a smaller version of another page
_DTYPES: dict[tuple[int, int], type[np.generic]] = {
    (1, 1): np.bool_,
    **{(1, bits): np.uint8 for bits in range(2, 9)},
    **{(1, bits): np.uint16 for bits in range(9, 17)},
    (1, 32): np.uint32,
    (1, 64): np.uint64,
    (2, 8): np.int8,
    (2, 16): np.int16,
    (2, 32): np.int32,
    (2, 64): np.int64,
    (3, 16): np.float16,
    (3, 32): np.float32,
    (3, 64): np.float64,
}
_MOST_PAGES = 2**20
_FINE = 2**22  # bytes of a strip or tile, decoded, up to which a few of them are read in place of the whole page
_FORMATS = {1: "unsigned", 2: "signed", 3: "floating", 4: "undefined", 5: "complex signed", 6: "complex floating"}


@dataclass(frozen=True)
class Layout:
    """One directory: its size, its samples, and where they are.

    Attributes
    ----------
    extras : what the samples after the colours are
    split : whether each sample is an image of its own
    depth, tile_depth : of a volume
    planes : images that lie one after another, of which only the first has its place in the directory
    """

    width: int
    height: int
    samples: int
    bits: int
    dtype: np.dtype[np.generic]
    photometric: int
    extras: tuple[int, ...]
    split: bool
    planar: bool
    compression: int
    predictor: int
    tile: tuple[int, int] | None
    rows: int
    offsets: NDArray[np.uint64]
    counts: NDArray[np.uint64]
    depth: int = 1
    tile_depth: int = 1
    planes: int = 1

    @property
    def whole(self) -> bool:
        """Whether values fill their type."""
        return self.bits in (1, 8 * self.dtype.itemsize)

    @property
    def frames(self) -> int:
        """The number of images, the samples of one taken together."""
        return self.planes * self.depth

    @property
    def pages(self) -> int:
        """The number of images."""
        return self.frames * (self.samples if self.split else 1)

    @property
    def colours(self) -> int:
        """1 for gray, 3 for colour."""
        return 1 if self.split or self.photometric in (MIN_IS_WHITE, MIN_IS_BLACK) else 3

    @property
    def plain(self) -> bool:
        """Whether what a decoder gives is the image, or its negative: one page of gray or RGB, its samples together."""
        gray_or_rgb = self.photometric in (MIN_IS_WHITE, MIN_IS_BLACK, RGB) and self.compression != APERIO_YCBCR
        return gray_or_rgb and not self.planar and self.bits == 8 * self.dtype.itemsize and self.pages == 1

    @property
    def fine(self) -> bool:
        """Whether its strips or tiles are small, so that a part of the page is read by decoding few of them."""
        height, width = self.tile or (self.rows, self.width)
        return height * width * self.samples * self.dtype.itemsize <= _FINE


def unsupported(name: str, what: str, expected: str, remedy: str) -> PellucidError:
    """Return the error for a file that is whole, but of a kind that pellucid does not read."""
    return PellucidError(f"{name} is not supported: it has {what}; expected {expected}. {remedy}")


def layouts(source: Source, found: Directories, limits: Limits) -> list[tuple[int, Directory, Layout]]:
    """Return the number, the tags and the layout of every page; reduced versions (thumbnails, pyramids) are left out.

    Raises
    ------
    PellucidError, ValueError
        If pellucid does not read one of the pages, or its data is not complete.
    """
    chosen = [each for each in enumerate(found.pages) if not each[1].one(tag.SUBFILE, 0) & _REDUCED]
    pages = 0
    imagej = bool(chosen) and tiff_stack.of_imagej(chosen[0][1])
    result = []
    pixels = 0
    for number, directory in chosen:
        layout = _layout(source.name, directory, tiff_stack.planes(directory, len(chosen)), imagej=imagej)
        area = layout.width * layout.height
        before = pixels + area * (layout.pages - 1)
        pixels = limits.check_size(source.name, layout.width, layout.height, before)
        pages += layout.pages
        if pages > _MOST_PAGES:
            raise unsupported(source.name, f"{pages} pages or more", f"at most {_MOST_PAGES}", "Cut it up first.")
        _check_data(source, layout)
        result.append((number, directory, layout))
    if not result:  # as in raw files of cameras
        raise unsupported(
            source.name, "smaller versions of an image alone", "the image", "Develop or convert it first."
        )
    return result


def _layout(name: str, directory: Directory, planes: int, *, imagej: bool) -> Layout:
    one = directory.one
    if tag.WIDTH not in directory.tags or tag.LENGTH not in directory.tags:
        raise ValueError("a page has no size")
    samples, compression = one(tag.SAMPLES, 1), one(tag.COMPRESSION, NONE)
    if not 0 < samples <= tag.MOST_SAMPLES:
        raise ValueError(f"a page has {samples} samples a pixel")
    bits, dtype = _type(name, directory, compression)
    photometric = one(tag.PHOTOMETRIC, MIN_IS_BLACK if samples < _SAMPLES[RGB] else RGB)  # libtiff guesses so, too
    if photometric == PALETTE and bits == 8 and imagej:
        photometric = MIN_IS_BLACK  # the palette only shows the values in other colours
    colours = _colour_samples(name, photometric, directory, bits, dtype, compression)
    extras, split = _channels(name, photometric, directory, samples, colours)
    tiled = tag.TILE_WIDTH in directory.tags
    tile = (one(tag.TILE_LENGTH, 0), one(tag.TILE_WIDTH, 0)) if tiled else None
    if tile and (min(tile) < 1 or max(tile) > 2**16):
        raise ValueError(f"it has tiles of {tile[1]}x{tile[0]} pixels")
    height = one(tag.LENGTH, 0)
    rows = min(one(tag.ROWS_PER_STRIP, height), height)
    if (rows < 1 and height and not tile) or one(tag.PLANAR, 1) not in (1, 2) or one(tag.FILL_ORDER, 1) not in (1, 2):
        raise ValueError("its strips, planes or bit order are undefined")
    depth, tile_depth = one(tag.DEPTH, 1), one(tag.TILE_DEPTH, 1) if tiled else 1
    if not 0 < depth < 2**16 or not 0 < tile_depth <= 2**10:
        raise ValueError(f"it is a volume of {depth} planes in tiles of {tile_depth}")
    planar = one(tag.PLANAR, 1) == 2 and samples > 1
    offsets = directory.bulk(tag.TILE_OFFSETS if tile else tag.STRIP_OFFSETS)
    counts = directory.bulk(tag.TILE_COUNTS if tile else tag.STRIP_COUNTS)
    if len(offsets) == 1 and not len(counts) and compression == NONE and not tile:  # as old programs wrote it
        counts = np.array([-(-one(tag.WIDTH, 0) * bits * samples // 8) * height], np.uint64)
    layout = Layout(
        width=one(tag.WIDTH, 0),
        height=height,
        samples=samples,
        bits=bits,
        dtype=dtype,
        photometric=photometric,
        extras=extras,
        split=split,
        planar=planar,
        compression=compression,
        predictor=_predictor(name, one(tag.PREDICTOR, 1), bits, dtype, compression),
        tile=tile,
        rows=rows,
        offsets=offsets,
        counts=counts,
        depth=depth,
        tile_depth=tile_depth,
        planes=planes,
    )
    _refuse_mixtures(name, directory, layout)
    return layout


def _type(name: str, directory: Directory, compression: int) -> tuple[int, np.dtype[np.generic]]:
    """Return the bits of a sample, and the type of array that it is read into."""
    bits = set(directory.many(tag.BITS) or (1,))
    formats = set(directory.many(tag.SAMPLE_FORMAT) or (1,))
    if compression not in COMPRESSIONS:
        known = ", ".join(dict.fromkeys(COMPRESSIONS.values()))
        other = f"{_OTHERS[compression]} compression" if compression in _OTHERS else f"the compression {compression}"
        raise unsupported(name, other, f"one of {known}", "Save it with LZW.")
    if len(bits) != 1 or len(formats) != 1:
        raise unsupported(name, "channels of different types", "one type", "Save it with one type.")
    depth, form = bits.pop(), formats.pop()
    dtype = _DTYPES.get((form, depth))
    if dtype is None:
        expected = "integers of 1 to 16, 32 or 64 bits, or floating numbers of 16, 32 or 64"
        raise unsupported(name, f"{depth}-bit {_FORMATS.get(form, 'unknown')} samples", expected, "Convert it first.")
    return depth, np.dtype(dtype)


def _colour_samples(
    name: str, photometric: int, directory: Directory, bits: int, dtype: np.dtype[np.generic], compression: int
) -> int:
    """Return how many samples of a pixel are its colours."""
    kind = _COLOURS.get(photometric, f"TIFF's photometric interpretation {photometric}")
    if photometric in CONVERTED:
        deepest, decoders = ((8,), (JPEG, *JPEG_2000)) if photometric == YCBCR else ((8, 16), ())
        whole = compression in decoders or (directory.many(tag.SUBSAMPLING) or (2, 2)) == (1, 1)
        if dtype.kind != "u" or bits not in deepest:
            kind += f" of {bits}-bit {'integers' if dtype.kind in 'biu' else 'floats'}"
        elif compression in IMAGES and compression not in decoders:
            kind += f" in {COMPRESSIONS[compression]} compression"
        elif photometric == YCBCR and not whole:
            kind += " with fewer samples of colour"
        else:
            return _SAMPLES[photometric]
    elif photometric in _SAMPLES:
        return _SAMPLES[photometric]
    raise unsupported(name, f"colours of another kind, {kind}", "gray or RGB", "Convert it to RGB first.")


def _channels(
    name: str, photometric: int, directory: Directory, samples: int, colours: int
) -> tuple[tuple[int, ...], bool]:
    """Return what the samples after the colours are, and whether each sample is an image of its own."""
    if samples < colours:
        what = f"{samples} samples a pixel for {colours} colours"
        raise unsupported(name, what, f"at least {colours}", "Save each channel as a page.")
    extras = (directory.many(tag.EXTRA_SAMPLES) + (UNSPECIFIED,) * samples)[: samples - colours]
    extras = tuple(each if each in (ASSOCIATED, UNASSOCIATED) else UNSPECIFIED for each in extras)
    if not extras:
        return (), False
    # Four samples without names are an old way to write RGBA; two could be anything.
    if len(extras) == 1 and photometric == RGB and tag.EXTRA_SAMPLES not in directory.tags:
        return (UNASSOCIATED,), False
    if len(extras) == 1 and photometric != PALETTE and (extras[0] != UNSPECIFIED or photometric == RGB):
        return extras, False
    if photometric not in (MIN_IS_WHITE, MIN_IS_BLACK, RGB):
        what = f"{samples} samples a pixel, of which {colours} are colours"
        raise unsupported(name, what, "one more at most, named alpha", "Save each channel as a page.")
    return extras, True


def _predictor(name: str, predictor: int, bits: int, dtype: np.dtype[np.generic], compression: int) -> int:
    if predictor not in (1, 2, 3):
        raise unsupported(name, f"the predictor {predictor}", "none, 2 or 3", "Save it with LZW.")
    if compression in IMAGES:
        return 1  # it has no meaning there
    if predictor > 1 and (bits not in (8, 16, 32, 64) or (predictor == 3 and dtype.kind != "f")):
        raise ValueError(f"it has the predictor {predictor}")
    return predictor


def _refuse_mixtures(name: str, directory: Directory, layout: Layout) -> None:
    """Refuse combinations that usual programs do not write."""
    colour = layout.photometric not in (MIN_IS_WHITE, MIN_IS_BLACK, RGB)
    if layout.dtype == np.bool_ and layout.samples > 1:
        raise unsupported(name, "several 1-bit samples a pixel", "one", "Save it with 8 bits.")
    ycbcr = layout.photometric == YCBCR and layout.compression != JPEG
    if (ycbcr and layout.extras) or (layout.compression == APERIO_YCBCR and layout.dtype != np.uint8):
        raise unsupported(name, "YCbCr colours with others", "8 bits, three channels", "Convert it to RGB first.")
    if layout.photometric == PALETTE and (layout.bits > 8 or layout.dtype.kind not in "bu"):
        raise unsupported(name, f"a palette of {layout.bits} bits", "at most 8", "Convert it to RGB first.")
    if layout.depth > 1 and (colour or layout.planar or layout.split or layout.compression in (*IMAGES, *CCITT)):
        raise unsupported(name, "a volume of several channels", "gray or RGB", "Save one page for each plane.")
    if layout.compression == LERC and directory.many(tag.LERC_PARAMETERS)[1:2] not in ((), (0,)):
        raise unsupported(name, "LERC compression inside another", "LERC alone", "Save it with LZW.")
    direct = layout.whole and layout.compression == NONE and layout.predictor == 1 and not layout.tile
    ends = layout.offsets + layout.counts
    direct = direct and layout.dtype != np.bool_ and np.array_equal(layout.offsets[1:], ends[:-1])
    if layout.planes > 1 and (not direct or colour or layout.planar or layout.depth > 1):
        what = f"{layout.planes} planes in a private format, not stored in one piece"
        raise unsupported(name, what, "pages", "Save it as a plain TIFF.")


def _check_data(source: Source, layout: Layout) -> None:
    """Check that every strip or tile is in the file and long enough; missing ones would be read as zeros."""
    height, width = layout.tile or (layout.rows, layout.width)
    if layout.tile and height * width * layout.tile_depth > 4 * max(2**20, layout.width * layout.height * layout.depth):
        raise ValueError(f"it has tiles of {width}x{height} pixels")
    planes = layout.samples if layout.planar else 1
    across = -(-layout.width // width)
    expected = planes * -(-layout.depth // layout.tile_depth) * across * -(-layout.height // height)
    if len(layout.offsets) != expected or len(layout.counts) != expected:
        raise ValueError(f"it has {len(layout.offsets)} strips or tiles, expected {expected}")
    if layout.compression in CCITT and layout.bits != 1:
        raise ValueError("its compression is for 1 bit")
    size = np.uint64(source.size)
    offsets, counts = layout.offsets, layout.counts
    if ((offsets == 0) & (counts == 0)).any():
        raise unsupported(source.name, "strips or tiles that are left out", "all of them", "Save it without gaps.")
    missing = (offsets == 0) | (counts == 0) | (offsets > size) | (counts > size) | (offsets + counts > size)
    if missing.any():
        raise ValueError(f"strip or tile {missing.argmax()} is missing")
    ratio = 1 if layout.compression == NONE else _RATIOS.get(layout.compression, 0)
    per_row = -(-width * layout.bits * (layout.samples // planes) // 8) * layout.tile_depth
    rows = np.full(expected, height, np.uint64)
    if not layout.tile:
        down = -(-layout.height // height)
        rows.reshape(-1, down)[:, -1] = layout.height - (down - 1) * height
    few = counts * np.uint64(ratio) < rows * np.uint64(per_row)
    if ratio and few.any():
        raise ValueError(f"strip or tile {few.argmax()} is too short for its pixels")
    if layout.planes > 1:
        plane = layout.height * layout.width * layout.samples * layout.dtype.itemsize
        held = (source.size - int(offsets[0])) // plane
        if held < layout.planes:
            raise ValueError(f"it says that it holds {layout.planes} planes, but has the bytes of {held}")
