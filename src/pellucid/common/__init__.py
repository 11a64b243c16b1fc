"""What every room needs: errors, files that appear whole, progress, randomness, the machine."""

from pellucid.common.atomic import atomic, sweep, write_text
from pellucid.common.errors import PellucidError, unknown
from pellucid.common.machine import machine, usable_processors
from pellucid.common.progress import Report, progress
from pellucid.common.randomness import Stream, generator

__all__ = [
    "PellucidError",
    "Report",
    "Stream",
    "atomic",
    "generator",
    "machine",
    "progress",
    "sweep",
    "unknown",
    "usable_processors",
    "write_text",
]
