"""Stacks and volumes through a bound on memory: `python benchmarks/streams.py -m MODEL --memory 500MB`.

Writes a TIFF stack and an OME-Zarr of 16-bit planes, runs `pellucid denoise --memory` on each in a process of its own,
and prints its peak memory as the system counted it and its rate, beside the rate of a plain copy of the same file.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pellucid.inference.memory import parse_size

SIDE = 1024
PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(code)
"""


def planes(count: int) -> Iterator[np.ndarray]:
    """Yield noisy planes; a few different ones, in turn: drawing gigabytes of noise would take too long."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / 256
    blobs = 30_000 * (1 + np.sin(9 * x) * np.cos(7 * y)) / 2
    drawn = [np.clip(blobs + rng.normal(0, 6_000, blobs.shape), 0, 65535).astype(np.uint16) for _ in range(5)]
    for index in range(count):
        yield drawn[index % len(drawn)]


def write_tiff(path: Path, count: int) -> None:
    """Write a stack of pages."""
    import tifffile

    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for plane in planes(count):
            file.write(plane, contiguous=False, metadata=None, photometric="minisblack")


def write_zarr(path: Path, count: int) -> None:
    """Write a volume of two channels, in chunks of 8 planes of 256x256 pixels, with a pyramid."""
    import zarr

    axes = [{"name": "c", "type": "channel"}, *({"name": name, "type": "space"} for name in "zyx")]
    datasets = [
        {"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 2**level, 2**level]}]}
        for level in range(3)
    ]
    ome = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    group = zarr.open_group(str(path), mode="w", attributes={"ome": ome})
    depth = count // 2
    levels = [
        group.create_array(
            str(level), shape=(2, depth, SIDE >> level, SIDE >> level), chunks=(1, 8, 256, 256), dtype=np.uint16
        )
        for level in range(3)
    ]
    drawn = planes(count)
    for channel in range(2):
        for begin in range(0, depth, 8):
            slab = np.stack([next(drawn) for _ in range(begin, min(begin + 8, depth))])
            for level, array in enumerate(levels):
                array[channel, begin : begin + 8] = slab[:, :: 2**level, :: 2**level]


KINDS = {"tiff": ("TIFF stack", "volume.tif", write_tiff), "zarr": ("OME-Zarr", "volume.ome.zarr", write_zarr)}


def copy_time(source: Path, target: Path) -> float:
    """Return the seconds that a plain copy takes until it is on disk."""
    begin = time.perf_counter()
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)
    os.sync()
    return time.perf_counter() - begin


def main() -> None:
    """Write, copy, denoise; print a line for each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "-m", "--model", type=Path, required=True, help="model file (.onnx); tests/make_model.py makes one"
    )
    parser.add_argument("--megabytes", type=float, default=2000, help="of pixels in each file (default 2000)")
    parser.add_argument("--memory", default="500MB")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--folder", type=Path, help="where to put input and output (default: a temporary folder)")
    options = parser.parse_args()
    count = 2 * max(1, round(options.megabytes * 1e6 / (4 * SIDE**2)))  # of two channels
    model = options.model.resolve()
    print(f"promised {parse_size(options.memory) / 1e6:.0f} MB")
    print("| file | peak memory | denoised | rate | plain copy |\n|---|---|---|---|---|")
    for kind in options.kinds:
        text, name, write = KINDS[kind]
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            source = Path(folder) / name
            write(source, count)
            copied = copy_time(source, source.with_name(f"copy-{name}"))
            line = [sys.executable, "-m", "pellucid", "denoise", source, "--memory", options.memory, "-m", model]
            begin = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", PEAK, *map(str, line)], check=True, stdout=subprocess.PIPE, text=True
            )
            seconds = time.perf_counter() - begin
        size = count * 2 * SIDE**2 / 1e6
        cells = (
            f"{text}, {count} planes, {size:,.0f} MB",
            f"{int(done.stdout) / 1e6:.0f} MB",
            f"{seconds:.1f} s",
            f"{size / seconds:.1f} MB/s",
            f"{copied:.1f} s, {size / copied:.0f} MB/s",
        )
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
