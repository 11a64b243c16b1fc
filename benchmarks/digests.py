"""Does a change of the code change its results? Digests of three recipes on small fixed data, to compare by eye.

    python benchmarks/digests.py

For the recipes `default`, `tutorial` and `photos` it prints the sha256 of the trained weights and of a denoised image.
They hold for one machine, one number of cores and one backend.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

TRAININGS = {
    "default": ["strokes", "--limit", "1500", "--epochs", "2"],
    "tutorial": ["strokes", "--limit", "600", "--epochs", "2"],
    "photos": ["photographs", "--epochs", "2"],
}


def main() -> None:
    """Train, denoise, print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "photographs").mkdir()
        rng = np.random.default_rng(0)
        for number in range(16):
            coarse = Image.fromarray(rng.integers(0, 256, (9, 11), dtype=np.uint8))
            coarse.resize((110, 90), Image.Resampling.BICUBIC).save(folder / "photographs" / f"{number:02d}.png")
        Image.fromarray(rng.integers(0, 256, (75, 91), dtype=np.uint8)).save(folder / "noisy.png")
        for recipe, arguments in TRAININGS.items():
            pellucid(folder, "train", *arguments, "--recipe", recipe, "--out", recipe)
            pellucid(folder, "denoise", "noisy.png", "-m", recipe, "-o", f"{recipe}.png")
            weights = json.loads((folder / recipe / "run.json").read_text())["weights"]
            pixels = np.asarray(Image.open(folder / f"{recipe}.png"))
            print(f"{recipe:9} weights {weights} denoised {hashlib.sha256(pixels.tobytes()).hexdigest()}", flush=True)


def pellucid(folder: Path, *arguments: str) -> None:
    """Run a command in a folder; it must succeed."""
    subprocess.run(
        [sys.executable, "-m", "pellucid", *arguments],
        cwd=folder,
        env=os.environ,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


if __name__ == "__main__":
    main()
