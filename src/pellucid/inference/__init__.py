"""Using a denoiser: one image or millions of files, whole or in tiles, within a bound on memory."""

from pellucid.inference.denoiser import WHOLE, Denoise, Denoiser
from pellucid.inference.many_files import denoise_files, plan
from pellucid.inference.memory import parse_size
from pellucid.inference.one_file import Judge, denoise_file, denoise_picture
from pellucid.inference.streaming import LIMITS

__all__ = [
    "LIMITS",
    "WHOLE",
    "Denoise",
    "Denoiser",
    "Judge",
    "denoise_file",
    "denoise_files",
    "denoise_picture",
    "parse_size",
    "plan",
]
