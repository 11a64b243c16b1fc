"""OME-Zarr and plain zarr: what is read, how, and what is refused in a sentence."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.common import PellucidError
from pellucid.images import Volume, find_images, measure_pages, open_rows, other_files, read_picture, write_picture
from zarrs import write_ome, zarr

RNG = np.random.default_rng(0)
SHAPE = (2, 3, 4, 50, 70)
LAYOUTS: dict[str, dict[str, Any]] = {
    "planes": {"chunks": (1, 1, 1, 50, 70)},
    "small chunks": {"chunks": (1, 1, 1, 16, 32)},
    "chunks of several planes": {"chunks": (1, 2, 3, 16, 32)},
    "shards": {"chunks": (1, 1, 2, 16, 32), "shards": (1, 1, 4, 32, 64)},
}


def volume(*shape: int, dtype: type = np.uint16) -> np.ndarray:
    return RNG.integers(0, 4000, shape or SHAPE).astype(dtype)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_planes_are_pages_however_they_are_stored(version: int, layout: str, tmp_path: Path) -> None:
    if version == 2 and "shards" in LAYOUTS[layout]:
        return
    array = volume()
    write_ome(tmp_path / "a.ome.zarr", array, version=version, levels=2, **LAYOUTS[layout])
    planes = array.reshape(-1, *SHAPE[-2:])
    pages = read_picture(tmp_path / "a.ome.zarr").pages
    assert np.array_equal(np.stack(pages), planes)
    assert pages[0].dtype == np.uint16
    sizes = measure_pages(tmp_path / "a.ome.zarr")
    assert sizes == [(50, 70, 1, 2, True)] * 24
    for page in (0, 7, 23):
        rows = open_rows(tmp_path / "a.ome.zarr", page=page)
        for window in ((slice(None), slice(None)), (slice(9, 41), slice(13, 45)), (slice(49, 90), slice(69, 90))):
            assert np.array_equal(rows.window(*window), planes[page][window])
    unpacked = Volume(tmp_path / "a.ome.zarr").unpacked(tmp_path)
    for page in (0, 7, 8, 23, 1):
        assert np.array_equal(unpacked.rows(page, 5, 33), planes[page][5:33])
    unpacked.close()


@pytest.mark.parametrize(
    ("shape", "axes", "planes"),
    [
        ((40, 50), None, 1),
        ((6, 40, 50), None, 6),
        ((40, 50, 3), None, 1),
        ((40, 50, 2), None, 2),
        ((40, 6, 50), "YZX", 6),
    ],
)
def test_the_axes_of_a_plain_array_are_guessed_or_told(
    shape: tuple[int, ...], axes: str | None, planes: int, tmp_path: Path
) -> None:
    array = volume(*shape)
    zarr.create_array(str(tmp_path / "a.zarr"), shape=shape, chunks=(7,) * len(shape), dtype=">u2", zarr_format=2)[
        ...
    ] = array
    np.save(tmp_path / "a.npy", array)
    pages = read_picture(tmp_path / "a.zarr", axes=axes).pages
    expected = read_picture(tmp_path / "a.npy", axes=axes).pages
    assert len(pages) == planes
    assert all(np.array_equal(page, other) for page, other in zip(pages, expected, strict=True))
    assert pages[0].dtype.isnative
    last = open_rows(tmp_path / "a.zarr", page=planes - 1, axes=axes)
    assert np.array_equal(last.window(slice(5, 20), slice(3, 44)), expected[-1][5:20, 3:44])


def test_a_zarr_counts_as_one_file(tmp_path: Path) -> None:
    write_ome(tmp_path / "in" / "deep" / "b.ome.zarr", volume(9, 8), "yx")
    write_ome(tmp_path / "in" / "a.zarr", volume(9, 8), "yx")
    (tmp_path / "in" / "a.zarr" / "thumbnail.png").write_bytes(b"not looked into")
    found = find_images(tmp_path / "in", recursive=True)
    assert [path.as_posix() for path in found.values()] == ["a.zarr", "deep/b.ome.zarr"]
    assert list(find_images(tmp_path / "in" / "a.zarr").values()) == [Path("a.zarr")]
    assert list(find_images(tmp_path / "in" / "a.zarr" / "0")) == [tmp_path / "in" / "a.zarr" / "0"]
    assert list(find_images(f"{tmp_path}/in/*.zarr")) == [tmp_path / "in" / "a.zarr"]
    assert not other_files(tmp_path / "in")


def edit(path: Path, **changes: Any) -> None:
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, **changes}))


def damage_a_chunk(path: Path) -> None:
    chunk = path / "0" / "c" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:20])


def group(**found: Any) -> Any:
    return lambda path: edit(path / "zarr.json", attributes={"ome": found})


def array(**changes: Any) -> Any:
    return lambda path: edit(path / "0" / "zarr.json", **changes)


BROKEN: dict[str, tuple[Any, str]] = {
    "not supported: .*plate": (group(plate={"wells": []}), "Name one image"),
    "not supported: .*labels": (group(labels=["cells"]), "Name the image"),
    "label": (group(multiscales=[{}], **{"image-label": {}}), "labels, whose numbers"),
    "collection": (group(**{"bioformats2raw.layout": 3}), "Name one of them, such as .*a.zarr/0"),
    "no image": (group(), "a zarr group without an image"),
    "no level": (group(multiscales=[{"axes": [], "datasets": [{"path": "7"}]}]), "its level 7 is missing"),
    "leads out": (group(multiscales=[{"axes": [], "datasets": [{"path": "../b"}]}]), "leads out of it"),
    "odd": (group(multiscales=5), "is damaged"),
    "no metadata": (lambda path: (path / "zarr.json").unlink(), "without zarr metadata"),
    "no JSON": (lambda path: (path / "zarr.json").write_text("{"), "is damaged"),
    "chunk": (damage_a_chunk, "is damaged or truncated"),
    "codec": (array(codecs=[{"name": "numcodecs.pickle"}]), r"encoded by numcodecs\.pickle"),
    "type": (array(data_type="string"), "the type string"),
    "no chunks": (array(chunk_grid={"configuration": {"chunk_shape": [0, 1]}}), "no lengths"),
    "large chunks": (array(chunk_grid={"configuration": {"chunk_shape": [2**20, 2**20]}}), "Cut them up"),
    "large": (array(shape=[2**20, 2**20]), "more than the limit"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_image_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    write_ome(tmp_path / "a.zarr", volume(20, 30), "yx", compressors=zarr.codecs.GzipCodec())
    breaks, said = BROKEN[name]
    breaks(tmp_path / "a.zarr")
    with pytest.raises(PellucidError, match=said) as error:
        read_picture(tmp_path / "a.zarr")
    assert "\n" not in str(error.value)
    assert "a.zarr" in str(error.value)


def test_code_in_a_codec_of_version_2_is_never_run(tmp_path: Path) -> None:
    write_ome(tmp_path / "a.zarr", volume(20, 30), "yx", version=2)
    edit(tmp_path / "a.zarr" / "0" / ".zarray", filters=[{"id": "pickle"}])
    with pytest.raises(PellucidError, match="encoded by pickle"):
        read_picture(tmp_path / "a.zarr")


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ome(tmp_path / "a.zarr", volume(20, 30), "yx")
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(PellucidError, match=r"not supported: OME-Zarr needs the extra pellucid\[zarr\]"):
        measure_pages(tmp_path / "a.zarr")


def test_a_volume_may_be_larger_than_what_is_read_whole(tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "a.zarr"), shape=(1000, 2000, 2000), chunks=(8, 256, 256), dtype="u2")
    assert len(measure_pages(tmp_path / "a.zarr")) == 1000
    assert not open_rows(tmp_path / "a.zarr", page=999).window(slice(0, 9), slice(0, 9)).any()
    with pytest.raises(PellucidError, match="more than the limit"):
        read_picture(tmp_path / "a.zarr")


def test_other_images_are_not_written_as_zarr(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", volume(9, 8))
    with pytest.raises(PellucidError, match="only written from a zarr"):
        write_picture(tmp_path / "b.zarr", read_picture(tmp_path / "a.npy"))
    write_ome(tmp_path / "a.zarr", volume(3, 9, 8), "zyx")
    write_picture(tmp_path / "a.tif", read_picture(tmp_path / "a.zarr"))
    assert len(read_picture(tmp_path / "a.tif").pages) == 3
