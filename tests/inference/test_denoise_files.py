"""`pellucid denoise` over many files, large files, pipes, and what strangers send."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from conftest import Command
from pellucid.common.errors import PellucidError
from pellucid.images.formats import read_image, write_image
from pellucid.inference import memory
from pellucid.inference.denoiser import Denoiser
from pellucid.inference.many_files import MANY
from pellucid.inference.memory import Budget, parse_size
from pellucid.inference.streaming import denoise_stream

Trained = tuple[Path, str]
VALID = Path(__file__).parents[1] / "modelfile" / "corpus" / "valid.onnx"
RNG = np.random.default_rng(0)


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype=dtype)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with images on two levels, a broken one, a text, and links that lead out of it."""
    folder = tmp_path / "scans"
    for name in ("a.png", "b.tif", "deep/a.png", "deep/er/c.jpg"):
        write_image(folder / name, noise(30, 41))
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:60])
    (folder / "notes.txt").write_text("not an image")
    write_image(tmp_path / "secret.png", noise(9, 9))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    return folder


def test_a_folder_is_mirrored_and_one_bad_file_does_not_stop_the_rest(
    trained: Trained, tree: Path, command: Command, tmp_path: Path
) -> None:
    done = command("denoise", "scans", "-r", "-o", "clean", "-m", trained[0])
    assert done.returncode == 1
    written = {str(path.relative_to(tmp_path / "clean")) for path in (tmp_path / "clean").rglob("*") if path.is_file()}
    assert written == {"a.png", "b.tif", "deep/a.png", "deep/er/c.jpg"}
    assert "4 of 5 images denoised" in done.stdout
    assert done.stderr.count("broken.png") == 1
    assert np.array_equal(read_image(tmp_path / "clean" / "b.tif"), Denoiser(trained[0])(read_image(tree / "b.tif")))


def test_many_files_go_to_processes_and_come_out_the_same(trained: Trained, command: Command, tmp_path: Path) -> None:
    images = noise(MANY + 11, 12, 13)
    for index, image in enumerate(images):
        write_image(tmp_path / "in" / f"{index:03}.png", image)
    (tmp_path / "in" / "bad.png").write_bytes(b"no image")
    done = command("denoise", "in", "-o", "out", "--workers", 2, "-m", trained[0])
    assert done.returncode == 1
    assert f"{MANY + 11} of {MANY + 12} images denoised" in done.stdout
    assert done.stderr.count("bad.png") == 1
    denoiser = Denoiser(trained[0])
    for index in (0, 100, MANY + 10):
        assert np.array_equal(read_image(tmp_path / "out" / f"{index:03}.png"), denoiser(images[index]))


def test_only_what_is_missing_is_done_again(trained: Trained, tree: Path, command: Command, tmp_path: Path) -> None:
    (tree / "broken.png").unlink()
    assert command("denoise", "scans", "-o", "clean", "-m", trained[0]).returncode == 0
    refused = command("denoise", "scans", "-o", "clean", "-m", trained[0])
    assert (refused.returncode, "--skip-existing" in refused.stderr) == (2, True)
    (tmp_path / "clean" / "a.png").unlink()
    before = (tmp_path / "clean" / "b.tif").stat().st_mtime_ns
    again = command("denoise", "scans", "-o", "clean", "--skip-existing", "-m", trained[0])
    assert (again.returncode, again.stdout) == (0, "clean/a.png\n")
    assert (tmp_path / "clean" / "b.tif").stat().st_mtime_ns == before
    nothing = command("denoise", "scans", "-o", "clean", "--skip-existing", "-m", trained[0])
    assert (nothing.returncode, nothing.stdout) == (0, "0 of 0 images denoised\n")


def test_patterns_and_results_beside_the_inputs(trained: Trained, tree: Path, command: Command) -> None:
    for _ in range(2):  # the second time, the results of the first are no inputs
        done = command("denoise", "scans/*.png", "--overwrite", "-m", trained[0])
        assert done.returncode == 1  # broken.png
    assert sorted(path.name for path in tree.glob("*denoised*")) == ["a.denoised.png", "link.denoised.png"]
    assert "nothing matches" in command("denoise", "scans/*.bmp", "-m", trained[0]).stderr


def test_two_inputs_never_share_an_output(trained: Trained, tree: Path, command: Command) -> None:
    done = command("denoise", "scans/a.png", "scans/deep/a.png", "-o", "clean", "-m", trained[0])
    assert (done.returncode, "two inputs would be written" in done.stderr) == (2, True)


def test_what_a_model_does_with_other_channels_is_said(
    trained: Trained, photo: np.ndarray, command: Command, tmp_path: Path
) -> None:
    write_image(tmp_path / "photo.png", photo)
    done = command("denoise", "photo.png", "-m", trained[0])
    assert "a gray model took a colour image channel by channel" in done.stderr


def test_a_range_of_values_brings_dark_frames_into_the_models_range(
    trained: Trained, command: Command, tmp_path: Path
) -> None:
    frame = noise(30, 40, dtype=np.uint16) >> 4  # 12 bits in a file of 16
    write_image(tmp_path / "a.png", frame)
    assert command("denoise", "a.png", "--range", "0-4095", "-m", trained[0]).returncode == 0
    result = read_image(tmp_path / "a.denoised.png")
    assert result.dtype == np.uint16
    expected = Denoiser(trained[0])((frame / np.float32(4095)).astype(np.float32)) * 4095
    assert np.abs(result - expected).max() <= 1
    for text, said in (("4095", "LOW-HIGH"), ("9-1", "must rise")):
        refused = command("denoise", "a.png", "--overwrite", "--range", text, "-m", trained[0])
        assert (refused.returncode, said in refused.stderr) == (2, True)


@pytest.mark.parametrize("count", [1, MANY + 1])
def test_an_ensemble_reaches_one_file_and_many(count: int, trained: Trained, command: Command, tmp_path: Path) -> None:
    images = noise(count, 12, 13)
    for index, image in enumerate(images):
        write_image(tmp_path / "in" / f"{index:03}.png", image)
    assert command("denoise", "in", "-o", "out", "--workers", 2, "--ensemble", "-m", trained[0]).returncode == 0
    expected = Denoiser(trained[0], ensemble=True)(images[-1])
    assert np.array_equal(read_image(tmp_path / "out" / f"{count - 1:03}.png"), expected)
    assert not np.array_equal(expected, Denoiser(trained[0])(images[-1]))


def test_standard_input_and_output(trained: Trained, tmp_path: Path) -> None:
    image = noise(20, 31)
    write_image(tmp_path / "a.png", image)
    line = [sys.executable, "-m", "pellucid", "denoise", "-", "-m", str(trained[0])]
    done = subprocess.run(line, input=(tmp_path / "a.png").read_bytes(), capture_output=True, check=True, cwd=tmp_path)
    (tmp_path / "piped.png").write_bytes(done.stdout)
    assert np.array_equal(read_image(tmp_path / "piped.png"), Denoiser(trained[0])(image))
    bad = subprocess.run(line, input=b"nonsense", capture_output=True, check=False, cwd=tmp_path)
    assert (bad.returncode, b"standard input" in bad.stderr, b"Traceback" in bad.stderr) == (2, True, False)


def test_names_with_newlines_stay_on_one_line(trained: Trained, command: Command, tmp_path: Path) -> None:
    (tmp_path / "evil\nname\x1b[2J.png").write_bytes(b"no image")
    done = command("denoise", "evil\nname\x1b[2J.png", "-m", trained[0])
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr


def test_a_limit_on_pixels_can_be_set(trained: Trained, command: Command, tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", noise(40, 50))
    assert command("denoise", "a.png", "--max-pixels", "1999", "-m", trained[0]).returncode == 2
    assert command("denoise", "a.png", "--max-pixels", "2000", "-m", trained[0]).returncode == 0


def stream(trained: Trained, source: Path, target: Path) -> None:
    denoiser = Denoiser(trained[0])
    denoise_stream(denoiser, source, target, Budget(denoiser, 10**10))


STREAMS = {
    "strips.tif": ((300, 401), np.uint16, {"rowsperstrip": 13}),
    "plain.tif": ((300, 401, 3), np.uint8, {"photometric": "rgb"}),
    "tiles.tif": ((330, 477), np.uint16, {"tile": (64, 80)}),
    "deflate.tif": ((300, 411, 3), np.uint8, {"tile": (128, 128), "photometric": "rgb", "compression": "zlib"}),
    "big.tif": ((300, 300), np.uint16, {"bigtiff": True, "byteorder": ">"}),
    "white.tif": ((120, 90), np.uint8, {"photometric": "miniswhite", "rowsperstrip": 16}),
    "gray.npy": ((401, 300), np.uint16, {}),
    "colour.npy": ((120, 300, 3), np.uint8, {}),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_gives_what_the_whole_image_gives(
    name: str, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "SIDES", (32, 64))  # so that there are several tiles
    shape, dtype, options = STREAMS[name]
    image = noise(*shape, dtype=dtype)
    source, target = tmp_path / name, tmp_path / f"out-{name}"
    if name.endswith(".npy"):
        np.save(source, image)
    else:
        tifffile.imwrite(source, image, **options)
    denoiser = Denoiser(trained[0])
    done: list[int] = []
    denoise_stream(denoiser, source, target, Budget(denoiser, 10**10), done.append)
    result = np.load(target) if name.endswith(".npy") else tifffile.imread(target)
    if name == "white.tif":
        image, result = ~image, ~result
    assert result.dtype == image.dtype
    assert result.shape == image.shape
    step = 1 + 1e-5 * np.iinfo(dtype).max
    assert np.abs(result.astype(float) - denoiser.piece(image).astype(float)).max() <= step
    assert done[-1] == shape[0]


@pytest.mark.parametrize(
    "options",
    [
        {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)},
        {"extratags": [(274, 3, 1, 6, True)]},
        {"photometric": "rgb", "planarconfig": "separate"},
    ],
    ids=["palette", "turned", "planes"],
)
def test_what_a_stream_would_misread_is_refused(options: dict[str, object], trained: Trained, tmp_path: Path) -> None:
    image = noise(3, 60, 60) if "planarconfig" in options else noise(60, 60)
    tifffile.imwrite(tmp_path / "a.tif", image, **options)
    with pytest.raises(PellucidError, match="cannot be streamed"):
        stream(trained, tmp_path / "a.tif", tmp_path / "b.tif")
    assert not (tmp_path / "b.tif").exists()


def test_a_stream_of_what_is_no_array_is_refused(trained: Trained, tmp_path: Path) -> None:
    headers = {
        "lie.npy": b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
        "text.npy": b"no array",
        "short.npy": b"\x93NUMPY\x01\x00",
    }
    write_image(tmp_path / "a.png", noise(8, 9))
    headers["picture.npy"] = (tmp_path / "a.png").read_bytes()
    for name, content in headers.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PellucidError, match=name):
            stream(trained, tmp_path / name, tmp_path / f"out-{name}")
        assert not (tmp_path / f"out-{name}").exists()


def test_a_damaged_stream_leaves_nothing(trained: Trained, tmp_path: Path, command: Command) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(600, 600), tile=(64, 64), compression="zlib")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4000] = bytes(4000)
    (tmp_path / "a.tif").write_bytes(content)
    np.save(tmp_path / "cut.npy", noise(600, 600))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:-9])
    for name in ("a.tif", "cut.npy"):
        done = command("denoise", name, "--memory", "10GB", "-m", trained[0])
        assert done.returncode == 2, name
        assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "cut.npy"]


PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss differs elsewhere")
def test_memory_stays_within_the_promise(tmp_path: Path) -> None:
    """50 MB of pixels in, and 50 MB out, by a process that may occupy 120 MB, of which 70 are libraries."""
    side = 5_000
    with tifffile.TiffWriter(tmp_path / "large.tif") as file:
        tiles = (noise(256, 256, dtype=np.uint16) for _ in range((-(-side // 256)) ** 2))
        file.write(tiles, shape=(side, side), dtype=np.uint16, tile=(256, 256), photometric="minisblack")
    line = [sys.executable, "-m", "pellucid", "denoise", "large.tif", "--memory", "120MB", "-m", str(VALID)]
    # Between this large process and the command stands a small one: what a process had before counts in its peak.
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *line], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 60e6 < int(done.stdout) <= 120e6
    with tifffile.TiffFile(tmp_path / "large.denoised.tif") as opened:
        assert opened.pages.first.shape == (side, side)
        assert opened.pages.first.dtype == np.uint16


def test_too_little_memory_is_refused_with_what_it_takes(trained: Trained, command: Command, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(600, 600))
    done = command("denoise", "a.tif", "--memory", "20MB", "-m", trained[0])
    assert done.returncode == 2
    assert "MB at least" in done.stderr
    assert not (tmp_path / "a.denoised.tif").exists()


@pytest.mark.parametrize(
    ("text", "size"), [("500MB", 5 * 10**8), ("2GiB", 2**31), ("1.5gb", 1_500_000_000), ("1024", 1024)]
)
def test_sizes_of_memory(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.real
def test_real_frames_and_pages(real: Path, trained: Trained, command: Command, tmp_path: Path) -> None:
    frame = real / "microscopy" / "noisy-only" / "n2v_sem_validation_16bit.png"
    done = command("denoise", frame, real / "set12" / "01.png", "-o", "clean", "-m", trained[0])
    assert done.returncode == 0, done.stderr
    result = read_image(tmp_path / "clean" / frame.name)
    assert (result.shape, result.dtype) == (read_image(frame).shape, np.uint16)
    with Image.open(tmp_path / "clean" / "01.png") as opened:
        assert (opened.mode, opened.size) == ("L", (256, 256))


def test_a_note_says_what_is_not_written_as_it_came(trained: Trained, command: Command, tmp_path: Path) -> None:
    colours, grays = (Image.fromarray(noise(30, 41, *rest)).quantize(20) for rest in ((3,), ()))
    (tmp_path / "in").mkdir()
    colours.save(tmp_path / "in" / "colours.png")
    grays.save(tmp_path / "in" / "grays.bmp")
    done = command("denoise", "in", "-o", "out", "-m", trained[0])
    assert done.returncode == 0, done.stderr
    assert "note: the palette is not kept: its colours are written as RGB (1 of 2 files)" in done.stderr
    assert "note: the palette is not kept: its grays are written as 8-bit gray (1 of 2 files)" in done.stderr
    assert read_image(tmp_path / "out" / "colours.png").shape == (30, 41, 3)
    assert read_image(tmp_path / "out" / "grays.bmp").shape == (30, 41)


def test_what_is_only_read_is_written_under_the_ending_of_another_kind(
    trained: Trained, command: Command, tmp_path: Path
) -> None:
    Image.fromarray(noise(30, 41)).save(tmp_path / "still.gif")
    assert command("denoise", "still.gif", "-m", trained[0]).stdout == "still.denoised.png\n"
    assert command("denoise", "still.gif", "-o", "out/", "-m", trained[0]).stdout == "out/still.png\n"
