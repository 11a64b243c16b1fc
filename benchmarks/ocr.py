"""Character error rates by Tesseract, where its program is at hand; used by `documents.py`."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ENLARGED = 3
"""Tesseract expects letters about 30 pixels high; those of the pages are a third of that."""


def find_tesseract() -> str | None:
    """Return the program's path, or None."""
    return shutil.which("tesseract")


def read_text(image: np.ndarray, program: str) -> str:
    """Return what Tesseract reads in a gray image, (height, width) floats in [0, 1]; white space becomes one blank."""
    page = Image.fromarray(np.rint(image.clip(0, 1) * 255).astype(np.uint8))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.png"
        page.resize((page.width * ENLARGED, page.height * ENLARGED), Image.Resampling.BICUBIC).save(file)
        command = [program, str(file), "stdout", "--psm", "6"]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    return " ".join(done.stdout.split())


def edit_distance(first: str, second: str) -> int:
    """Return the least number of insertions, deletions and substitutions between two texts (Levenshtein, 1966)."""
    letters = np.array([ord(letter) for letter in second])
    steps = np.arange(len(second) + 1)
    row = steps
    for letter in first:
        changed = np.minimum(row[1:] + 1, row[:-1] + (letters != ord(letter)))
        # Insertions run along the row: the least of all entries before, plus the way from there.
        row = np.minimum.accumulate(np.append(row[0] + 1, changed) - steps) + steps
    return int(row[-1])


def error_rate(truth: str, found: str) -> float:
    """Return the edit distance per character of the truth, which is 0 for an empty truth met by an empty text."""
    return edit_distance(truth, found) / max(len(truth), 1)
