"""Parts of files equal those of the whole, whatever the layout; and only what is needed is decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from pellucid.common import PellucidError
from pellucid.images import measure, open_rows, read_image

GRAY, COLOUR = (75, 53), (75, 53, 3)
TIFFS: dict[str, tuple[tuple[int, ...], str, dict[str, Any]]] = {
    "one piece": (GRAY, "u2", {}),
    "one piece, big-endian": (GRAY, "u2", {"byteorder": ">"}),
    "one piece, colour": (COLOUR, "u1", {"photometric": "rgb"}),
    "one piece, white is 0": (GRAY, "u1", {"photometric": "miniswhite"}),
    "strips": (GRAY, "u2", {"rowsperstrip": 8}),
    "strips, deflate": (GRAY, "u2", {"rowsperstrip": 8, "compression": "zlib", "predictor": 2}),
    "strips, deflate, big-endian": (GRAY, "u2", {"rowsperstrip": 8, "compression": "zlib", "byteorder": ">"}),
    "strips, LZW": (COLOUR, "u1", {"rowsperstrip": 5, "compression": "lzw", "photometric": "rgb"}),
    "strips, LZW, white is 0": (GRAY, "u2", {"rowsperstrip": 7, "compression": "lzw", "photometric": "miniswhite"}),
    "strips, floats": (GRAY, "f4", {"rowsperstrip": 8, "compression": "zlib", "predictor": 3}),
    "tiles": (GRAY, "u2", {"tile": (16, 32)}),
    "tiles, deflate": (COLOUR, "u2", {"tile": (32, 16), "compression": "zlib", "photometric": "rgb"}),
    "tiles, LZW, alpha": (
        (75, 53, 4),
        "u1",
        {"tile": (16, 16), "compression": "lzw", "photometric": "rgb", "extrasamples": [2]},
    ),
}
WINDOWS = (
    (slice(None), slice(None)),
    (slice(0, 1), slice(0, 1)),
    (slice(9, 41), slice(13, 45)),
    (slice(60, 200), slice(40, 200)),
    (slice(74, 75), slice(None)),
)


def drawn(shape: tuple[int, ...], kind: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind.startswith("f"):
        return rng.random(shape).astype(kind)
    return rng.integers(0, 256 ** int(kind[-1]), shape).astype(kind)


def upright(path: Path, rows: slice, columns: slice) -> np.ndarray:
    opened = open_rows(path)
    part = opened.window(rows, columns)
    return ~part if opened.inverted else part


@pytest.mark.parametrize("name", TIFFS)
def test_windows_of_a_tiff_equal_those_of_the_whole(name: str, tmp_path: Path) -> None:
    shape, kind, options = TIFFS[name]
    options = {"photometric": "minisblack", **options}
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, drawn(shape, kind), metadata=None, **options)
    assert measure(path) == (*shape[:2], 3 if len(shape) > 2 else 1, np.dtype(kind).itemsize, True)
    whole = read_image(path)
    for rows, columns in WINDOWS:
        part = upright(path, rows, columns)
        assert part.dtype == whole.dtype
        assert np.array_equal(part, whole[rows, columns])
    opened = open_rows(path)
    bands = np.concatenate([opened.rows(begin, min(begin + 13, 75)) for begin in range(0, 75, 13)])
    assert np.array_equal(bands, opened.window(slice(None), slice(None)))


@pytest.mark.parametrize("shape", [GRAY, COLOUR])
def test_windows_of_an_array_equal_those_of_the_whole(shape: tuple[int, ...], tmp_path: Path) -> None:
    array = drawn(shape, "u2")
    np.save(tmp_path / "a.npy", array)
    assert measure(tmp_path / "a.npy").parts
    for rows, columns in WINDOWS:
        assert np.array_equal(open_rows(tmp_path / "a.npy").window(rows, columns), array[rows, columns])


def test_what_cannot_be_read_in_parts_is_known_from_the_headers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gray, colour = drawn(GRAY, "u1"), np.moveaxis(drawn(COLOUR, "u1"), 2, 0)
    tifffile.imwrite(tmp_path / "planes.tif", colour, photometric="rgb", planarconfig="separate")
    tifffile.imwrite(tmp_path / "turned.tif", gray, extratags=[(274, 3, 1, 6, True)])
    tifffile.imwrite(tmp_path / "bits.tif", gray > 99)
    tifffile.imwrite(tmp_path / "jpeg.tif", gray, compression="jpeg", tile=(16, 16))
    np.save(tmp_path / "columns.npy", np.asfortranarray(gray))
    np.save(tmp_path / "swapped.npy", gray.astype(">u2"))
    for path in tmp_path.iterdir():
        assert not measure(path).parts, path
    monkeypatch.setattr("pellucid.images.formats.tiff_layout._FINE", 2000)
    tifffile.imwrite(tmp_path / "one.tif", gray, compression="zlib", rowsperstrip=75)
    assert not measure(tmp_path / "one.tif").parts


def test_a_window_decodes_the_tiles_that_it_touches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.images.rows import TiffRows

    tifffile.imwrite(tmp_path / "a.tif", drawn((96, 96), "u1"), tile=(16, 16), compression="zlib")
    decode, seen = TiffRows._segment, list[int]()
    monkeypatch.setattr(
        TiffRows, "_segment", lambda rows, file, index: (seen.append(index), decode(rows, file, index))[1]
    )
    open_rows(tmp_path / "a.tif").window(slice(20, 30), slice(30, 40))
    assert seen == [7, 8]


def test_a_file_that_goes_or_changes_is_told(tmp_path: Path) -> None:
    array = drawn(GRAY, "u1")
    for name in ("gone.npy", "changed.npy"):
        np.save(tmp_path / name, array)
    gone, changed = open_rows(tmp_path / "gone.npy"), open_rows(tmp_path / "changed.npy")
    (tmp_path / "gone.npy").unlink()
    np.save(tmp_path / "changed.npy", array[:40])
    with pytest.raises(PellucidError, match=r"cannot read .*gone.npy"):
        gone.window(slice(0, 5), slice(0, 5))
    with pytest.raises(PellucidError, match=r"changed.npy has changed"):
        changed.window(slice(0, 5), slice(0, 5))
    tifffile.imwrite(tmp_path / "a.tif", array, compression="zlib", rowsperstrip=8)
    with tifffile.TiffFile(tmp_path / "a.tif") as opened:
        offset = opened.pages.first.dataoffsets[3]
    raw = bytearray((tmp_path / "a.tif").read_bytes())
    raw[offset : offset + 20] = b"\xff" * 20
    (tmp_path / "a.tif").write_bytes(raw)
    rows = open_rows(tmp_path / "a.tif")
    assert rows.window(slice(0, 8), slice(0, 8)).shape == (8, 8)
    with pytest.raises(PellucidError, match=r"a.tif is damaged"):
        rows.window(slice(24, 26), slice(0, 8))
