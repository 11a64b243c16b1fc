"""Training's memory and speed on large images and on many: `python benchmarks/large_images.py`.

For each kind of data it makes a folder and does in a process of its own what `pellucid train FOLDER --noise
gaussian:0.1 --minutes M` does. It prints the peak of the memory that is resident (of the whole process, TensorFlow
included, as Linux counts it), the seconds from the start of the process to the first step of the training and, as
other programs may be running, those that the process computed by then; what a step takes, the share of the steps' time
that was spent waiting for data, and the seconds of the whole run, in which at most 200 test images are judged. Of ten
large images three are different, the others are hard links to them: that saves room on the disk, and is the better
case only for the system's own cache of files.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

LARGE = 16_000
DIFFERENT = 3

CHILD = """
import json, sys, time
begin = time.time() - float(open("/proc/uptime").read().split()[0])  # when the machine started
ticks = int(open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19])
import os
begin += ticks / os.sysconf("SC_CLK_TCK")
from functools import partial
from pellucid import train
from pellucid.training import loop

steps, waited, computed = {}, [0.0], []
step, ahead = loop.Learner.train, loop.prefetch

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024

def timed(learner, *arguments):
    start = time.time()
    if id(learner) not in steps:
        computed.append(time.process_time())
    loss = step(learner, *arguments)
    steps.setdefault(id(learner), []).append((start, time.time() - start, waited[0]))
    return loss

def waiting(*arguments, **more):
    items = ahead(*arguments, **more)
    while True:
        start = time.time()
        try:
            item = next(items)
        except StopIteration:
            return
        waited[0] = time.time() - start
        yield item

loop.Learner.train, loop.prefetch = timed, waiting
judging = sys.modules["pellucid.runs.train"]
judging.compare = partial(judging.compare, limit=200)
run = train(sys.argv[1], out=sys.argv[2], minutes=float(sys.argv[3]), noise="gaussian:0.1",
            say=lambda line: print(f"{time.time() - begin:6.1f} s, {peak():5.0f} MB: {line}", file=sys.stderr))
taken = list(steps.values())[-1]  # the learner before was for timing
busy, idle = (sum(one[part] for one in taken[1:]) for part in (1, 2))
print(json.dumps({"peak": peak(), "first": taken[0][0] - begin, "computed": computed[-1],
                  "step": (busy + idle) / (len(taken) - 1),
                  "waited": idle / (busy + idle), "steps": len(taken), "all": time.time() - begin}))
"""


def large_image(seed: int, side: int) -> np.ndarray:
    """Return soft shapes with fine texture, uint16 (side, side)."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.uniform(0, 60_000, (side // 32, side // 32)).astype(np.float32))
    whole = np.empty((side, side), np.uint16)
    for top in range(0, side, 800):
        band = whole[top : top + 800]
        box = (0, top / 32, side // 32, (top + len(band)) / 32)
        soft = np.asarray(coarse.resize((side, len(band)), Image.Resampling.BICUBIC, box))
        band[:] = np.clip(soft, 0, 65_000) + rng.integers(0, 256, band.shape, dtype=np.uint16)
    return whole


def large_tiffs(folder: Path, count: int, side: int, **options: object) -> None:
    """Write `count` TIFF files, of which `DIFFERENT` are different."""
    import tifffile

    for number in range(count):
        path = folder / f"{number:02d}.tif"
        if number < DIFFERENT:
            tifffile.imwrite(path, large_image(number, side), **options)
        else:
            os.link(folder / f"{number % DIFFERENT:02d}.tif", path)


def large_pngs(folder: Path, count: int, side: int) -> None:
    """Write `count` PNG files of 16 bits, of which `DIFFERENT` are different."""
    import imagecodecs

    for number in range(count):
        path = folder / f"{number:02d}.png"
        if number < DIFFERENT:
            path.write_bytes(imagecodecs.png_encode(large_image(number, side), level=1))
        else:
            os.link(folder / f"{number % DIFFERENT:02d}.png", path)


def small_pngs(folder: Path, count: int, least: int, most: int) -> None:
    """Write `count` PNG files, gray, 8 bits, with sides from `least` to `most` pixels."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for number in range(count):
        width, height = rng.integers(least, most + 1, 2).tolist()
        soft = Image.fromarray(rng.integers(0, 240, (5, 5), dtype=np.uint8)).resize((width, height))
        texture = rng.integers(0, 16, (height, width), dtype=np.uint8)
        place = folder / f"{number // 1000:03d}"
        place.mkdir(exist_ok=True)
        Image.fromarray(np.asarray(soft) + texture).save(place / f"{number:06d}.png", compress_level=1)


KINDS: dict[str, tuple[str, int, Callable[[Path, int], None]]] = {
    "plain": (
        f"TIFF of {LARGE:,}x{LARGE:,}, 16 bits, uncompressed",
        10,
        partial(large_tiffs, side=LARGE),
    ),
    "strips": (
        f"TIFF of {LARGE:,}x{LARGE:,}, 16 bits, deflate in strips",
        10,
        partial(large_tiffs, side=LARGE, compression="zlib", compressionargs={"level": 1}, maxworkers=2),
    ),
    "tiles": (
        f"TIFF of {LARGE:,}x{LARGE:,}, 16 bits, deflate in tiles of 256",
        10,
        partial(
            large_tiffs, side=LARGE, compression="zlib", compressionargs={"level": 1}, maxworkers=2, tile=(256, 256)
        ),
    ),
    "digits": ("PNG of 48x48, 8 bits", 100_000, partial(small_pngs, least=48, most=48)),
    "mixed": ("PNG with sides of 80 to 120, 8 bits", 100_000, partial(small_pngs, least=80, most=120)),
    "photos": ("PNG of 4,000x4,000, 16 bits", 30, partial(large_pngs, side=4000)),
    "pngs": (f"PNG of {LARGE:,}x{LARGE:,}, 16 bits", 10, partial(large_pngs, side=LARGE)),
}
"""By name: what is said of the files, how many, and what makes them in a folder."""


@contextlib.contextmanager
def made(name: str, kept: str) -> Iterator[Path]:
    """Yield a folder with the files of a kind, made anew or, if they are kept, found."""
    _, count, make = KINDS[name]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(kept or temporary) / name
        if not folder.exists():
            folder.mkdir(parents=True)
            make(folder, count)
        yield folder


def main() -> None:
    """Train on each kind, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = ["plain", "strips", "tiles", "digits", "mixed"]
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=usual)
    parser.add_argument("--minutes", type=float, default=0.5, help="of each training (default 0.5)")
    parser.add_argument("--keep", default="", metavar="FOLDER", help="make the files there, and use them again")
    given = parser.parse_args()
    headings = ("images", "peak memory", "first step after (computed)", "a step", "waiting for data", "whole run")
    print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}")
    for name in given.kinds:
        text, count, _ = KINDS[name]
        with made(name, given.keep) as folder, tempfile.TemporaryDirectory() as runs:
            command = [sys.executable, "-c", CHILD, str(folder), f"{runs}/run", str(given.minutes)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found = json.loads(done.stdout.splitlines()[-1])
        cells = (
            f"{count:,} {text}",
            f"{found['peak']:,.0f} MB",
            f"{found['first']:.0f} s ({found['computed']:.0f} s)",
            f"{1000 * found['step']:.0f} ms",
            f"{found['waited']:.1%}",
            f"{found['all']:.0f} s",
        )
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
