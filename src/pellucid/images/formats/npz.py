"""NumPy's archives of one array. Nothing in them is ever unpickled, or written to where an archive says."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, BinaryIO

import numpy as np

from pellucid.common import one_line
from pellucid.images.formats.npy import LONGEST_HEADER, ArrayForm, Header, array_of, check_header, picture
from pellucid.images.formats.picture import Limits, Picture, Size
from pellucid.images.formats.source import Source, decoding, unsupported

_NAMED = 5  # arrays that a message names


@contextlib.contextmanager
def _member(source: Source, limits: Limits, axes: str | None) -> Iterator[tuple[IO[bytes], Header]]:
    """Yield the one array, from its start, and what its header says."""
    source.file.seek(0)
    with zipfile.ZipFile(source.file) as archive:
        every = archive.infolist()
        arrays = [info for info in every if info.filename.endswith(".npy")]
        if not arrays:
            raise unsupported(source.name, "it is an archive without arrays")
        if len(every) != 1:
            names = ", ".join(one_line(info.filename.removesuffix(".npy")) for info in arrays[:_NAMED])
            more = ", ..." if len(arrays) > _NAMED else ""
            said = f"it holds {len(arrays)} arrays ({names}{more}); expected one"
            raise unsupported(source.name, said, "Save that one alone.")
        with archive.open(every[0]) as file:
            header = check_header(source.name, file.read(LONGEST_HEADER), limits, axes)
        if every[0].file_size < header.end:
            raise ValueError("it ends too early")
        compressed = every[0].compress_type != zipfile.ZIP_STORED
        form = replace(header.form, member=every[0].filename, compressed=compressed)
        with archive.open(every[0]) as file:
            yield file, header._replace(form=form)


def size(source: Source, limits: Limits, axes: str | None = None) -> list[Size]:
    """Return the size of every plane from the header."""
    with decoding(source.name), _member(source, limits, axes) as (_, header):
        return header.sizes(parts=False)


def read(source: Source, limits: Limits, axes: str | None = None) -> Picture:
    """Read every plane of the one array."""
    with decoding(source.name), _member(source, limits, axes) as (file, header):
        array = np.lib.format.read_array(file, allow_pickle=False)
        file.read(1)  # at the end, the checksum is compared
    return picture(array, header.form, "NPZ")


def write(picture: Picture, stream: BinaryIO) -> None:
    """Write all pages as one array."""
    own = picture.form.extra
    member, compressed = (own.member, own.compressed) if isinstance(own, ArrayForm) else ("arr_0.npy", False)
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", method) as archive, archive.open(member, "w", force_zip64=True) as file:
        np.lib.format.write_array(file, array_of(picture), allow_pickle=False)
