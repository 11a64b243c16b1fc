"""Where a model's knowledge ends: whether an image is like those it was trained on, before its result is trusted.

findings = pellucid.domain.check(denoiser.card, image)
"""

from pellucid.domain.check import MEMORY, Finding, check, check_rows, describe
from pellucid.domain.squares import SIDE

__all__ = ["MEMORY", "SIDE", "Finding", "check", "check_rows", "describe"]
