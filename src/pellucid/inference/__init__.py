"""Using a denoiser: one image or millions of files, whole or in tiles, within a bound on memory."""

from pellucid.inference.denoiser import WHOLE, Denoise, Denoiser, on_unit
from pellucid.inference.jobs import STANDARD, Job, plan
from pellucid.inference.many_files import MANY, Result, denoise_files
from pellucid.inference.memory import parse_size
from pellucid.inference.notes import Note
from pellucid.inference.streaming import LIMITS

__all__ = [
    "LIMITS",
    "MANY",
    "STANDARD",
    "WHOLE",
    "Denoise",
    "Denoiser",
    "Job",
    "Note",
    "Result",
    "denoise_files",
    "on_unit",
    "parse_size",
    "plan",
]
