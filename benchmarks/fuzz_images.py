"""Feed damaged and hostile image files to pellucid, and report all that is not a clear refusal.

    python benchmarks/fuzz_images.py --count 10000 --seed 0

Valid files of every kind are mutated. Child processes read them under limits of time and address space, and write
what they could read. Reported: exceptions other than PellucidError, crashes, hangs, memory beyond the limit,
sentences of several lines, anything that a decoder says on the terminal, and pages that contradict the limits, the
probe, or what is written from them. Offenders are saved. Exit code 1 if there are any.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import resource
import selectors
import struct
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

SECONDS = 10  # that one file may take
MEMORY = 2**30  # that reading may take, beyond what the imports have
PIXELS = 2**20
CHUNK = 500  # files for each child

_BORDERS = (0, 1, 2, 7, 8, 16, 127, 128, 255, 256, 32767, 65535)
INTERESTING = (*_BORDERS, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)


def valid_files() -> dict[str, bytes]:
    """Return small valid files of every kind, by name."""
    import tifffile
    from PIL import Image

    from pellucid.images.formats import Form, Picture, write_picture

    rng = np.random.default_rng(0)
    byte = {shape: rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((13, 17), (13, 17, 3), (13, 17, 4))}
    gray, rgb, rgba = byte.values()
    byte[13, 17, 2] = rgba[..., 2:]
    files: dict[str, bytes] = {}

    def keep(name: str, picture: Picture, suffix: str) -> None:
        stream = io.BytesIO()
        write_picture(stream, picture, suffix)
        files[name] = stream.getvalue()

    form = Form(dpi=(300, 150), icc=b"profile" * 20)
    for channels in (1, 2, 3, 4):
        page = byte[(13, 17, channels) if channels > 1 else (13, 17)]
        for dtype in (np.uint8, np.uint16):
            keep(f"{channels}-{dtype.__name__}.png", Picture((page.astype(dtype) * 101,), form), ".png")
        keep(f"{channels}.npy", Picture((page,)), ".npy")
        keep(f"{channels}.jp2", Picture((page,), form), ".jp2")
        keep(f"{channels}.jxl", Picture((page,), form), ".jxl")
    keep("stack.npy", Picture((gray.astype(np.int16),) * 3), ".npy")
    keep("stack.npz", Picture((gray.astype(np.float32),) * 3), ".npz")
    form = replace(form, xmp=b'<x:xmpmeta tiff:Orientation="1"/>' * 3)
    for suffix in (".bmp", ".jpg", ".webp", ".ppm", ".png", ".avif"):
        keep(f"rgb{suffix}", Picture((rgb,), form), suffix)
    for suffix in (".bmp", ".jpg", ".pgm"):
        keep(f"gray{suffix}", Picture((gray,), form), suffix)
    for suffix in (".bmp", ".png", ".pgm", ".tif"):
        keep(f"bits{suffix}", Picture((gray > 99,), form), suffix)
    keep("alpha.webp", Picture((rgba,), form), ".webp")
    keep("deep.pgm", Picture((gray.astype(np.uint16) * 257,)), ".pgm")
    files["plain.ppm"] = b"P3\n# two\n2 2 15\n" + b" ".join(b"%d" % (value % 16) for value in range(12)) + b"\n"
    for name, image in (("palette", Image.fromarray(rgb)), ("grays", Image.fromarray(gray))):
        for kind, suffix in (("BMP", ".bmp"), ("PNG", ".png"), ("TIFF", ".tif")):
            stream = io.BytesIO()
            image.quantize(8).save(stream, kind)
            files[name + suffix] = stream.getvalue()
    stream = io.BytesIO()
    Image.fromarray(rgb).quantize(16).save(stream, "PNG", bits=4, transparency=bytes(range(0, 240, 30)))
    files["palette-alpha.png"] = stream.getvalue()
    files["alpha.bmp"] = bmp_with_alpha(rgba)
    files["few-grays.png"] = _png_of_few_grays(gray)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    for kind in ("JPEG", "PNG", "WEBP"):
        stream = io.BytesIO()
        Image.fromarray(rgb).save(stream, kind, exif=exif, lossless=True)
        files[f"exif.{kind.lower()}"] = stream.getvalue()
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", progressive=True, quality=40, comment=b"a comment", dpi=(3, 4))
    files["progressive.jpg"] = stream.getvalue()
    for name, kind, mode in (("cmyk.jpg", "JPEG", "CMYK"), ("still.gif", "GIF", "RGB"), ("gray.avif", "AVIF", "L")):
        stream = io.BytesIO()
        Image.fromarray(rgb).convert(mode).save(stream, kind)
        files[name] = stream.getvalue()
    files |= _of_instruments(gray.astype(np.uint16))
    for name, options in {
        "plain": {},
        "tiled": {"tile": (16, 16)},
        "lzw": {"compression": "lzw", "predictor": True},
        "deflate": {"compression": "zlib", "rowsperstrip": 4},
        "packbits": {"compression": "packbits"},
        "zstd": {"compression": "zstd", "tile": (16, 16)},
        "lzma": {"compression": "lzma"},
        "jpeg": {"compression": "jpeg"},
        "jpeg-tiled": {"compression": "jpeg", "tile": (16, 16)},
        "planar": {"planarconfig": "separate"},
        "described": {"description": "ImageJ=1.5\nimages=1\n", "resolution": (3, 4)},
        **{kind: {"compression": kind} for kind in ("jpeg2000", "jpegxl", "jpegxr", "webp", "lerc", "png")},
        "webp-tiled": {"compression": "webp", "tile": (16, 16)},
        "lab": {"photometric": "cielab"},
        "tagged": {"extratags": [(700, 1, 0, b"<xmp/>", True), (33550, 12, 3, (1.0, 1.0, 0.0), True)]},
    }.items():
        for big in (False, True):
            stream = io.BytesIO()
            data = np.moveaxis(rgb, 2, 0) if "planarconfig" in options else rgb
            with tifffile.TiffWriter(stream, bigtiff=big, byteorder=">" if big else "<") as writer:
                writer.write(data, **{"photometric": "rgb", "metadata": None} | options)
                if name == "plain":
                    writer.write(gray.astype(np.float32) / 255, photometric="miniswhite")
                    writer.write(gray.astype(np.uint16), photometric="minisblack", compression="lzw")
            files[f"{name}{'-big' * big}.tif"] = stream.getvalue()
    files |= _stacks(gray)
    for mode, key in (("L", 7), ("RGB", (1, 2, 3))):
        stream = io.BytesIO()
        Image.fromarray(gray if mode == "L" else rgb).save(stream, "PNG", transparency=key)
        files[f"key-{mode}.png"] = stream.getvalue()
    for compression in ("group3", "group4", "tiff_ccitt"):
        stream = io.BytesIO()
        for options in (0, 1) if compression == "group3" else (0,):
            stream = io.BytesIO()
            Image.fromarray(gray > 99).save(stream, "TIFF", compression=compression, tiffinfo={292: options})
            files[f"{compression}-{options}.tif"] = stream.getvalue()
    return files


def _stacks(page: np.ndarray) -> dict[str, bytes]:
    """Return TIFFs of several planes, of channels that are no colours, and of other types of numbers."""
    import tifffile

    planes = np.stack([page, page[::-1], page[:, ::-1], page // 2])
    files: dict[str, bytes] = {}
    for name, kinds, options in (
        ("imagej", {"imagej": True}, {"metadata": {"axes": "ZYX", "Labels": list("abcd")}}),
        ("imagej-one", {"imagej": True}, {"metadata": {"axes": "TYX"}, "truncate": True}),
        ("ome", {"ome": True}, {"metadata": {"axes": "CYX"}, "compression": "zlib"}),
        ("shaped", {}, {"metadata": {"axes": "ZYX"}}),
        ("shaped-one", {}, {"metadata": {"axes": "ZYX"}, "truncate": True}),
        ("volume", {}, {"volumetric": True, "metadata": None, "tile": (16, 16, 16)}),
        ("samples", {}, {"planarconfig": "separate", "metadata": None}),
    ):
        stream = io.BytesIO()
        with tifffile.TiffWriter(stream, **kinds) as writer:
            writer.write(planes, photometric="minisblack", **options)
        files[f"{name}.tif"] = stream.getvalue()
    for dtype, options in (("i2", {"compression": "lzw", "predictor": 2}), ("u4", {}), ("u2", {"bitspersample": 12})):
        stream = io.BytesIO()
        tifffile.imwrite(stream, page.astype(dtype), photometric="minisblack", metadata=None, **options)
        files[f"{dtype}.tif"] = stream.getvalue()
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.moveaxis(planes, 0, 2), photometric="separated", metadata=None, iccprofile=b"none")
    return files | {"cmyk.tif": stream.getvalue()}


def _of_instruments(page: np.ndarray) -> dict[str, bytes]:
    """Return a FITS and an MRC file, if the packages are there that read them."""
    files = {}
    with contextlib.suppress(ModuleNotFoundError):
        from astropy.io import fits

        stream = io.BytesIO()
        fits.PrimaryHDU(np.stack([page] * 2)).writeto(stream, checksum=True)
        files["stack.fits"] = stream.getvalue()
    with contextlib.suppress(ModuleNotFoundError):
        import mrcfile

        with tempfile.TemporaryDirectory() as folder, mrcfile.new(f"{folder}/a.mrc") as file:
            file.set_data(page)
            file.flush()
            files["one.mrc"] = Path(folder, "a.mrc").read_bytes()
    return files


def bmp_with_alpha(page: np.ndarray) -> bytes:
    """Return a BMP with the header of version 4, which Pillow does not write."""
    height, width = page.shape[:2]
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII4II48x", 108, width, height, 1, 32, 3, page.size, 0, 0, 0, 0, *masks, 0x73524742)
    start = struct.pack("<2sIHHI", b"BM", 14 + len(header) + page.size, 0, 0, 14 + len(header))
    return start + header + page[::-1, :, [2, 1, 0, 3]].tobytes()


def _png_of_few_grays(page: np.ndarray) -> bytes:
    """Return a PNG of 4-bit grays, which Pillow does not write, of the size of a page."""
    height, width = page.shape
    rows = b"".join(b"\0" + bytes([0x5A] * -(-width // 2)) for _ in range(height))
    data = b"\x89PNG\r\n\x1a\n"
    for name, content in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 4, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ):
        data += struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    return data


def mutate(files: dict[str, bytes], seed: int, index: int) -> tuple[str, bytes]:
    """Return the name of a valid file and its bytes after one to three mutations."""
    rng = np.random.default_rng((seed, index))
    names = sorted(files)
    name = names[rng.integers(len(names))]
    data = bytearray(files[name])
    for _ in range(rng.integers(1, 4)):
        (_flip, _cut, _splice, _number, _number, _entry, _repeat)[rng.integers(7)](data, rng, files)
        if len(data) < 2:
            break
    if rng.random() < 0.7:
        _repair(data)
    return name, bytes(data)


def _flip(data: bytearray, rng: np.random.Generator, files: dict[str, bytes]) -> None:
    for place in rng.integers(0, len(data), rng.integers(1, 9)):
        data[place] ^= 1 << rng.integers(8)


def _cut(data: bytearray, rng: np.random.Generator, files: dict[str, bytes]) -> None:
    start = int(rng.integers(1, len(data)))
    end = len(data) if rng.random() < 0.5 else min(len(data), start + int(rng.integers(1, 64)))
    del data[start:end]


def _splice(data: bytearray, rng: np.random.Generator, files: dict[str, bytes]) -> None:
    other = list(files.values())[rng.integers(len(files))]
    start, length = rng.integers(len(other)), rng.integers(1, 200)
    place = int(rng.integers(len(data)))
    data[place : place + int(rng.integers(0, 100))] = other[start : start + length]


def _number(data: bytearray, rng: np.random.Generator, files: dict[str, bytes]) -> None:
    """Overwrite a field, more often in the header, with a number that is on some border."""
    size = int(rng.choice([1, 2, 4, 8]))
    end = len(data) if rng.random() < 0.3 else min(len(data), 64)
    place = int(rng.integers(end))
    value = INTERESTING[rng.integers(len(INTERESTING))] % 2 ** (8 * size)
    data[place : place + size] = value.to_bytes(size, "big" if rng.random() < 0.5 else "little")


def _entry(data: bytearray, rng: np.random.Generator, files: dict[str, bytes]) -> None:
    """Change the type, count or value of a tag of a TIFF's first directory; elsewhere, a number."""
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") or len(data) < 16:
        return _number(data, rng, files)
    order, big = ("<" if data[:1] == b"I" else ">"), data[2 + (data[:1] == b"M")] == 43
    (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    head, step, word = (8, 20, "Q") if big else (2, 12, "I")
    if start + head + step > len(data):
        return None
    (count,) = struct.unpack(order + ("Q" if big else "H"), data[start : start + head])
    place = start + head + step * int(rng.integers(min(count, 40) or 1))
    if place + step > len(data):
        return None
    field = int(rng.integers(4))
    value = INTERESTING[rng.integers(len(INTERESTING))]
    if field < 2:
        struct.pack_into(order + "H", data, place + 2 * field, value % 400 if field == 0 else value % 19)
    else:
        width = 8 if big else 4
        number = int(rng.integers(0, 2 * len(data))) if rng.random() < 0.5 else value % 2 ** (8 * width)
        struct.pack_into(order + word, data, place + 4 + width * (field - 2), number)
    return None


def _repeat(data: bytearray, rng: np.random.Generator, files: dict[str, bytes]) -> None:
    start, length = int(rng.integers(len(data))), int(rng.integers(1, 40))
    data[start:start] = data[start : start + length] * int(rng.integers(1, 20))


def _repair(data: bytearray) -> None:
    """Make sums and sizes right again, so that a mutation is not refused for them alone."""
    if data[:4] == b"RIFF" and len(data) > 8:
        struct.pack_into("<I", data, 4, len(data) - 8)
    offset = 8
    while data[:4] == b"\x89PNG" and offset + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, offset)
        end = offset + 8 + length
        if end + 4 > len(data):
            return
        struct.pack_into(">I", data, end, zlib.crc32(data[offset + 4 : end]))
        offset = end + 4


def check(data: bytes, folder: Path) -> str:
    """Read and write one file; return 'read', 'refused', or what is wrong."""
    from pellucid.common.errors import PellucidError
    from pellucid.images.formats import Limits, probe, read_picture, write_picture

    limits = Limits(pixels=PIXELS)
    path = folder / "a\nfile"
    path.write_bytes(data)
    try:
        try:
            picture = read_picture(path, limits=limits)
        except PellucidError as error:
            text = str(error)
            return "refused" if text.isprintable() and "a\\nfile" in text else f"bad sentence: {text!r}"
        if sum(page.shape[0] * page.shape[1] for page in picture.pages) > PIXELS:
            return "more pixels than the limit"
        if len(picture.pages) == 1:
            page = picture.pages[0]
            shape = (*page.shape[:2], 3 if page.ndim == 3 and page.shape[2] > 2 else 1)
            if probe(path, limits) != shape:
                return f"probe says {probe(path, limits)}, the page is {shape}"
        stream = io.BytesIO()
        alpha_in_bmp = picture.form.kind == "BMP" and picture.pages[0].shape[2:] == (4,)  # is not written as BMP
        write_picture(stream, picture, ".png" if alpha_in_bmp else None)
        again = read_picture(stream.getvalue(), limits=limits)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    kinds = [[(page.shape, page.dtype) for page in pages] for pages in (picture.pages, again.pages)]
    return "read" if kinds[0] == kinds[1] else f"written as {kinds[1]}, expected {kinds[0]}"


def work(folder: Path, seed: int, start: int, stop: int) -> None:
    """Check files in a child process; print a line before and after each, with the result."""
    files = valid_files()
    for data in files.values():  # import what reading needs before memory is limited
        said = check(data, folder)
        if said != "read":
            raise SystemExit(f"a valid file: {said}")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for index in range(start, stop):
        sys.stdout.write(f"start {index}\n")
        sys.stdout.flush()
        said = check(mutate(files, seed, index)[1], folder)
        sys.stdout.write(f"end {index} {' '.join(said.split())}\n")
        sys.stdout.flush()


def run(seed: int, start: int, stop: int) -> tuple[dict[int, str], int]:
    """Run one child; return its result for each file, and the file to go on with."""
    command = [sys.executable, __file__, "--seed", str(seed), "--range", str(start), str(stop)]
    said: dict[int, str] = {}
    begun = start - 1
    environment = {**os.environ, "PYTHONFAULTHANDLER": ""}
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment)
        assert child.stdout is not None
        with selectors.DefaultSelector() as selector, child.stdout as output:
            os.set_blocking(output.fileno(), False)
            selector.register(output, selectors.EVENT_READ)
            pending = b""
            while True:
                if not selector.select(SECONDS if begun >= start else 120):
                    said[begun] = f"hangs for more than {SECONDS} s"
                    child.kill()
                    break
                piece = os.read(output.fileno(), 2**16)
                if not piece:
                    break
                *lines, pending = (pending + piece).split(b"\n")
                for line in lines:
                    word, number, *rest = line.decode().split(" ", 2)
                    begun = int(number)
                    if word == "end":
                        said[begun] = rest[0]
        code = child.wait()
        errors.seek(0)
        spoken = errors.read().decode(errors="replace").strip()
    if begun < start:
        raise SystemExit(f"the child did not start: {spoken}")
    if begun not in said:
        said[begun] = f"crashes with {code}: {spoken[:200]}"
    elif spoken:
        said[begun] = f"among {start} to {begun}, something was said on the terminal: {spoken[:200]}"
    return said, begun + 1


def main() -> int:
    """Run the children and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("fuzz-offenders"), help="folder for offenders' bytes")
    parser.add_argument("--range", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.range:
        with tempfile.TemporaryDirectory() as folder:
            work(Path(folder), options.seed, *options.range)
        return 0
    files = valid_files()
    said: dict[int, str] = {}
    place = 0
    while place < options.count:
        more, place = run(options.seed, place, min(place + CHUNK, options.count))
        said |= more
    kinds = {kind: Counter[str]() for kind in sorted({Path(name).suffix for name in files})}
    offenders = 0
    for index, verdict in said.items():
        name, data = mutate(files, options.seed, index)
        known = verdict in ("read", "refused")
        kinds[Path(name).suffix][verdict if known else "offends"] += 1
        if not known:
            offenders += 1
            options.out.mkdir(parents=True, exist_ok=True)
            (options.out / f"{options.seed}-{index}-{name}").write_bytes(data)
            print(f"{index} {name}: {verdict[:300]}")
    print(f"{'kind':8}{'read':>8}{'refused':>9}{'offends':>9}")
    for kind, counts in kinds.items():
        print(f"{kind:8}{counts['read']:8}{counts['refused']:9}{counts['offends']:9}")
    print(f"{len(said)} files, {offenders} offenders")
    return 1 if offenders else 0


if __name__ == "__main__":
    sys.exit(main())
