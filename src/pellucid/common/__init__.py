"""What every room needs: errors, files that appear whole, progress, randomness, digests, tables, the machine."""

from pellucid.common.atomic import atomic, sweep, write_json, write_text
from pellucid.common.digests import digest
from pellucid.common.errors import PellucidError, one_line, unknown
from pellucid.common.machine import machine, usable_processors
from pellucid.common.progress import Report, progress
from pellucid.common.randomness import Stream, generator
from pellucid.common.table import Table

__all__ = [
    "PellucidError",
    "Report",
    "Stream",
    "Table",
    "atomic",
    "digest",
    "generator",
    "machine",
    "one_line",
    "progress",
    "sweep",
    "unknown",
    "usable_processors",
    "write_json",
    "write_text",
]
