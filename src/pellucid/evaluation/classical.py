"""The classical filters that a learned denoiser has to beat, each with strengths to choose from.

A filter is a frozen value and, like every denoiser, maps one image (float32 HWC in [0, 1]) to another. All come from
scikit-image and SciPy; their docstrings name the sources of the methods.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pellucid.common import PellucidError
from pellucid.evaluation.metrics import psnr
from pellucid.images import Image


class Filter(Protocol):
    """What every classical filter offers; its `str` names it with its strength."""

    def __call__(self, image: Image) -> Image:
        """Return the filtered image: float32 HWC, within [0, 1] or as far beyond as the given one."""
        ...


def _finish(result: Image, image: Image) -> Image:
    # scikit-image drops an axis of one channel. Values beyond black or white are kept where the image has such.
    low, high = min(0.0, float(image.min())), max(1.0, float(image.max()))
    return np.clip(result, low, high).astype(np.float32).reshape(image.shape)


def _at_least(side: int, image: Image) -> Image:
    """Mirror an image out, at its bottom and right, until no side is shorter than `side` pixels."""
    lack = [(0, max(0, side - length)) for length in image.shape[:2]]
    return np.pad(image, (*lack, (0, 0)), mode="symmetric")


@dataclass(frozen=True)
class Median:
    """The median over a square of `side` pixels, per channel."""

    side: int

    def __call__(self, image: Image) -> Image:
        """See `Filter`."""
        from scipy.ndimage import median_filter

        return _finish(median_filter(image, size=(self.side, self.side, 1), mode="reflect"), image)

    def __str__(self) -> str:
        return f"median {self.side}x{self.side}"


@dataclass(frozen=True)
class GaussianBlur:
    """Convolution with a Gaussian of `sigma` pixels."""

    sigma: float

    def __call__(self, image: Image) -> Image:
        """See `Filter`."""
        from scipy.ndimage import gaussian_filter

        return _finish(gaussian_filter(image, sigma=(self.sigma, self.sigma, 0), mode="reflect"), image)

    def __str__(self) -> str:
        return f"Gaussian blur, sigma {self.sigma:g} px"


@dataclass(frozen=True)
class TotalVariation:
    """Total-variation denoising (Chambolle, 2004); a larger `weight` smooths more."""

    weight: float

    def __call__(self, image: Image) -> Image:
        """See `Filter`."""
        from skimage.restoration import denoise_tv_chambolle

        smooth = denoise_tv_chambolle(image, weight=self.weight, channel_axis=-1)  # type: ignore[no-untyped-call]
        return _finish(smooth, image)

    def __str__(self) -> str:
        return f"total variation, weight {self.weight:g}"


@dataclass(frozen=True)
class NonLocalMeans:
    """Non-local means (Buades et al., 2005): 5x5 patches within 6 pixels, cut-off `h`, in units of [0, 1]."""

    h: float

    def __call__(self, image: Image) -> Image:
        """See `Filter`."""
        from skimage.restoration import denoise_nl_means

        # An axis shorter than the patch cannot be searched; mirrored out, it can.
        found = denoise_nl_means(
            _at_least(5, image), patch_size=5, patch_distance=6, h=self.h, fast_mode=True, channel_axis=-1
        )
        return _finish(found[: image.shape[0], : image.shape[1]], image)

    def __str__(self) -> str:
        return f"non-local means, h {self.h:g}"


@dataclass(frozen=True)
class Wavelet:
    """Wavelet shrinkage with a threshold per subband (BayesShrink; Chang et al., 2000) for noise of `sigma`."""

    sigma: float

    def __call__(self, image: Image) -> Image:
        """See `Filter`."""
        from skimage.restoration import denoise_wavelet

        # An axis too short for the wavelet is mirrored out.
        found = denoise_wavelet(
            _at_least(8, image), sigma=self.sigma, wavelet="db2", channel_axis=-1, rescale_sigma=False
        )
        return _finish(found[: image.shape[0], : image.shape[1]], image)

    def __str__(self) -> str:
        return f"wavelets, sigma {self.sigma:g}"


@dataclass(frozen=True)
class BlockMatching:
    """BM3D (Dabov et al., 2007; Maekinen et al., 2020) for white noise of `sigma`; needs the extra `pellucid[bm3d]`."""

    sigma: float

    def __call__(self, image: Image) -> Image:
        """See `Filter`.

        Raises
        ------
        PellucidError
            If the package `bm3d` is not installed.
        """
        try:
            from bm3d import bm3d, bm3d_rgb
        except ModuleNotFoundError as error:
            raise PellucidError('BM3D is not installed. Install it: pip install "pellucid[bm3d]".') from error
        # Its blocks are 8 pixels wide, and it looks for others around them.
        padded = _at_least(16, image)
        found = bm3d(padded[..., 0], self.sigma) if image.shape[2] == 1 else bm3d_rgb(padded, self.sigma)
        return _finish(found.reshape(padded.shape)[: image.shape[0], : image.shape[1]], image)

    def __str__(self) -> str:
        return f"BM3D, sigma {self.sigma:g}"


FAMILIES: dict[str, tuple[Filter, ...]] = {
    "median": tuple(Median(side) for side in (3, 5, 7)),
    "gaussian": tuple(GaussianBlur(sigma) for sigma in (0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2)),
    "tv": tuple(TotalVariation(weight) for weight in (0.03, 0.07, 0.15, 0.3, 0.5, 0.8, 1.2)),
    "nlm": tuple(NonLocalMeans(h) for h in (0.03, 0.06, 0.1, 0.2, 0.3, 0.45, 0.6)),
    "wavelet": tuple(Wavelet(sigma) for sigma in (0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 0.8)),
}
"""The filters by name, each in the strengths that are tried."""

BM3D: tuple[Filter, ...] = tuple(BlockMatching(sigma) for sigma in (0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5))
"""The best of the classical filters, and the slowest by far; so it is tried on demand only."""


def tune(candidates: Sequence[Filter], clean: Sequence[Image], noisy: Sequence[Image]) -> tuple[Filter, float]:
    """Return the candidate with the best mean PSNR on pairs of images, and that; they must not be the test images."""

    def quality(candidate: Filter) -> float:
        pairs = zip(clean, noisy, strict=True)
        return float(np.mean([psnr(a[None], candidate(b)[None]).clip(max=100)[0] for a, b in pairs]))

    return max(((candidate, quality(candidate)) for candidate in candidates), key=lambda rated: rated[1])


KINDS: dict[str, Callable[[float], Filter]] = {
    "median": lambda side: Median(int(side)),
    "gaussian blur": GaussianBlur,
    "total variation": TotalVariation,
    "non-local means": NonLocalMeans,
    "wavelets": Wavelet,
    "bm3d": BlockMatching,
}
"""The filters by the words that their names begin with; the strength follows."""


def named(text: str) -> Filter | None:
    """Return the filter that a name stands for, such as "median 3x3" or "non-local means, h 0.1"; None if none does.

    Parameters
    ----------
    text : a filter's `str`, in any case and with or without the unit of its strength

    Raises
    ------
    PellucidError
        If the strength is missing or not allowed.
    """
    for word, kind in KINDS.items():
        if text.strip().lower().startswith(word):
            values = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", text.strip()[len(word) :])}
            value = values.pop() if len(values) == 1 else 0.0
            if value <= 0 or (word == "median" and value % 2 != 1):
                example = "median 3x3 (an odd side)" if word == "median" else str(kind(0.1))
                raise PellucidError(f"a filter is named with its strength, as in {example}; got {text!r}.")
            return kind(value)
    return None
