"""`pellucid denoise` on OME-Zarr: chunk by chunk, and what comes out is what went in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import Command
from pellucid.common import PellucidError
from pellucid.inference import Denoiser, memory
from pellucid.inference.memory import Budget
from pellucid.inference.streaming import denoise_stream
from zarrs import write_ome, zarr

VALID = Path(__file__).parents[1] / "modelfile" / "corpus" / "valid.onnx"
RNG = np.random.default_rng(0)
SHAPE = (2, 2, 5, 45, 70)
DEEP = {"chunks": (1, 2, 2, 16, 32)}
SHARDS = {"chunks": (1, 1, 2, 16, 32), "shards": (1, 2, 4, 32, 64)}


def volume(*shape: int, dtype: type = np.uint16) -> np.ndarray:
    return RNG.integers(0, 4000, shape or SHAPE).astype(dtype)


def metadata(folder: Path) -> dict[str, bytes]:
    names = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.name in names}


def halved(array: np.ndarray) -> np.ndarray:
    """The mean of squares of 2x2 pixels; at odd ends, of those that there are."""
    height, width = array.shape[-2:]
    rows = [array[..., top : top + 2, :].mean(-2) for top in range(0, height, 2)]
    lines = np.stack(rows, -2)
    return np.stack([lines[..., left : left + 2].mean(-1) for left in range(0, width, 2)], -1)


@pytest.mark.parametrize(
    ("version", "options"), [(2, DEEP), (3, DEEP), (3, SHARDS), (3, {"chunks": (1, 1, 1, 45, 70)})]
)
def test_a_volume_is_denoised_as_each_of_its_planes(
    version: int, options: dict[str, Any], tmp_path: Path, command: Command
) -> None:
    array = volume()
    write_ome(tmp_path / "a.ome.zarr", array, version=version, levels=3, **options)
    done = command("denoise", "a.ome.zarr", "-o", "out/b.ome.zarr", "-m", VALID)
    assert (done.returncode, done.stdout) == (0, "out/b.ome.zarr\n"), done.stderr
    assert "20/20 planes" in done.stderr
    assert "left out" not in done.stderr
    result = zarr.open_group(str(tmp_path / "out" / "b.ome.zarr"), mode="r")
    np.save(tmp_path / "a.npy", array)
    assert command("denoise", "a.npy", "-m", VALID).returncode == 0
    assert np.array_equal(result["0"][...], np.load(tmp_path / "a.denoised.npy"))
    for above, below in (("0", "1"), ("1", "2")):
        assert np.abs(result[below][...] - halved(result[above][...])).max() <= 0.5
    assert metadata(tmp_path / "out" / "b.ome.zarr") == metadata(tmp_path / "a.ome.zarr")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.ome.zarr"]


def test_a_plain_array_and_a_filter(tmp_path: Path, command: Command) -> None:
    array = RNG.random((30, 6, 41), np.float32)
    array[3, 2, 5] = np.nan
    plain = zarr.create_array(
        str(tmp_path / "a.zarr"), shape=array.shape, chunks=(8, 2, 41), dtype="f4", attributes={"a": 1}
    )
    plain[...] = array
    np.save(tmp_path / "a.npy", array)
    for name in ("a.zarr", "a.npy"):
        assert command("denoise", name, "--axes", "YZX", "-m", "median:3").returncode == 0
    noted = command("denoise", "a.zarr", "--axes", "YZX", "--overwrite", "-m", "median:3").stderr
    assert "no numbers (NaN) stay as they are (1 of 7,380)" in noted
    result = zarr.open_array(str(tmp_path / "a.denoised.zarr"), mode="r")
    assert np.array_equal(result[...], np.load(tmp_path / "a.denoised.npy"), equal_nan=True)
    assert dict(result.attrs) == {"a": 1}


def test_large_planes_come_out_the_same_in_bands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SIDES", (32, 64))
    array = volume(3, 150, 130)
    write_ome(tmp_path / "a.zarr", array, "zyx", chunks=(2, 40, 32))
    denoiser, done = Denoiser(VALID), list[int]()
    denoise_stream(denoiser, tmp_path / "a.zarr", tmp_path / "b.zarr", Budget(denoiser, 10**10), done.append)
    result = zarr.open_group(str(tmp_path / "b.zarr"), mode="r")["0"][...]
    assert np.abs(result.astype(int) - denoiser(array)).max() <= 1
    assert done == [1, 2, 3]


def test_what_is_not_made_anew_is_left_out_and_said(tmp_path: Path, command: Command) -> None:
    array = volume(2, 40, 60)
    made = write_ome(tmp_path / "a.zarr", array, "zyx", levels=2, chunks=(1, 40, 60))
    made.create_array("thirds", shape=(2, 13, 20), chunks=(2, 13, 20), dtype="u2")
    made.create_group("labels")
    values = json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())
    datasets = values["attributes"]["ome"]["multiscales"][0]["datasets"]
    datasets.append({"path": "thirds", "coordinateTransformations": []})
    (tmp_path / "a.zarr" / "zarr.json").write_text(json.dumps(values))
    done = command("denoise", "a.zarr", "-m", VALID)
    assert done.returncode == 0
    assert done.stderr.count("left out") == 2
    out = tmp_path / "a.denoised.zarr"
    assert sorted(path.name for path in out.iterdir()) == ["0", "1", "zarr.json"]
    kept = json.loads((out / "zarr.json").read_text())
    assert kept["attributes"]["ome"]["multiscales"][0].pop("datasets") == datasets[:2]
    values["attributes"]["ome"]["multiscales"][0].pop("datasets")
    assert kept == values


def test_outputs_are_replaced_or_left_out_as_files_are(tmp_path: Path, command: Command) -> None:
    for name in ("in/a.ome.zarr", "in/b.ome.zarr"):
        write_ome(tmp_path / name, volume(2, 20, 30), "zyx")
    assert command("denoise", "in", "-o", "out", "-m", VALID).returncode == 0
    refused = command("denoise", "in", "-o", "out", "-m", VALID)
    assert (refused.returncode, "--skip-existing" in refused.stderr) == (2, True)
    skipped = command("denoise", "in", "-o", "out", "--skip-existing", "-m", VALID)
    assert skipped.stdout == "0 of 0 images denoised\n"
    (tmp_path / "out" / "a.ome.zarr" / "old").touch()
    for _ in range(2):
        again = command("denoise", "in/a.ome.zarr", "-o", "out/a.ome.zarr", "--overwrite", "-m", VALID)
        assert (again.returncode, again.stdout) == (0, "out/a.ome.zarr\n")
    assert not (tmp_path / "out" / "a.ome.zarr" / "old").exists()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.ome.zarr", "b.ome.zarr"]
    for _ in range(2):  # the second time, the results of the first are no inputs
        assert command("denoise", "in", "--overwrite", "-m", VALID).returncode == 0
    names = [f"{name}{mark}.ome.zarr" for name in "ab" for mark in (".denoised", "")]
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == names


def test_nothing_is_written_into_an_input_or_over_other_files(tmp_path: Path, command: Command) -> None:
    write_ome(tmp_path / "a.zarr", volume(20, 30), "yx")
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "thesis.txt").touch()
    for name, output in (
        ("a.zarr", "a.zarr"),
        ("a.zarr", "a.zarr/b.zarr"),
        ("a.zarr/0", "a.zarr"),
        ("a.zarr/0", None),
        ("a.zarr", "mine.zarr"),
    ):
        place = ("-o", output) if output else ()
        done = command("denoise", name, *place, "--overwrite", "-m", VALID)
        assert done.returncode == 2, (name, output)
        assert "Choose another place" in done.stderr
    assert sorted(path.name for path in (tmp_path / "a.zarr").iterdir()) == ["0", "zarr.json"]
    assert (tmp_path / "mine.zarr" / "thesis.txt").exists()
    assert command("denoise", "a.zarr/0", "-o", "b.zarr", "-m", VALID).returncode == 0


@pytest.mark.parametrize("before", [False, True])
def test_a_damaged_volume_leaves_nothing_behind(before: bool, tmp_path: Path, command: Command) -> None:
    write_ome(tmp_path / "a.zarr", volume(3, 40, 60, dtype=np.uint8), "zyx", chunks=(1, 20, 30))
    if before:
        assert command("denoise", "a.zarr", "-m", VALID).returncode == 0
    last = tmp_path / "a.zarr" / "0" / "c" / "2" / "1" / "1"
    last.write_bytes(last.read_bytes()[:30])
    done = command("denoise", "a.zarr", "--overwrite", "-m", VALID)
    assert (done.returncode, "a.zarr is damaged" in done.stderr) == (2, True), done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == (["a.denoised.zarr"] if before else []) + ["a.zarr"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ there")
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    made = write_ome(tmp_path / "a.zarr", volume(8, 20, 30, dtype=np.uint8), "zyx", chunks=(1, 20, 30))
    made["0"].resize((600, 20, 30))
    line = [sys.executable, "-m", "pellucid", "denoise", "a.zarr", "-m", str(VALID)]
    process = subprocess.Popen(line, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    end = time.monotonic() + 120
    while time.monotonic() < end and not list(tmp_path.glob(".a.denoised.*.zarr/0/c/1")):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors.splitlines()[-1]) == (130, "pellucid: interrupted")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss differs elsewhere")
@pytest.mark.parametrize("kind", ["tiff", "zarr"])
def test_memory_does_not_grow_with_the_volume(kind: str) -> None:
    """The measurement itself: 60 MB in and 60 MB out would not fit beside the libraries, which take 85 MB."""
    script = Path(__file__).parents[2] / "benchmarks" / "streams.py"
    line = [sys.executable, script, "--kinds", kind, "--megabytes", "60", "--memory", "180MB", "-m", VALID]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=280)
    cells = done.stdout.splitlines()[-1].split("|")
    assert 60 < float(cells[2].split()[0]) <= 180


def test_a_volume_that_the_package_lacks_is_one_sentence(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ome(tmp_path / "a.zarr", volume(20, 30), "yx")
    monkeypatch.setitem(sys.modules, "zarr", None)
    done = command("denoise", "a.zarr", "-m", VALID)
    assert done.returncode == 2
    assert "pip install 'pellucid[zarr]'" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ome(tmp_path / "a.zarr", volume(20, 30), "yx")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pellucid.images.formats.zarr.ZarrCopy.write", full)
    with pytest.raises(PellucidError, match=r"cannot write .*b\.zarr: No space left"):
        denoise_stream(Denoiser(VALID), tmp_path / "a.zarr", tmp_path / "b.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]
