"""What the descriptions of a TIFF say of its pages: how many there are, and which axes they run along.

ImageJ, OME and tifffile write it into the description of the first page, each in its own way. All of it comes from a
stranger: it is believed only where it agrees with the pages that there are.

Sources: ImageJ's TiffDecoder (https://github.com/imagej/ImageJ), the OME-TIFF specification
(https://docs.openmicroscopy.org/ome-model/), tifffile's `shaped` files.
"""

from __future__ import annotations

import json
import math
import re
from xml.parsers import expat

from pellucid.images.formats import tiff_header as tag
from pellucid.images.formats.tiff_header import Directory

_TRUNCATED = re.compile(rb',? ?"truncated": true')
_IMAGEJ = b"ImageJ="
_IMAGEJ_AXES = {"frames": "T", "slices": "Z", "channels": "C"}  # from the slowest to the fastest
_LONGEST_JSON = 2**16

Axes = tuple[str, tuple[int, ...]]
"""The names of axes, one letter each, and their lengths."""


def of_imagej(directory: Directory) -> bool:
    """Return whether ImageJ, or a program that writes as it does, wrote a page."""
    return directory.descriptions[:1] != () and directory.descriptions[0].startswith(_IMAGEJ)


def planes(directory: Directory, directories: int) -> int:
    """Return how many planes a directory stands for: more than one where the others have no directory of their own.

    Raises
    ------
    ValueError
        If there are several directories, but fewer than ImageJ or MetaMorph says.
    """
    text = b"\0".join(directory.descriptions)
    if _TRUNCATED.search(text):  # of each of tifffile's series
        claimed = math.prod(_shaped(text).get("shape", ()))
        pixels = directory.one(tag.WIDTH, 0) * directory.one(tag.LENGTH, 0) * directory.one(tag.SAMPLES, 1)
        return claimed // pixels if pixels and claimed % pixels == 0 else 1
    claimed = int(directory.tags.get(tag.PLANES, 1))
    if of_imagej(directory):
        claimed = max(claimed, _imagej(text).get("images", 1))
    if claimed > directories > 1:
        raise ValueError(f"it says that it holds {claimed} planes, but has {directories} pages")
    return claimed if directories == 1 else 1


def with_directories(description: bytes) -> bytes:
    """Return a description for a file in which every page has a directory."""
    return _TRUNCATED.sub(b"", description)


def axes(description: bytes, stored: Axes, samples: int, page: Axes, *, planar: bool) -> Axes:
    """Return the axes of the pages of a file, spelled as tifffile spells them.

    Parameters
    ----------
    description : that of the first page
    stored : axes and lengths as the pages are stored, those that are samples of one pixel taken as one; I is any axis
    samples : how many pages are samples of one pixel; they follow one another
    page : the axes of one page, YX or YXS
    planar : whether the samples of a pixel are stored apart

    Returns
    -------
    Axes and shape; the product of the lengths before the page's own is the number of pages. An axis of which nothing
    is known is I, or Q in a file by tifffile; the samples of a pixel run along C.
    """
    first: Axes | None = None
    if description.startswith(_IMAGEJ):
        first = _imagej_axes(_imagej(description))
    elif description.lstrip().startswith(b"<"):
        first = _ome_axes(description, samples, page[1][2] if len(page[1]) > 2 else 1)
    elif description.startswith(b'{"shape":'):
        first = _shaped_axes(description, samples, page, planar=planar)
    if first is None or math.prod(first[1]) != math.prod(stored[1]) * samples:
        first = stored[0] + "C" * (samples > 1), stored[1] + (samples,) * (samples > 1)
    return first[0] + page[0], first[1] + page[1]


def _imagej(text: bytes) -> dict[str, int]:
    """Return the numbers in ImageJ's description."""
    found = re.findall(rb"^(images|frames|slices|channels)=(\d{1,9})\s*$", text, re.MULTILINE)
    return {name.decode(): int(value) for name, value in found}


def _imagej_axes(numbers: dict[str, int]) -> Axes:
    long = [(letter, numbers[name]) for name, letter in _IMAGEJ_AXES.items() if numbers.get(name, 1) > 1]
    return "".join(letter for letter, _ in long), tuple(length for _, length in long)


def _shaped(text: bytes) -> dict[str, list[int]]:
    """Return what tifffile's description says, if it is one."""
    start = text.find(b'{"shape":')
    try:
        found = json.loads(text[start : start + _LONGEST_JSON]) if start >= 0 else {}
    except (ValueError, RecursionError):
        return {}
    shape = found.get("shape", [])
    whole = isinstance(shape, list) and len(shape) < 32 and all(type(each) is int and each > 0 for each in shape)
    return found if whole else {}


def _shaped_axes(text: bytes, samples: int, page: Axes, *, planar: bool) -> Axes | None:
    found = _shaped(text)
    shape, named = tuple(found.get("shape", ())), found.get("axes", "")
    height, width = page[1][:2]
    own = page[1] if samples == 1 else (samples, height, width) if planar else (height, width, samples)
    if shape[-len(own) :] != own:
        return None
    lead = shape[: -len(own)]
    known = isinstance(named, str) and len(named) == len(shape) and named.isalpha() and named.isupper()
    letters = str(named)[: len(lead)] if known else "Q" * len(lead)
    return (letters + "C", (*lead, samples)) if samples > 1 else (letters, lead)


def _ome_axes(text: bytes, samples: int, colours: int) -> Axes | None:
    """Return the axes of the pages of the only image of OME-XML, if they are in its order."""
    pixels: list[dict[str, str]] = []
    data: list[dict[str, str]] = []

    def refuse(*_: object) -> None:
        raise ValueError("a document type")  # it could define entities that expand without end

    def start(name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(":")[2]
        if kind in ("Pixels", "TiffData"):
            (pixels if kind == "Pixels" else data).append(attributes)

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler, parser.StartElementHandler = refuse, start
    try:
        parser.Parse(text, True)
        if len(pixels) != 1:
            return None
        order = pixels[0]["DimensionOrder"]
        sizes = {letter: int(pixels[0][f"Size{letter}"]) for letter in "ZCT"}
        if sorted(order) != sorted("XYZCT") or order[:2] != "XY" or min(sizes.values()) < 1:
            return None
        return _ome_order(order[2:], sizes, data, samples, colours)
    except (expat.ExpatError, KeyError, ValueError):
        return None


def _ome_order(
    order: str, sizes: dict[str, int], data: list[dict[str, str]], samples: int, colours: int
) -> Axes | None:
    """Return the axes, from the slowest to the fastest, if the directories are in the order of the dimensions.

    A directory holds all of a pixel's `samples`, or `colours`, which OME counts as channels.
    """
    sizes = sizes | {"C": sizes["C"] // (samples * colours)}
    for each in data:
        place, step = 0, 1
        for letter in order:
            first = int(each.get(f"First{letter}", 0))
            place += step * (first // (samples * colours) if letter == "C" else first)
            step *= sizes[letter]
        if int(each.get("IFD", 0)) != place:
            return None
    long = [(letter, sizes[letter]) for letter in reversed(order) if sizes[letter] > 1]
    if samples > 1:
        if any(letter == "C" for letter, _ in long):
            return None
        long.append(("C", samples))
    return "".join(letter for letter, _ in long), tuple(length for _, length in long)
