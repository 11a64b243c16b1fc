"""MRC images, stacks and volumes, with the header read by mrcfile; needs the extra `pellucid[mrc]`.

Only the values and the statistics in the header are replaced in what is written.
"""

from __future__ import annotations

import numpy as np

from pellucid.images.formats import raw
from pellucid.images.formats.extras import wanted
from pellucid.images.formats.picture import Limits, Picture, Size
from pellucid.images.formats.source import Source, decoding, unsupported

_HEADER = 1024  # bytes
_MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}


def _place(source: Source, limits: Limits) -> raw.Place:
    dtypes = wanted("mrcfile.dtypes", source.name, "MRC", "mrc")
    source.file.seek(0)
    start = source.file.read(_HEADER)
    if len(start) < _HEADER:
        raise ValueError("its header is cut short")
    # The machine stamp is often missing; a mode is a small number in the right order only.
    order = "<" if int.from_bytes(start[12:16], "little") < 2**16 else ">"
    header = np.frombuffer(start, dtypes.HEADER_DTYPE.newbyteorder(order))[0]
    mode = int(header["mode"])
    if mode not in _MODES:
        raise unsupported(source.name, f"MRC of mode {mode}; expected one of {', '.join(map(str, _MODES))}")
    columns, rows, sections = (int(header[name]) for name in ("nx", "ny", "nz"))
    if min(columns, rows, sections, int(header["nsymbt"]) + 1) < 1:
        raise ValueError(f"it claims {columns}x{rows} pixels in {sections} sections")
    shape = (rows, columns) if sections == 1 else (sections, rows, columns)
    place = raw.Place(_HEADER + int(header["nsymbt"]), shape, np.dtype(order + _MODES[mode]), order=order)
    place.check(source, limits)
    return place


def size(source: Source, limits: Limits) -> list[Size]:
    """Return the size of every section from the header."""
    with decoding(source.name):
        return _place(source, limits).sizes()


def read(source: Source, limits: Limits) -> Picture:
    """Read every section."""
    with decoding(source.name):
        return raw.read(source, _place(source, limits), "MRC")


def encode(picture: Picture) -> bytes:
    """Return the file's bytes; it came from an MRC file."""
    from mrcfile.dtypes import HEADER_DTYPE

    form = picture.form.extra
    assert isinstance(form, raw.RawForm)
    array = raw.stored(picture, form)
    header = np.frombuffer(form.head[:_HEADER], HEADER_DTYPE.newbyteorder(form.order)).copy()
    header["dmin"], header["dmax"] = array.min(), array.max()
    header["dmean"], header["rms"] = array.mean(dtype=np.float64), array.std(dtype=np.float64)
    return header.tobytes() + form.head[_HEADER:] + array.tobytes() + form.tail
