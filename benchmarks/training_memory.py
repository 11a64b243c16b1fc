"""Training's memory over the size of the data: `python benchmarks/training_memory.py`.

Trains a very small network for an epoch on data sets of growing size, as one memory-mapped `.npy` array and as a folder
of PNG files, each in a process of its own. Every image is read. What counts is the memory that the process itself asked
for (anonymous pages, as Linux counts them); pages of a mapped file belong to the system, which takes them back at will.
A folder's decoded images are kept up to 512 MB (`CACHE_BYTES`), so its curve is flat only beyond that.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from pellucid.images.formats import write_image
from pellucid.training import RECIPES

SIDE = 256

CHILD = """
import sys, threading, time
from pellucid import train

most = 0
def watch():
    global most
    while True:
        lines = open("/proc/self/status").read().splitlines()
        most = max(most, next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")))
        time.sleep(0.02)
threading.Thread(target=watch, daemon=True).start()
data, out, noise, patch = sys.argv[1:]
train(data, out=out, noise=noise, patch=int(patch), epochs=1, network="swift:widths=4/4,depth=1")
print(most / 1024)
"""


def images(count: int, seed: int = 0) -> np.ndarray:
    """Return smooth random images, uint8 (count, SIDE, SIDE)."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 256, (count, 9, 9), dtype=np.uint8)
    return np.kron(corners, np.ones((1, 32, 32), np.uint8))[:, :SIDE, :SIDE]


def mapped(folder: Path, count: int, kind: type = np.uint8) -> Path:
    """Write `count` images as one array of 8 or 16 bits, group by group; return its path."""
    path = folder / "images.npy"
    array = np.lib.format.open_memmap(path, "w+", kind, (count, SIDE, SIDE))
    for start in range(0, count, 256):
        stop = min(start + 256, count)
        array[start:stop] = images(stop - start, start) * kind(np.iinfo(kind).max // 255)
    array.flush()
    return path


def files(folder: Path, count: int) -> Path:
    """Write `count` images as PNG files; return their folder."""
    place = folder / "images"
    place.mkdir()
    for index in range(count):
        write_image(place / f"{index:06d}.png", images(1, index)[0])
    return place


def deep(folder: Path, count: int) -> Path:
    """Write `count` images as one array of 16 bits."""
    return mapped(folder, count, np.uint16)


KINDS = {"array": (mapped, 1), "deep": (deep, 2), "folder": (files, 1)}
"""What writes the images, and the bytes of a pixel."""


def main() -> None:
    """Train on each, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 4000, 16000], help="images in the data sets")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["array", "folder"])
    parser.add_argument("--noise", default=RECIPES["photos"].noise, help="to learn to remove")
    parser.add_argument(
        "--patch", type=int, default=64, help="side of the patches to learn from; 256 takes images whole"
    )
    given = parser.parse_args()
    print("pixels are 8 bit, those of `deep` 16; an image is 256x256")
    for kind in given.kinds:
        write, size = KINDS[kind]
        for count in given.counts:
            with tempfile.TemporaryDirectory() as name:
                source = write(Path(name), count)
                command = [sys.executable, "-c", CHILD, str(source), f"{name}/run", given.noise, str(given.patch)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
            used = float(done.stdout.split()[-1])
            print(
                f"{kind:7s} {count:7,d} images, {size * count * SIDE * SIDE / 1e6:8,.0f} MB: {used:7,.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
