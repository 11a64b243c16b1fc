"""From other colours to RGB.

Sources: TIFF 6.0 (sections 16, 21 and 23); TIFF Technical Note 4 for ICCLab; IEC 61966-2-1 (sRGB), its matrix adapted
to D50 by Bradford's transform, as in ICC profiles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_D50 = (0.9642, 1.0, 0.8249)
_XYZ_TO_RGB = np.array(
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
)


def from_cmyk(page: NDArray[Any], icc: bytes | None) -> NDArray[Any]:
    """Return sRGB (H, W, 3) for CMYK (H, W, 4), uint8 or uint16, 0 being no ink.

    The conversion is that of the profile; without one, or with one that is no CMYK profile, each ink takes away its
    complement.
    """
    if icc:
        import imagecodecs

        try:
            return np.asarray(
                imagecodecs.cms_transform(
                    page, icc, imagecodecs.cms_profile("srgb"), colorspace="cmyk", outcolorspace="rgb"
                )
            )
        except (RuntimeError, ValueError):  # what it says of a profile of other colours, or of a damaged one
            pass
    white = np.iinfo(page.dtype).max
    ink = page.astype(np.float64) / white
    return np.asarray(np.rint((1 - ink[..., :3]) * (1 - ink[..., 3:]) * white), page.dtype)


def from_lab(page: NDArray[Any], *, offset: bool) -> NDArray[Any]:
    """Return sRGB (H, W, 3) for CIELab under D50 (H, W, 3), uint8 or uint16.

    Parameters
    ----------
    offset : whether a and b are stored with half of their range added, as in ICCLab; else they are signed
    """
    fine = page.dtype == np.uint16
    half, white = (2**15, 65280 if offset else 65535) if fine else (128, 255)
    light, a, b = np.moveaxis(page.astype(np.float64), 2, 0)
    # Signed values were read as unsigned ones: those from half of the range on are negative.
    a, b = (each - half if offset else (each + half) % (2 * half) - half for each in (a, b))
    scale = 256 if fine else 1
    y = (light / white * 100 + 16) / 116
    f = np.stack([y + a / scale / 500, y, y - b / scale / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _D50
    linear = np.clip(xyz @ _XYZ_TO_RGB.T, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(srgb * np.iinfo(page.dtype).max), page.dtype)


def from_ycbcr(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return RGB (H, W, 3) for YCbCr (H, W, 3) of the whole range, uint8 (ITU-R BT.601)."""
    y, blue, red = np.moveaxis(page.astype(np.float64), 2, 0)
    blue, red = blue - 128, red - 128
    rgb = np.stack([y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue], axis=-1)
    return np.asarray(np.clip(np.rint(rgb), 0, 255), np.uint8)
