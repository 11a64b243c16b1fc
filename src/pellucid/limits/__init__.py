"""Where a model's knowledge ends: whether an image is like those it was trained on, before its result is trusted.

findings = pellucid.limits.check(denoiser.card, image)
"""

from pellucid.limits.checking import MEMORY, Finding, check, check_rows, describe
from pellucid.limits.sample import SIDE

__all__ = ["MEMORY", "SIDE", "Finding", "check", "check_rows", "describe"]
