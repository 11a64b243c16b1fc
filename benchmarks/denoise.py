"""What using a trained denoiser costs, as ratios taken in turn within one run: `python benchmarks/denoise.py -m MODEL`.

1. `pellucid denoise` on one 512x512 PNG, cold, against a bare script with ONNX Runtime and Pillow (aim: within 3x).
2. A 28x28 image through `Denoiser` against the engine alone (aim: less than 1 ms more).
3. A folder of small PNGs against the slowest of its stages done alone, decode, run or encode, with one thread or as
   many as processors, whichever is faster (aim: at least 70 %). `--folder` puts the files elsewhere, as in memory.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image

from pellucid.common.machine import usable_processors
from pellucid.datasets.strokes import draw_digits
from pellucid.inference.denoiser import Denoiser
from pellucid.inference.jobs import plan
from pellucid.inference.many_files import denoise_files

BARE = """
import sys, numpy as np, onnxruntime as ort
from PIL import Image
session = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
image = np.asarray(Image.open(sys.argv[2])).astype(np.float32)[None, None] / 255
(result,) = session.run(None, {session.get_inputs()[0].name: image})
Image.fromarray(np.rint(result[0, 0].clip(0, 1) * 255).astype(np.uint8)).save(sys.argv[3])
"""


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def cold_start(model: Path, folder: Path, rounds: int) -> None:
    """Time whole processes, in turn."""
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (512, 512), dtype=np.uint8)).save(folder / "noisy.png")
    (folder / "bare.py").write_text(BARE)
    bare = [sys.executable, folder / "bare.py", model, folder / "noisy.png", folder / "bare.png"]
    ours = [sys.executable, "-m", "pellucid", "denoise", folder / "noisy.png", "-m", model, "--overwrite"]

    def one(command: list[object]) -> float:
        return seconds(lambda: subprocess.run([str(word) for word in command], check=True, capture_output=True))

    pairs = [(one(ours), one(bare)) for _ in range(rounds + 1)]  # the first fills the system's caches
    ratios = [a / b for a, b in pairs[1:]]
    a, b = (statistics.median(column) for column in zip(*pairs[1:], strict=True))
    print(
        f"1. one 512x512 PNG, cold: pellucid {a:.2f} s, bare script {b:.2f} s, ratio {spread(ratios)} (aim: at most 3)"
    )


def overhead(model: Path, rounds: int) -> None:
    """Time single small images inside one process, in turn."""
    denoiser = Denoiser(model, threads=1)
    image = np.random.default_rng(0).random((28, 28), dtype=np.float32)
    plain = image[None, None]
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(denoiser.path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    extra, engine = [], []
    for _ in range(rounds):
        a = seconds(lambda: [denoiser(image) for _ in range(50)]) / 50
        b = seconds(lambda: [session.run(None, {name: plain}) for _ in range(50)]) / 50
        extra.append((a - b) * 1e3)
        engine.append(b * 1e3)
    print(
        f"2. one 28x28 image: engine {statistics.median(engine):.3f} ms, "
        f"Denoiser {spread(extra, 3)} ms more (aim: less than 1)"
    )


def folder_of_files(model: Path, folder: Path, count: int, rounds: int) -> None:
    """Time a folder of small PNGs, and each stage alone with as many threads."""
    digits, _ = draw_digits(count)
    (folder / "in").mkdir()
    (folder / "alone").mkdir()
    files = []
    for index, digit in enumerate(digits):
        files.append(folder / "in" / f"{index:05}.png")
        Image.fromarray(digit).save(files[-1])
    denoiser = Denoiser(model, threads=1)
    unit = [(digit / np.float32(255))[None, None] for digit in digits]
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(denoiser.path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    workers = usable_processors()

    def alone(work: Callable[[int], object]) -> float:
        rates = []
        for threads in (1, workers):
            with ThreadPoolExecutor(threads) as pool:
                rates.append(count / seconds(lambda p=pool: list(p.map(work, range(count)))))
        return max(rates)

    stages = {
        "decode": lambda i: np.asarray(Image.open(files[i])),
        "run": lambda i: session.run(None, {name: unit[i]}),
        "encode": lambda i: Image.fromarray(digits[i]).save(folder / "alone" / f"{i:05}.png"),
    }
    shares, lines = [], []
    for _ in range(rounds):
        rates = {stage: alone(work) for stage, work in stages.items()}
        shutil.rmtree(folder / "out", ignore_errors=True)
        jobs = plan([str(folder / "in")], str(folder / "out"))
        rates["pellucid"] = count / seconds(lambda j=jobs: list(denoise_files(denoiser, j)))
        shares.append(rates["pellucid"] / min(rates[stage] for stage in stages))
        lines.append(", ".join(f"{stage} {rate:,.0f}" for stage, rate in rates.items()))
    print(f"3. {count:,} PNGs of 28x28, {workers} processors, images/s: {lines[-1]}")
    print(f"   share of the slowest stage alone: {spread(shares)} (aim: at least 0.70)")


def spread(values: list[float], digits: int = 2) -> str:
    """Write the median with the least and the largest."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def main() -> None:
    """Run the three measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", type=Path, required=True, help="model file (.onnx)")
    parser.add_argument("--files", type=int, default=10_000, help="PNG files of the third measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to put the files (default: the system's temporary folder)")
    options = parser.parse_args()
    print(f"{os.cpu_count()} processors, ONNX Runtime {ort.__version__}, model {options.model}")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        cold_start(options.model.resolve(), Path(name), options.rounds)
        overhead(options.model, options.rounds)
        folder_of_files(options.model, Path(name), options.files, max(2, options.rounds // 2))


if __name__ == "__main__":
    main()
