"""The machine that pellucid runs on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def usable_processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, str]:
    """Return what the results of a training may depend on: the system, the processor, and how many of its cores."""
    system, cores = f"{platform.system()} {platform.machine()}", str(usable_processors())
    return {"system": system, "processor": _processor(), "cores": cores}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
