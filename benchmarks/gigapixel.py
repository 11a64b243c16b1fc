"""A 16-bit TIFF of any size through a bound on memory: `python benchmarks/gigapixel.py -m MODEL --memory 500MB`.

Writes a tiled BigTIFF of side x side noisy pixels, runs `pellucid denoise --memory` on it in a process of its own, and
prints the peak resident memory as the system counted it, the rate, and whether parts of the result, one across the
tiles' seams among them, equal those of the whole.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

from pellucid.images import open_rows
from pellucid.inference.denoiser import Denoiser
from pellucid.inference.memory import parse_size
from pellucid.inference.streaming import LIMITS, TILE

PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(code)
"""


def write_noise(path: Path, side: int) -> None:
    """Write smooth blobs with noise, tile by tile."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:TILE, 0:TILE] / TILE
    blob = 30_000 * (1 + np.sin(9 * x) * np.cos(7 * y)) / 2
    # A few different tiles, in turn: drawing a gigapixel of noise would take longer than denoising it.
    tiles = [np.clip(blob + rng.normal(0, 6_000, blob.shape), 0, 65535).astype(np.uint16) for _ in range(7)]
    count = (-(-side // TILE)) ** 2
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(
            (tiles[index % 7] for index in range(count)),
            shape=(side, side),
            dtype=np.uint16,
            tile=(TILE, TILE),
            photometric="minisblack",
        )


def rows_of(path: Path, begin: int, end: int) -> np.ndarray:
    """Return some rows of a large TIFF."""
    return open_rows(path, LIMITS).rows(begin, end)


def largest_difference(model: Path, source: Path, target: Path, side: int) -> int:
    """Compare squares of the result with the model run on them and their surroundings, in levels of 65535."""
    denoiser = Denoiser(model)
    margin, worst = denoiser.tiling.margin, 0
    for top, left in (
        (0, 0),
        (side // 2 // 4 * 4 - 64, side // 2 // 4 * 4 - 64),
        (side // 4 * 4 - 256, side // 4 * 4 - 256),
    ):
        size = 128
        above, before = max(0, top - margin), max(0, left - margin)
        given = rows_of(source, above, min(side, top + size + margin))[:, before : left + size + margin]
        expected = denoiser.piece(given)[top - above : top - above + size, left - before : left - before + size]
        got = rows_of(target, top, top + size)[:, left : left + size]
        worst = max(worst, int(np.abs(got.astype(int) - expected.astype(int)).max()))
    return worst


def main() -> None:
    """Write, denoise, check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", type=Path, required=True, help="model file (.onnx)")
    parser.add_argument("--side", type=int, default=32_768, help="pixels; 32768 makes a gigapixel")
    parser.add_argument("--memory", default="500MB")
    parser.add_argument("--folder", type=Path, help="where to put input and output (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        source, target = Path(name) / "large.tif", Path(name) / "large.denoised.tif"
        write_noise(source, options.side)
        line = [sys.executable, "-m", "pellucid", "denoise", source, "--memory", options.memory, "-m", options.model]
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", PEAK, *map(str, line)], check=True, stdout=subprocess.PIPE, text=True
        )
        seconds = time.perf_counter() - begin
        pixels = options.side**2
        print(f"{options.side:,} x {options.side:,} pixels of 16 bit, {source.stat().st_size / 1e9:.2f} GB")
        print(f"peak memory {int(done.stdout) / 1e6:.0f} MB, promised {parse_size(options.memory) / 1e6:.0f} MB")
        print(f"{seconds:.0f} s, {pixels / seconds / 1e6:.2f} million pixels/s")
        worst = largest_difference(options.model, source, target, options.side)
        print(f"largest difference from the whole: {worst} of 65,535")


if __name__ == "__main__":
    main()
