"""Images in files that are read band by band, from the top to the bottom."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.images.contract import layout_of
from pellucid.images.formats.npy import LONGEST_HEADER, parse_header

if TYPE_CHECKING:
    from tifffile import TiffFile


class Rows(Protocol):
    """An image that is read in bands of rows, from the top to the bottom."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    depth: int
    """Rows that are decoded together, at the least."""
    inverted: bool
    """Whether the file stores white as 0."""

    def rows(self, begin: int, end: int) -> NDArray[Any]:
        """Return the rows `begin` to `end`; `begin` never decreases, but to start from the top once more."""
        ...


class NpyRows:
    """The rows of an image in a `.npy` file, read by position: a memory map would count as memory in use."""

    depth = 1
    inverted = False

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("rb") as file:
                self.shape, columns_first, self.dtype, self._offset = parse_header(file.read(LONGEST_HEADER))
        except (OSError, ValueError, EOFError) as error:
            raise PellucidError(f"{path} is not a NumPy array file that pellucid reads: {error}.") from error
        if columns_first:
            raise PellucidError(f"{path} is not stored row by row. Save it as a C-ordered array.")
        layout_of(self.shape, self.dtype, str(path))
        self._stride = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        if path.stat().st_size < self._offset + self._stride * self.shape[0]:
            raise PellucidError(f"{path} is truncated: it is shorter than its header says. Get it again.")

    def rows(self, begin: int, end: int) -> NDArray[Any]:
        """See `Rows`."""
        count = (end - begin) * self._stride // self.dtype.itemsize
        flat = np.fromfile(self._path, self.dtype, count, offset=self._offset + begin * self._stride)
        return flat.reshape(end - begin, *self.shape[1:])


class TiffRows:
    """The rows of a TIFF page; a segment (strip or tile) is decoded once and kept as long as it is needed."""

    def __init__(self, opened: TiffFile, path: Path) -> None:
        page = opened.pages.first
        self._file, self._page, self._path = opened.filehandle, page, path
        upright = "Orientation" not in page.tags or page.tags["Orientation"].value == 1
        plain = page.photometric in (0, 1, 2) and page.planarconfig == 1 and page.imagedepth == 1 and page.dtype != bool
        if len(opened.pages) != 1 or not upright or not plain or page.dtype is None:
            raise PellucidError(
                f"{path} cannot be streamed: expected one upright page, gray or RGB, of 8 bits or more, with its "
                "channels side by side. Save it so, or leave out the bound on memory.",
                argument="memory",
            )
        self.shape, self.dtype = tuple(page.shape), page.dtype
        layout_of(self.shape, self.dtype, str(path))
        self.inverted = page.photometric == 0 and np.issubdtype(self.dtype, np.integer)
        # A file in one uncompressed piece is read by position.
        self._plain = page.dataoffsets[0] if page.is_contiguous and page.is_memmappable else None
        self.depth = (
            1
            if self._plain is not None
            else min(page.tilelength if page.is_tiled else page.rowsperstrip, self.shape[0])
        )
        self._across = -(-page.imagewidth // page.tilewidth) if page.is_tiled else 1
        self._kept: dict[int, NDArray[Any]] = {}

    def rows(self, begin: int, end: int) -> NDArray[Any]:
        """See `Rows`."""
        if self._plain is not None:
            stride = int(np.prod(self.shape[1:])) * self.dtype.itemsize
            self._file.seek(self._plain + begin * stride)
            raw = self._file.read((end - begin) * stride)
            kind = self.dtype.newbyteorder(self._page.parent.byteorder)
            if len(raw) < (end - begin) * stride:
                raise PellucidError(f"{self._path} is truncated. Get it again.")
            return np.frombuffer(raw, kind).astype(self.dtype).reshape(end - begin, *self.shape[1:])
        self._kept = {line: band for line, band in self._kept.items() if (line + 1) * self.depth > begin}
        result = np.empty((end - begin, *self.shape[1:]), self.dtype)
        for line in range(begin // self.depth, -(-end // self.depth)):
            if line not in self._kept:
                self._kept[line] = self._decode(line)
            top = line * self.depth
            low, high = max(begin, top), min(end, top + self.depth)
            result[low - begin : high - begin] = self._kept[line][low - top : high - top]
        return result

    def _decode(self, line: int) -> NDArray[Any]:
        """Decode one line of segments into rows as wide as the image."""
        page = self._page
        height = min(self.depth, self.shape[0] - line * self.depth)
        band = np.empty((height, *self.shape[1:]), self.dtype)
        for index in range(line * self._across, (line + 1) * self._across):
            offset, count = page.dataoffsets[index], page.databytecounts[index]
            self._file.seek(offset)
            raw = self._file.read(count)
            try:
                if not count or len(raw) < count:
                    raise ValueError("a part of it is missing")
                decoded, place, _ = page.decode(raw, index, jpegtables=page.jpegtables, jpegheader=page.jpegheader)
            except Exception as error:  # decoders raise nearly anything on damaged bytes
                raise PellucidError(f"{self._path} is damaged or truncated: {error}.") from error
            left = place[3]
            piece = np.asarray(decoded)[0, :height, : self.shape[1] - left]
            band[:, left : left + piece.shape[1]] = piece.reshape(height, -1, *self.shape[2:])
        return band
