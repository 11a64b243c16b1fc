"""Training's memory does not grow with the data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.keras, pytest.mark.one_backend]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux' own count")
def test_a_mapped_array_is_not_loaded() -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "training_memory.py"
    # 16 bits make more bytes of the pixels to judge, whole images fewer steps; a median, best here, is a quick filter.
    sizes = ("--kinds", "deep", "--counts", "100", "800")
    command = [sys.executable, script, *sizes, "--patch", "256", "--noise", "salt-pepper:0.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=280)
    small, large = (float(line.rsplit(":", 1)[1].split()[0].replace(",", "")) for line in done.stdout.splitlines()[1:])
    assert large - small < 80  # MB; the data are 92 MB larger, as floats 184
