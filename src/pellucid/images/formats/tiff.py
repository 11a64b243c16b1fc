"""TIFF and BigTIFF: pages of integers and floats; tiled, compressed, planar, stacked; decoded by tifffile.

Nothing reaches tifffile before `tiff_layout` has checked it. Pages are written with the photometric interpretation,
planes, resolution, profile, tiles and lossless compression that they came with, and with every tag that says nothing of
how pixels are stored. Where that cannot be, a note says so.
Pages in which 0 is white are inverted when they are read, and again when they are written; floats are left as they are.
"""

from __future__ import annotations

import logging
import math
import struct
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.images.formats import palette, tiff_colour, tiff_stack
from pellucid.images.formats import tiff_header as tag
from pellucid.images.formats import tiff_layout as page_kind
from pellucid.images.formats.metadata import checked_dpi, checked_icc, swapped, turned
from pellucid.images.formats.picture import Form, Limits, Picture, Size, channels, squeezed
from pellucid.images.formats.source import Source, decoding
from pellucid.images.formats.tiff_header import Directory, Rational, Tag, read_directories
from pellucid.images.formats.tiff_inner import check_inner_images
from pellucid.images.formats.tiff_layout import Layout, layouts, unsupported

_WRITTEN = {1: None, 5: "lzw", 32773: "packbits", 34925: "lzma", 50000: "zstd"}  # others: deflate
_UNITS = {2: 1.0, 3: 2.54}  # of resolution, inch and centimetre: the factor to dots per inch
_LARGEST_CLASSIC = 2**32 - 2**25  # bytes of pixels; tags need room, too
_SPREAD = (2, 4)  # bits whose largest value is a part of 255
_RATIONALS = {5: "u4", 10: "i4"}
_PAGE = 2  # in NewSubfileType: one page of several
_OF_COLOURS = {280, 281, 290, 291, 301, 332, 333, 334, 336, 342}
"""Tags that are no longer true of a page whose colours or bits were changed."""


@dataclass(frozen=True)
class TiffPage:
    """How the images of one directory are stored.

    Attributes
    ----------
    count : how many pages of the picture they are
    split : whether pages are samples of one pixel
    extras : what the samples after the colours are
    depth : planes of a volume; a tile then has three sides
    bits : of a value; 0 if it fills its type
    colours : the colour map in which ImageJ shows gray values, as in the file
    imagej : whether it is the first page of a file by ImageJ
    resolution : (x, y, unit)
    """

    photometric: int
    count: int = 1
    split: bool = False
    extras: tuple[int, ...] = ()
    planar: bool = False
    depth: int = 1
    bits: int = 0
    compression: int = 1
    predictor: int = 1
    tile: tuple[int, ...] | None = None
    subfile: int = 0
    imagej: bool = False
    colours: tuple[int, ...] = field(default=(), repr=False)
    resolution: tuple[Rational, Rational, int] | None = None
    descriptions: tuple[bytes, ...] = field(default=(), repr=False)
    icc: bytes | None = field(default=None, repr=False)
    tags: tuple[Tag, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class TiffForm:
    """How the pages are stored, and along which axes they run.

    Attributes
    ----------
    pages : one for each directory, which may hold several pages of the picture
    big_endian, big : whether the file is big-endian, and whether it is a BigTIFF
    axes : as tifffile spells them: TZCYX, YXS; those before YX run over the pages; empty if pages are of several kinds
    shape : their lengths
    """

    pages: tuple[TiffPage, ...]
    big_endian: bool = False
    big: bool = False
    axes: str = ""
    shape: tuple[int, ...] = ()


_Found = list[tuple[int, Directory, Layout]]


def _layouts(source: Source, limits: Limits) -> tuple[_Found, TiffForm, bool]:
    """Return the directories, how they are stored, and whether there are reduced versions besides them."""
    found = read_directories(source.file, source.size)
    every = layouts(source, found, limits)
    for _, _, layout in every:
        if layout.compression in page_kind.IMAGES:
            check_inner_images(source, layout)
    pages = tuple(_stored(source.name, directory, layout, found.big_endian) for _, directory, layout in every)
    axes, shape = _axes(every)
    return every, TiffForm(pages, found.big_endian, found.big, axes, shape), len(found.pages) > len(every)


def _sizes(every: _Found) -> list[Size]:
    result = []
    for _, directory, layout in every:
        orientation = directory.one(tag.ORIENTATION, 1)
        height, width = swapped((layout.height, layout.width), orientation)
        gray = layout.photometric == page_kind.PALETTE and palette.is_gray(_colours(directory, layout.bits))
        # A strip or tile of a compressed page is decoded whole, whatever part of it is wanted.
        direct = layout.compression == page_kind.NONE or layout.fine
        parts = direct and layout.plain and orientation == 1 and layout.compression not in page_kind.IMAGES
        result += [Size(height, width, 1 if gray else layout.colours, layout.dtype.itemsize, parts)] * layout.pages
    return result


def size(source: Source, limits: Limits) -> list[Size]:
    """Return the size of every page from the directories, and the headers of images in them, alone."""
    with decoding(source.name):
        every, _, _ = _layouts(source, limits)
        return _sizes(every)


def form_of(source: Source, limits: Limits) -> TiffForm:
    """Return how the pages are stored, from the directories alone."""
    with decoding(source.name):
        return _layouts(source, limits)[1]


def page_options(form: TiffForm, number: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> dict[str, Any]:
    """Return the options with which tifffile writes a page of a form in which each page has a directory of its own.

    Parameters
    ----------
    number : of the page
    shape, dtype : of its array, (H, W) or (H, W, C)
    """
    order: Literal["<", ">"] = ">" if form.big_endian else "<"
    return _options(np.empty((1, 1, *shape[2:]), dtype), form.pages[number], order)[1]


def places(source: Source, limits: Limits) -> tuple[int | None, ...]:
    """Return where in the file the directory of each page is, to read the page in parts.

    Returns
    -------
    One for each of `Picture.pages`; None if it has no directory of its own, is not upright, or its values are not those
    that a decoder gives.
    """
    with decoding(source.name):
        every, _, _ = _layouts(source, limits)
        result: list[int | None] = []
        for _, directory, layout in every:
            direct = layout.plain and directory.one(tag.ORIENTATION, 1) == 1
            result += [directory.offset if direct else None] * layout.pages
        return tuple(result)


def _axes(every: _Found) -> tuple[str, tuple[int, ...]]:
    sizes = [(each.height, each.width, each.colours, each.itemsize) for each in _sizes(every)]
    _, directory, layout = every[0]
    alpha = bool(layout.extras) and not layout.split
    kinds = {(each.dtype, each.split, each.samples, each.planar, each.depth) for _, _, each in every}
    if len(set(sizes)) > 1 or len(kinds) > 1:
        return "", ()
    height, width, colours, _ = sizes[0]
    last = colours + alpha
    page = ("YXS", (height, width, last)) if last > 1 else ("YX", (height, width))
    samples = layout.samples if layout.split else 1
    description = directory.descriptions[-1] if directory.descriptions else b""
    lengths = {"I": len(sizes) // layout.depth // samples, "Z": layout.depth}
    long = {letter: length for letter, length in lengths.items() if length > 1}
    stored = "".join(long), tuple(long.values())
    return tiff_stack.axes(description, stored, samples, page, planar=layout.planar)


def read(source: Source, limits: Limits) -> Picture:
    """Read every page."""
    with decoding(source.name):
        every, form, reduced = _layouts(source, limits)
        import tifffile

        logging.getLogger("tifffile").addHandler(_SILENCE)
        source.file.seek(0)
        pages: list[NDArray[Any]] = []
        with tifffile.TiffFile(source.file) as opened:
            for number, directory, layout in every:
                pages += _decode(source, opened.pages[number], directory, layout)
    notes = [note for _, directory, layout in every for note in _notes(directory, layout, form.big_endian)]
    if reduced:
        notes.append(_NO_SMALLER)
    if not form.big and sum(page.nbytes for page in pages) > _LARGEST_CLASSIC:
        notes.append("it is written as a BigTIFF: it is larger than a TIFF can be")
    first = form.pages[0]
    unique = tuple(dict.fromkeys(notes))
    return Picture(tuple(pages), Form(kind="TIFF", dpi=_dpi(first), icc=first.icc, extra=form, notes=unique))


_SILENCE = logging.NullHandler()
"""Without a handler, Python would show tifffile's warnings on the terminal. Those of an application still get them."""
_NO_SMALLER = "smaller versions of the image (pyramid levels, thumbnails) are left out"


def _notes(directory: Directory, layout: Layout, big_endian: bool) -> list[str]:
    """Return what of a page is not written as it came."""
    result = []
    if layout.photometric == page_kind.PALETTE:
        result.append(palette.note(_colours(directory, layout.bits)))
    elif layout.photometric in (page_kind.CMYK, page_kind.CIELAB, page_kind.ICCLAB):
        result.append(f"{'CMYK' if layout.photometric == page_kind.CMYK else 'CIELab'} colours are written as RGB")
    elif not layout.whole and not _packed(layout, big_endian):
        result.append(f"values of {layout.bits} bits are written with {8 * layout.dtype.itemsize}")
    if layout.compression in page_kind.LOSSY:
        result.append(f"{page_kind.COMPRESSIONS[layout.compression]} compression is written as deflate, without loss")
    if layout.planes > 1:
        result.append("planes without directories of their own are written as pages")
    left = set(directory.left)
    for numbers, note in (
        ({tag.SMALLER}, _NO_SMALLER),
        (set(tag.EXIF), "camera data (EXIF, GPS) is left out"),
        (set(tag.METAMORPH), "MetaMorph's own tags are left out"),
        ({tag.LSM}, "Zeiss LSM's own tag is left out"),
    ):
        if left & numbers:
            result.append(note)
        left -= numbers
    if left:
        result.append(f"the tags {', '.join(map(str, sorted(left)))} are left out: too large, or further directories")
    return result


def _packed(layout: Layout, big_endian: bool) -> bool:
    """Return whether values that do not fill their type are written so; big-endian ones tifffile packs wrongly."""
    fits = not layout.whole and layout.bits not in _SPREAD and layout.photometric != page_kind.PALETTE
    return fits and layout.compression == page_kind.NONE and not big_endian


def _stored(name: str, directory: Directory, layout: Layout, big_endian: bool) -> TiffPage:
    tags, orientation = directory.tags, directory.one(tag.ORIENTATION, 1)
    x, y = tags.get(tag.X_RESOLUTION, (0, 0)), tags.get(tag.Y_RESOLUTION, (0, 0))
    x, y = swapped((x, y), orientation)
    unit = directory.one(tag.RESOLUTION_UNIT, 2)
    tile: tuple[int, ...] | None = layout.tile
    if tile and any(side % 16 for side in tile):
        tile = None
    elif tile and layout.depth > 1:
        tile = (layout.tile_depth, *tile)
    icc = checked_icc(name, tags.get(tag.ICC))
    converted = layout.photometric in page_kind.CONVERTED
    shown = directory.one(tag.PHOTOMETRIC, -1) == page_kind.PALETTE and layout.photometric == page_kind.MIN_IS_BLACK
    if shown:
        _colours(directory, layout.bits)  # raises if there are none
    descriptions = directory.descriptions
    if layout.planes > 1:
        descriptions = tuple(map(tiff_stack.with_directories, descriptions))
    changed = converted or layout.photometric == page_kind.PALETTE or not layout.whole
    return TiffPage(
        photometric=page_kind.RGB if converted else layout.photometric,
        count=layout.pages,
        split=layout.split,
        extras=layout.extras,
        planar=layout.planar,
        depth=layout.depth,
        bits=layout.bits if _packed(layout, big_endian) else 0,
        compression=layout.compression,
        predictor=layout.predictor,
        tile=tile,
        subfile=directory.one(tag.SUBFILE, 0),
        imagej=tiff_stack.of_imagej(directory),
        colours=directory.many(tag.COLOUR_MAP) if shown else (),
        resolution=(x, y, unit) if all((*x, *y)) and unit in (1, *_UNITS) else None,
        descriptions=descriptions,
        icc=None if layout.photometric in (page_kind.CMYK, page_kind.CIELAB, page_kind.ICCLAB) else icc,
        tags=tuple(each for each in directory.kept if not changed or each.number not in _OF_COLOURS),
    )


def _dpi(page: TiffPage) -> tuple[float, float] | None:
    if page.resolution is None or page.resolution[2] not in _UNITS:
        return None
    (x, x_part), (y, y_part), unit = page.resolution
    return checked_dpi(x / x_part * _UNITS[unit], y / y_part * _UNITS[unit])


def _decode(source: Source, page: Any, directory: Directory, layout: Layout) -> list[NDArray[Any]]:
    """Return the pages of a directory, (H, W) or (H, W, C): 0 is black, palettes are resolved, upright."""
    tile = (page.tilelength, page.tilewidth, page.tiledepth) if page.is_tiled else None
    agreed = (
        (page.imagewidth, page.imagelength, page.samplesperpixel, page.bitspersample, int(page.compression), tile)
        == (*(layout.width, layout.height, layout.samples, layout.bits, layout.compression),
            (*layout.tile, layout.tile_depth) if layout.tile else None)
        and page.imagedepth == layout.depth
        and np.array_equal(page.dataoffsets, layout.offsets)
        and np.array_equal(page.databytecounts, layout.counts)
    )  # fmt: skip
    if not agreed:
        raise unsupported(source.name, "a dialect of TIFF", "one that all programs read alike", "Save it anew.")
    if layout.planes > 1:
        array = _without_directories(source, layout, page.parent.byteorder)
    elif layout.compression in page_kind.CCITT:
        array = _fax(source, directory, layout)
    else:
        array = _by_tifffile(page, layout)
    if array.shape != (layout.frames, layout.height, layout.width, layout.samples):
        raise ValueError(f"its pixels have the shape {array.shape}")
    orientation = directory.one(tag.ORIENTATION, 1)
    result = []
    for frame in array:
        upright = turned(_in_usual_colours(frame, directory, layout), orientation)
        result += (
            [np.ascontiguousarray(upright[..., each]) for each in range(layout.samples)]
            if layout.split
            else [squeezed(upright)]
        )
    return result


def _by_tifffile(page: Any, layout: Layout) -> NDArray[Any]:
    """Return (depth, height, width, samples)."""
    array = np.asarray(page.asarray(squeeze=False, maxworkers=1))
    # Its axes are planes, depth, rows, columns, and samples in a plane.
    array = np.moveaxis(array[..., 0], 0, 3) if layout.planar else array[0]
    return array.astype(layout.dtype, copy=False)


def _without_directories(source: Source, layout: Layout, order: str) -> NDArray[Any]:
    """Return planes that lie one after another, (planes, height, width, samples)."""
    shape = (layout.planes, layout.height, layout.width, layout.samples)
    raw = np.empty(math.prod(shape) * layout.dtype.itemsize, np.uint8)
    source.file.seek(int(layout.offsets[0]))
    if source.file.readinto(raw) < len(raw):  # type: ignore[attr-defined]  # of buffered files, which read all
        raise ValueError("its planes are not complete")
    stored = np.dtype(order + layout.dtype.str[1:])
    return raw.view(stored).reshape(shape).astype(layout.dtype, copy=False)


def _fax(source: Source, directory: Directory, layout: Layout) -> NDArray[Any]:
    """Decode CCITT compression by libtiff, (1, height, width, 1); imagecodecs' own decoder misreads some pages.

    libtiff gets a file of our own around each strip or tile, not the stranger's.
    """
    import imagecodecs

    height, width = layout.tile or (layout.rows, layout.width)
    across = -(-layout.width // width)
    page = np.empty((layout.height, layout.width), np.bool_)
    for number, (offset, count) in enumerate(zip(layout.offsets.tolist(), layout.counts.tolist(), strict=True)):
        top, left = number // across * height, number % across * width
        rows = height if layout.tile else min(height, layout.height - top)
        entries = [
            *((256, 4, width), (257, 4, rows), (258, 3, 1), (259, 3, layout.compression)),
            *((262, 3, page_kind.MIN_IS_BLACK), (266, 3, directory.one(tag.FILL_ORDER, 1)), (273, 4, 0), (277, 3, 1)),
            *((278, 4, rows), (279, 4, count)),
        ]
        if layout.compression == page_kind.FAX_3:
            entries.append((tag.T4_OPTIONS, 4, directory.one(tag.T4_OPTIONS, 0)))
        place = 8 + 2 + 12 * len(entries) + 4  # of the data: after the header and the directory
        entries[6] = (273, 4, place)
        head = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
        table = b"".join(struct.pack("<HHII", number, kind, 1, value) for number, kind, value in entries)
        source.file.seek(offset)
        segment = imagecodecs.tiff_decode(head + table + bytes(4) + source.file.read(count))
        page[top : top + height, left : left + width] = segment[: layout.height - top, : layout.width - left]
    return page[None, ..., None]


def _in_usual_colours(page: NDArray[Any], directory: Directory, layout: Layout) -> NDArray[Any]:
    """Return (height, width, samples) as gray or RGB with black as 0; `_SPREAD` bits are spread over 8."""
    kind = layout.photometric
    if kind == page_kind.PALETTE:
        colours = palette.resolve(page[..., 0].astype(np.uint8), _colours(directory, layout.bits))
        return colours if colours.ndim == 3 else colours[..., None]
    if kind == page_kind.MIN_IS_WHITE:
        page = _inverted(page, layout.bits)
    if layout.bits in _SPREAD:
        page = page * np.uint8(255 // (2**layout.bits - 1))
    if kind == page_kind.CMYK:
        colours = tiff_colour.from_cmyk(np.ascontiguousarray(page[..., :4]), directory.tags.get(tag.ICC))
        return np.concatenate([colours, page[..., 4:]], axis=2)
    if kind in (page_kind.CIELAB, page_kind.ICCLAB):
        colours = tiff_colour.from_lab(np.ascontiguousarray(page[..., :3]), offset=kind == page_kind.ICCLAB)
        return np.concatenate([colours, page[..., 3:]], axis=2)
    ycbcr = kind == page_kind.YCBCR and layout.compression != page_kind.JPEG  # whose decoder gives RGB
    if ycbcr or (layout.compression == page_kind.APERIO_YCBCR and layout.samples == 3):
        return tiff_colour.from_ycbcr(page)
    return page


def _colours(directory: Directory, bits: int) -> NDArray[np.uint8]:
    """Return the colour map (N, 3); it is stored in 16 bits, by some programs in 8."""
    table = np.array(directory.many(tag.COLOUR_MAP), np.uint32)
    if len(table) != 3 * 2**bits:
        raise ValueError("its palette is missing")
    return (table >> (8 if table.max() > 255 else 0)).astype(np.uint8).reshape(3, -1).T


def _inverted(page: NDArray[Any], bits: int) -> NDArray[Any]:
    """Exchange black and white of the gray of (H, W, C), not of what follows it."""
    if page.dtype.kind == "f":
        return page
    gray = page[..., :1]
    whole = bits in (0, 1, 8 * page.dtype.itemsize)
    inverted = ~gray if whole else page.dtype.type(2**bits - 1) - gray
    return np.concatenate([inverted, page[..., 1:]], axis=2)


def write(picture: Picture, stream: BinaryIO) -> None:
    """Write every page to a stream that can seek."""
    import tifffile

    own = picture.form.extra if isinstance(picture.form.extra, TiffForm) else TiffForm(())
    stored = own.pages
    if sum(page.count for page in stored) != len(picture.pages):
        stored = (_new(picture),) * len(picture.pages)
    one_piece = _in_one_piece(stored, picture.pages)
    bytes_in_all = sum(page.nbytes for page in picture.pages)
    big = own.big or bytes_in_all > _LARGEST_CLASSIC
    order: Literal["<", ">"] = ">" if own.big_endian else "<"
    pages = iter(picture.pages)
    with tifffile.TiffWriter(stream, bigtiff=big, byteorder=order, ome=False) as writer:
        for each in stored:
            for image in _joined([next(pages) for _ in range(each.count)], each):
                data, options = _options(image, each, order)
                writer.write(data, contiguous=one_piece, **options)
                each = replace(each, descriptions=(), tags=())  # which stood in one directory


def _new(picture: Picture) -> TiffPage:
    """Return how a page is stored that came from no TIFF."""
    form = picture.form
    resolution = None
    if form.dpi:
        x, y = form.dpi
        resolution = ((round(x * 1000), 1000), (round(y * 1000), 1000), 2)
    return TiffPage(photometric=page_kind.MIN_IS_BLACK, resolution=resolution, icc=form.icc)


def _in_one_piece(stored: tuple[TiffPage, ...], pages: tuple[NDArray[Any], ...]) -> bool:
    """Return whether the pixels of all pages are to lie one after another: ImageJ relies on it."""
    if not stored or not stored[0].imagej:
        return False
    plain = {replace(each, count=1, subfile=0, imagej=False, descriptions=(), icc=None, tags=()) for each in stored}
    alike = {(page.shape, page.dtype) for page in pages}
    one = next(iter(plain))
    direct = one.compression == 1 and not (one.tile or one.bits or one.split or one.depth > 1)
    return len(pages) > 1 and len(plain) == len(alike) == 1 and direct and pages[0].dtype != np.bool_


def _joined(pages: list[NDArray[Any]], stored: TiffPage) -> list[NDArray[Any]]:
    """Return what is written as one image each: (H, W), (H, W, C), or with the planes of a volume before."""
    if stored.split:
        samples = (3 if stored.photometric == page_kind.RGB else 1) + len(stored.extras)
        pages = [np.stack(pages[start : start + samples], axis=2) for start in range(0, len(pages), samples)]
    pages = [squeezed(page) for page in pages]
    return [np.stack(pages)] if stored.depth > 1 else pages


def _extratag(kept: Tag, order: Literal["<", ">"]) -> tuple[int, int, int, Any, bool]:
    """Return a tag as tifffile takes it."""
    number, kind, content = kept
    if kind in _RATIONALS:  # of which tifffile counts bytes wrongly
        return number, kind, len(content) // 8, np.frombuffer(content, order + _RATIONALS[kind]).tolist(), True
    return number, kind, 0, content, True


def _options(image: NDArray[Any], stored: TiffPage, order: Literal["<", ">"]) -> tuple[NDArray[Any], dict[str, Any]]:
    options: dict[str, Any] = {"metadata": None, "software": False, "photometric": "minisblack"}
    plane = image[0] if stored.depth > 1 else image
    samples = channels(plane)
    if stored.bits and image.dtype in (np.uint8, np.uint16):
        image = np.minimum(image, 2**stored.bits - 1)
        options["bitspersample"] = stored.bits
    if (stored.photometric == page_kind.RGB) if stored.split else samples > 2:
        options["photometric"] = "rgb"
    elif stored.photometric == page_kind.MIN_IS_WHITE:
        whole = image if plane.ndim > 2 else image[..., None]
        image, options["photometric"] = _inverted(whole, stored.bits).reshape(image.shape), "miniswhite"
    if stored.colours and image.dtype == np.uint8 and samples == 1:
        options |= {"photometric": "palette", "colormap": np.array(stored.colours, np.uint16).reshape(3, -1)}
    if stored.split or samples in (2, 4):
        options["extrasamples"] = stored.extras or (page_kind.UNASSOCIATED,)
    if samples > 1:
        options["planarconfig"] = "separate" if stored.planar else "contig"
        image = np.moveaxis(image, 2, 0) if stored.planar else image
    if stored.depth > 1:
        options["volumetric"] = True
    if stored.tile:
        options["tile"] = stored.tile
    options["compression"] = compression = _WRITTEN.get(stored.compression, "adobe_deflate")
    if stored.predictor > 1 and compression and image.dtype != np.bool_:
        options["predictor"] = 3 if image.dtype.kind == "f" else 2
    if stored.subfile & _PAGE:
        options["subfiletype"] = _PAGE
    if stored.resolution:
        x, y, unit = stored.resolution
        options |= {"resolution": (x, y), "resolutionunit": unit}
    if stored.icc:
        options["iccprofile"] = stored.icc
    texts = [(tag.DESCRIPTION, 2, 0, text, True) for text in stored.descriptions]
    options["extratags"] = texts + [_extratag(each, order) for each in stored.tags]
    return np.ascontiguousarray(image), options
