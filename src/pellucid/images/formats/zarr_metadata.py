"""What the metadata of a zarr say: which array is the image, its axes, pyramid and chunks; and a copy of them.

Zarr of version 2 and 3, plain or as OME-NGFF 0.1 to 0.5 describes images. All of it comes from a stranger: only codecs
without loss that run no code of the file's are let through (numcodecs knows `pickle`), and no path leads out.

Sources: https://zarr-specs.readthedocs.io (versions 2 and 3), https://ngff.openmicroscopy.org (0.4 and 0.5).
"""

from __future__ import annotations

import itertools
import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from pellucid.common import PellucidError, one_line
from pellucid.images.formats.npy import ArrayForm, check_array
from pellucid.images.formats.source import unsupported

_LONGEST = 2**24  # bytes of a file of metadata
_LARGEST = 2**31  # bytes of a chunk or shard, which is held in memory
_PLAIN = ("bytes", "transpose", "blosc", "gzip", "zstd", "crc32c", "sharding_indexed")
_NUMCODECS = ("blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd", "delta", "shuffle", "crc32", "crc32c", "adler32")
_CODECS = {*_PLAIN, *_NUMCODECS, *(f"numcodecs.{name}" for name in _NUMCODECS)}
_NUMBERS = {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)} | {
    *("bool", "float16", "float32", "float64"),
}
_KNOWN = "TCZYX"
_FILES = ("zarr.json", ".zarray", ".zgroup", ".zattrs")
_CONSOLIDATED = ".zmetadata"


class Node(NamedTuple):
    """A group or an array: its folder, its metadata, and the attributes that a user or program gave it."""

    path: Path
    metadata: Mapping[str, Any]
    attributes: Mapping[str, Any]

    @property
    def is_array(self) -> bool:
        """Whether it is an array."""
        return "shape" in self.metadata


@dataclass(frozen=True)
class ZarrArray:
    """An array of images.

    Attributes
    ----------
    path : its folder
    form : its axes, shape and dtype
    chunks : the shape of what is decoded together
    units : the shape of what is written together: chunks, or the shards that hold them
    """

    path: Path
    form: ArrayForm
    chunks: tuple[int, ...]
    units: tuple[int, ...]


@dataclass(frozen=True)
class ZarrImage:
    """The image in a folder of zarr.

    Attributes
    ----------
    folder : the group, or the array where it is plain
    array : the pixels of full size
    levels : smaller copies, each half as large as the one before: those of the pyramid that can be made anew
    notes : what of the folder cannot be written back
    """

    folder: Path
    array: ZarrArray
    levels: tuple[ZarrArray, ...] = ()
    notes: tuple[str, ...] = ()


def image_of(folder: Path, name: str, axes: str | None) -> ZarrImage:
    """Find the image in a folder of zarr.

    Parameters
    ----------
    name : how messages call it
    axes : of a plain array; None guesses. An OME-Zarr says its own.

    Raises
    ------
    ValueError, KeyError, TypeError
        If the metadata are damaged.
    PellucidError
        If there is no image, there are several, or it is one that pellucid does not read.
    """
    node = _node(folder)
    if node is None:
        raise unsupported(name, "it is a folder without zarr metadata", "Name the folder in which they are.")
    if node.is_array:
        return ZarrImage(folder, _array(node, name, axes))
    ome = node.attributes.get("ome", node.attributes)
    _refuse_others(ome, name)
    if not ome.get("multiscales"):
        raise unsupported(name, "it is a zarr group without an image", "Name the image or the array in it.")
    multiscale = ome["multiscales"][0]
    # Before version 0.3 the axes were fixed.
    names = [axis["name"] if isinstance(axis, dict) else axis for axis in multiscale.get("axes", _KNOWN)]
    letters = "".join(letter if (letter := one.upper()) in list(_KNOWN) else "Q" for one in names)
    arrays = []
    for dataset in multiscale["datasets"]:
        found = _node(folder / _inner(dataset["path"]))
        if found is None or not found.is_array:
            raise ValueError(f"its level {one_line(dataset['path'])} is missing")
        arrays.append(_array(found, name, letters))
    levels = []
    for above, below in itertools.pairwise(arrays):
        if not halved(above.form, below.form):
            break
        levels.append(below)
    notes = []
    if len(levels) < len(arrays) - 1:
        notes.append("levels of the pyramid that are not halves of the one before were left out")
    if len(ome["multiscales"]) > 1 or _beside(folder, arrays):
        notes.append("what the OME-Zarr holds beside its image (as labels) was left out")
    return ZarrImage(folder, arrays[0], tuple(levels), tuple(notes))


def _refuse_others(ome: Mapping[str, Any], name: str) -> None:
    if "plate" in ome or "well" in ome:
        raise unsupported(name, "it is a plate or well of many images (HCS)", "Name one image in it.")
    if "labels" in ome or "image-label" in ome:
        raise unsupported(name, "it holds labels, whose numbers are no brightness", "Name the image.")
    if "bioformats2raw.layout" in ome:
        raise unsupported(name, "it is a collection of images", f"Name one of them, such as {name}/0.")


def halved(above: ArrayForm, below: ArrayForm) -> bool:
    """Whether a level of a pyramid is half as large as the one above: in Y and X, and perhaps in Z."""
    if above.dtype != below.dtype or above.axes != below.axes:
        return False
    for letter, large, small in zip(above.axes, above.shape, below.shape, strict=True):
        half = small in (max(1, large // 2), -(-large // 2))
        if not (half if letter in "YX" else small == large or (letter == "Z" and half)):
            return False
    return True


def copy_metadata(image: ZarrImage, target: Path) -> None:
    """Write the metadata of an image, all but those of what is left out, to a folder that does not exist yet."""
    root = image.folder
    paths = [array.path.relative_to(root) for array in (image.array, *image.levels)]
    folders = [Path(), *(parent for path in paths for parent in (*reversed(path.parents), path))]
    for folder in dict.fromkeys(folders):
        (target / folder).mkdir(parents=True)
        for name in _FILES:
            if (root / folder / name).is_file():
                shutil.copyfile(root / folder / name, target / folder / name)
    if not image.notes:
        if (root / _CONSOLIDATED).is_file():
            shutil.copyfile(root / _CONSOLIDATED, target / _CONSOLIDATED)
        return
    # What is left out is not named; a summary of all metadata, which readers can do without, would name it.
    for name in ("zarr.json", ".zattrs"):
        if (target / name).is_file():
            values = _of_levels(_read(target / name), [path.as_posix() for path in paths])
            (target / name).write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _of_levels(values: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """Return the metadata of a group that holds no more than these levels of its first image."""
    values.pop("consolidated_metadata", None)
    attributes = values.get("attributes", values)
    ome = attributes.get("ome", attributes)
    multiscale = ome["multiscales"][0]
    multiscale["datasets"] = [one for one in multiscale["datasets"] if _inner(one["path"]).as_posix() in paths]
    ome["multiscales"] = [multiscale]
    return values


def _beside(folder: Path, arrays: Sequence[ZarrArray]) -> bool:
    """Whether a group holds something else than the levels of its image."""
    levels = {array.path.relative_to(folder).parts[0] for array in arrays}
    return any(one.is_dir() and one.name not in levels and not one.name.startswith(".") for one in folder.iterdir())


def _node(folder: Path) -> Node | None:
    """Read the metadata of a group or array; None if there are none."""
    if (folder / "zarr.json").is_file():
        values = _read(folder / "zarr.json")
        return Node(folder, values, values.get("attributes", {}))
    for name in (".zarray", ".zgroup"):
        if (folder / name).is_file():
            attributes = _read(folder / ".zattrs") if (folder / ".zattrs").is_file() else {}
            return Node(folder, _read(folder / name), attributes)
    return None


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        text = file.read(_LONGEST + 1)
    if len(text) > _LONGEST:
        raise ValueError(f"{path.name} is longer than {_LONGEST} bytes")
    values = json.loads(text)
    if not isinstance(values, dict):
        raise TypeError(f"{path.name} holds no names and values")
    return values


def _inner(path: str) -> PurePosixPath:
    """Return a path within the folder, as the folder itself says it."""
    inner = PurePosixPath(path)
    if inner.is_absolute() or not inner.parts or ".." in inner.parts:
        raise ValueError(f"the path {path!r} leads out of it")
    return inner


def _array(node: Node, name: str, axes: str | None) -> ZarrArray:
    values = node.metadata
    shape = _lengths(values["shape"], least=0)
    if values["zarr_format"] == 3:
        units = chunks = _lengths(values["chunk_grid"]["configuration"]["chunk_shape"])
        codecs = list(_codecs(values["codecs"]))
        sharding = next((one for one in values["codecs"] if _called(one) == "sharding_indexed"), None)
        if sharding:
            chunks = _lengths(sharding["configuration"]["chunk_shape"])
        dtype = np.dtype(values["data_type"]) if str(values["data_type"]) in _NUMBERS else None
    else:
        units = chunks = _lengths(values["chunks"])
        codecs = [one["id"] for one in (values["compressor"], *(values["filters"] or ())) if one]
        dtype = np.dtype(values["dtype"]) if isinstance(values["dtype"], str) else None
    if dtype is None:
        raise unsupported(name, f"the type {one_line(values.get('data_type'))}; expected integers or floats")
    if strange := [codec for codec in codecs if codec not in _CODECS]:
        raise unsupported(name, f"zarr encoded by {one_line(strange[0])}", "Save it with zstd, for example.")
    if not len(shape) == len(units) == len(chunks):
        raise ValueError("its chunks have other axes than its shape")
    if math.prod(units) * dtype.itemsize > _LARGEST:
        raise PellucidError(f"{name} has chunks of {units} pixels; expected at most {_LARGEST} bytes. Cut them up.")
    return ZarrArray(node.path, check_array(name, shape, dtype.newbyteorder("="), axes), chunks, units)


def _lengths(values: Any, least: int = 1) -> tuple[int, ...]:
    if not isinstance(values, list) or not all(isinstance(one, int) and one >= least for one in values):
        raise ValueError(f"{one_line(values)} are no lengths of axes")
    return tuple(values)


def _called(codec: Any) -> str:
    return str(codec if isinstance(codec, str) else codec["name"])


def _codecs(codecs: Sequence[Any]) -> Iterator[str]:
    """Yield the names of codecs, and of those within a shard."""
    for codec in codecs:
        yield _called(codec)
        if _called(codec) == "sharding_indexed":
            yield from _codecs(codec["configuration"]["codecs"])
            yield from _codecs(codec["configuration"].get("index_codecs", ()))
