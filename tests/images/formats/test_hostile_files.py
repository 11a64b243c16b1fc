"""Bad files: each is refused in one sentence that names it, before it can cost anything."""

from __future__ import annotations

import io
import os
import socket
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from pellucid.common.errors import PellucidError
from pellucid.images.formats import Form, Limits, Picture, probe, read_image, read_picture, write_picture

ROOT = Path(__file__).parents[3]
GRAY = np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
RGB = np.dstack([GRAY, GRAY.T, GRAY[::-1]])
NO_FORM, USUAL = Form(), Limits()


def encoded(suffix: str, page: np.ndarray = RGB, form: Form = NO_FORM) -> bytes:
    stream = io.BytesIO()
    write_picture(stream, Picture((page,), form), suffix)
    return stream.getvalue()


def refusal(data: bytes, name: str = "a.file", limits: Limits = USUAL) -> str:
    with pytest.raises(PellucidError) as caught:
        read_picture(data, name=name, limits=limits)
    text = str(caught.value)
    assert text.isprintable()
    assert text.startswith(name) or name not in text
    return text


def tiff(*entries: tuple[int, int, int, int], after: int = 0, extra: bytes = b"\x01" * 64) -> bytes:
    """Make a little-endian TIFF of one directory from (tag, type, count, value); data starts after it."""
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", after) + extra


PLAIN = {
    256: (4, 1, 8),
    257: (4, 1, 8),
    258: (3, 1, 8),
    259: (3, 1, 1),
    262: (3, 1, 1),
    273: (4, 1, 110),
    279: (4, 1, 64),
}


def plain(after: int = 0, **changes: tuple[int, int, int]) -> bytes:
    """Make the same with some tags changed, given as t256=(type, count, value)."""
    tags = PLAIN | {int(name[1:]): value for name, value in changes.items()}
    return tiff(*((tag, *value) for tag, value in sorted(tags.items())), after=after, extra=b"\x01" * 99)


def test_the_plain_file_that_is_spoilt_here_is_good() -> None:
    assert read_picture(plain()).pages[0].shape == (8, 8)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (plain(after=8), "loop"),
        (plain(after=2**31), "outside the file"),
        (plain(t256=(4, 1, 0)), "0x8 pixels"),
        (plain(t256=(4, 1, 2**20), t257=(4, 1, 2**20)), "more than the limit"),
        (plain(t257=(4, 1, 2**14)), "too short"),
        (plain(t258=(3, 1, 24)), "24-bit"),
        (plain(t258=(3, 1, 12)), "too short"),
        (plain(t273=(4, 2**31, 110)), "outside the file"),
        (plain(t273=(4, 1, 0)), "missing"),
        (plain(t279=(4, 1, 0)), "missing"),
        (plain(t279=(4, 1, 63)), "too short"),
        (plain(t273=(4, 1, 0), t279=(4, 1, 0)), "not supported: it has strips or tiles that are left out"),
        (plain(t254=(4, 1, 1)), "not supported: it has smaller versions of an image alone"),
        (plain(t262=(3, 1, 2)), "not supported: it has 1 samples a pixel for 3 colours"),
        (plain(t273=(4, 1, 2**32 - 1)), "missing"),
        (plain(t278=(4, 1, 0)), "undefined"),
        (plain(t277=(4, 1, 2**31)), "2147483648 samples"),
        (plain(t277=(4, 1, 0)), "0 samples"),
        (plain(t270=(2, 2**32 - 1, 0)), "outside the file"),
        (plain(t34675=(7, 2**23, 0)), "outside the file"),
        (plain(t322=(4, 1, 2**16), t323=(4, 1, 2**16), t324=(4, 1, 8), t325=(4, 1, 64)), "tiles of 65536x65536"),
        (plain(t322=(4, 1, 1), t323=(4, 1, 1), t324=(4, 1, 8), t325=(4, 1, 64)), "1 strips or tiles, expected 64"),
        (plain(t259=(3, 1, 34892)), "not supported: it has JPEG of DNG compression"),
        (plain(t259=(3, 1, 12345)), "not supported: it has the compression 12345"),
        (plain(t317=(3, 1, 34892)), "not supported: it has the predictor 34892"),
        (plain(t259=(3, 1, 7)), "no JPEG"),
        (plain(t317=(3, 1, 3)), "predictor"),
        (plain(t256=(11, 1, 8)), "type 11"),
        (plain(t282=(3, 1, 8)), "type 3"),
        (b"II*\0\x08\0\0\0\xff\xff", "65535 tags"),
        (b"II*\0\0\0\0\0", "no pages"),
        (b"II+\0\x07\0\0\0" + bytes(20), "BigTIFF header"),
        (plain()[:120], "missing"),
    ],
)
def test_bad_tiff(data: bytes, said: str) -> None:
    assert said in refusal(data)


def test_pages_cannot_share_one_large_tag() -> None:
    text = b"x" * 2**20
    entries = ((254, 4, 1, 1), (270, 2, len(text), 8))
    body = b""
    start = 8 + len(text)
    for number in range(100):
        offset = start + number * 30
        body += struct.pack("<H", 2) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
        body += struct.pack("<I", offset + 30)
    assert "share" in refusal(b"II*\0" + struct.pack("<I", start) + text + body)


def test_a_jpeg_in_a_tile_cannot_be_larger_than_the_tile() -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, RGB[:32, :32], photometric="rgb", compression="jpeg", tile=(16, 16), metadata=None)
    data = bytearray(stream.getvalue())
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = b"\xff\xff\xff\xff"
    assert "65535x65535" in refusal(bytes(data))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".ppm", ".tif", ".avif", ".jp2", ".jxl", ".npy"])
def test_no_truncated_file_is_half_read(suffix: str) -> None:
    whole = encoded(suffix)
    read_picture(whole)
    for cut in (1, 2, 5, 11, 30, len(whole) // 2, len(whole) - 40, len(whole) - 17, len(whole) - 9):
        refusal(whole[:-cut])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".ppm", ".tif", ".avif", ".jp2", ".jxl", ".npy"])
def test_limits_come_before_decoding(suffix: str, tmp_path: Path) -> None:
    data = encoded(suffix)
    assert "more than the limit of 1599" in refusal(data, limits=Limits(pixels=1599))
    assert f"{len(data)} bytes, more than the limit" in refusal(data, limits=Limits(bytes=len(data) - 1))
    (tmp_path / "a").write_bytes(data)
    for read in (probe, read_image):
        with pytest.raises(PellucidError, match="more than the limit of 1599"):
            read(tmp_path / "a", Limits(pixels=1599))
    assert probe(tmp_path / "a", Limits(pixels=1600)) == (40, 40, 3)


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def with_chunk(data: bytes, name: bytes, content: bytes) -> bytes:
    return data[:33] + chunk(name, content) + data[33:]


def test_bad_png() -> None:
    good = encoded(".png")
    bomb = chunk(b"IHDR", struct.pack(">IIBBBBB", 2**14, 2**14, 8, 6, 0, 0, 0))
    assert "cannot hold 16384x16384" in refusal(good[:8] + bomb + good[33:])
    wrong = bytearray(good)
    wrong[60] ^= 1
    assert "sum of a chunk" in refusal(bytes(wrong))
    assert "not supported: animated, 7 frames" in refusal(with_chunk(good, b"acTL", struct.pack(">II", 7, 0)))
    assert "bytes of iCCP data" in refusal(with_chunk(good, b"iCCP", bytes(2**22 + 1)))
    assert "ICC profile" in refusal(with_chunk(good, b"iCCP", b"x\0\0" + zlib.compress(bytes(2**23))))
    assert "unknown chunk" in refusal(with_chunk(good, b"XXXX", b""))
    stream = io.BytesIO()
    Image.fromarray(RGB).quantize(8).save(stream, "PNG")
    palette = stream.getvalue()
    start, end = palette.index(b"PLTE") - 4, palette.index(b"IDAT") - 4
    assert "palette" in refusal(palette[:start] + palette[end:])
    for colours in (b"", bytes(5), bytes(3 * 257)):
        assert "palette" in refusal(palette[:start] + chunk(b"PLTE", colours) + palette[end:])
    assert "more or fewer pixels" in refusal(
        good[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 5, 5, 16, 2, 0, 0, 0)) + good[33:]
    )


def test_bad_jpeg() -> None:
    good = encoded(".jpg")
    frame = good.index(b"\xff\xc0")
    for place, byte, said in (
        (frame + 4, 12, "not supported: a JPEG of 12 bits"),
        (frame + 1, 0xC3, "not supported: a lossless JPEG"),
        (frame + 1, 0xC5, "not supported: a hierarchical JPEG"),
        (3, 0xD9, "no pixels"),
        (20, 0, "ends before its pixels"),
        (4, 0xFF, "ends within a segment"),
    ):
        bad = bytearray(good)
        bad[place] = byte
        assert said in refusal(bytes(bad))
    segment = b"\xff\xe5\xff\xff" + bytes(2**16 - 3)
    assert "bytes of metadata" in refusal(good[:2] + segment * 1025 + good[2:])


def test_other_colours_and_animations_are_refused() -> None:
    picture, stream = Image.fromarray(RGB), io.BytesIO()
    picture.save(stream, "WEBP", save_all=True, append_images=[picture.rotate(90)])
    assert "not supported: animated, 2 frames" in refusal(stream.getvalue())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"P5 2 2 255 abc", "3 bytes of pixels, expected 4"),
        (b"P5 2 2 255 abcde", "1 bytes after"),
        (b"P5 2 2 99 \xff\xff\xff\xff", "99 is the largest"),
        (b"P5 99999 99999 255 ", "more than the limit"),
        (b"P5 0 2 255 ", "0x2 pixels"),
        (b"P5 2 2 0 abcd", "largest value"),
        (b"P2 2 2 9 1 2 3", "expected 4"),
        (b"P2 2 2 9 1 2 3 -4", "expected 4"),
        (b"P2 2 2 9 1 2 3 99999999999", "expected 4"),
        (b"P2 2 2 9 1 2 3 70000", "is the largest"),
        (b"P5 " + b"#" * 2**17, "header"),
    ],
)
def test_bad_pnm(data: bytes, said: str) -> None:
    assert said in refusal(data)


def test_bad_npy() -> None:
    for array, said in (
        (np.zeros(7), "has the shape"),
        (np.zeros((4, 4), np.complex64), "not supported: the type complex64"),
        (np.zeros((4, 4), object), "not supported: Python objects"),
        (np.zeros((4, 4), "S3"), "not supported: the type |S3"),
        (np.zeros((0, 4)), "is empty"),
        (np.zeros((2**20 + 1, 1, 1, 1), bool), "1048577 planes of 1x1 pixels (QQYX)"),
    ):
        stream = io.BytesIO()
        np.save(stream, array, allow_pickle=True)
        assert said in refusal(stream.getvalue())
    huge = encoded(".npy").replace(b"(40, 40, 3), ", b"(2**9, 99), ")
    refusal(huge)


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.png"))
        for name in (tmp_path / "pipe.png", tmp_path / "socket.png", Path("/dev/zero")):
            for read in (read_picture, probe):
                with pytest.raises(PellucidError, match="pipe, socket or device"):
                    read(name)
    with pytest.raises(PellucidError, match="is a folder"):
        read_picture(tmp_path)
    with pytest.raises(PellucidError, match="No such file"):
        read_picture(tmp_path / "nothing.png")
    with pytest.raises(PellucidError, match="null"):
        read_picture("a\0b.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    with pytest.raises(PellucidError, match="cannot read"):
        read_picture(tmp_path / "loop.png")


def test_names_stay_on_one_line(tmp_path: Path) -> None:
    name = tmp_path / "a\nb\x1b[31m\u202e\udcff.png"
    name.write_bytes(b"nonsense")
    for path in (name, name.with_suffix(".tif")):
        with pytest.raises(PellucidError, match=r"a\\nb\\x1b\[31m\\u202e\\udcff") as caught:
            read_picture(path)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("path", sorted((Path(__file__).parent / "corpus").iterdir()), ids=lambda path: path.stem)
def test_what_once_failed(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    try:
        picture = read_picture(path)
    except PellucidError as error:
        assert str(error).isprintable()
    else:
        stream = io.BytesIO()
        alpha_in_bmp = path.suffix == ".bmp" and picture.pages[0].shape[2:] == (4,)
        write_picture(stream, picture, ".png" if alpha_in_bmp else None)
        again = read_picture(stream.getvalue())
        assert [(page.shape, page.dtype) for page in again.pages] == [
            (page.shape, page.dtype) for page in picture.pages
        ]
    assert capfd.readouterr() == ("", "")


def test_a_little_fuzzing(tmp_path: Path) -> None:
    command = [
        sys.executable,
        ROOT / "benchmarks" / "fuzz_images.py",
        "--count",
        "300",
        "--seed",
        "7",
        "--out",
        tmp_path,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "300 files, 0 offenders" in done.stdout


def test_memory_errors_are_not_taken_for_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import PngImagePlugin

    good = encoded(".png")

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(PngImagePlugin, "PngImageFile", fail)
    with pytest.raises(MemoryError):
        read_picture(good)
