"""The noise that a denoiser learns to remove: frozen values that corrupt batches of images.

    corruption = parse("gaussian:0.5")
    noisy = corruption(images, np.random.default_rng(0))

Strengths are in units of the [0, 1] range unless said otherwise; a strength may be a `Range`, from which one is drawn
for each image. Nothing is guessed from an image's content. Results are clipped to [0, 1] unless `clip` is False.
"""

from __future__ import annotations

import dataclasses
import io
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, unknown
from pellucid.noise.correlation import kernel

Batch = NDArray[np.float32]
"""Images: float32, (count, height, width, channels)."""


@dataclass(frozen=True)
class Range:
    """A strength drawn uniformly from [low, high] for each image."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise PellucidError(f"a range of strengths must rise, as in 0.1-0.6; got {self}.")

    def __str__(self) -> str:
        return f"{_number(self.low)}-{_number(self.high)}"


Strength = float | Range


class Corruption(Protocol):
    """A frozen value that corrupts images; its `str` is the text that `parse` reads."""

    def __call__(self, images: Batch, rng: np.random.Generator) -> Batch:
        """Return corrupted copies of `images` (NHWC float32, [0, 1]); `rng` is the only source of chance."""
        ...


def _check(name: str, strength: Strength, unit: str, low: float, high: float) -> None:
    values = (strength.low, strength.high) if isinstance(strength, Range) else (strength,)
    if not all(math.isfinite(value) and low <= value <= high for value in values):
        raise PellucidError(f"{name} expects its strength ({unit}) within {low:g} to {high:g}; got {strength}.")


def _draw(strength: Strength, count: int, rng: np.random.Generator) -> NDArray[np.float32] | np.float32:
    """Return one strength per image, shaped to multiply a batch."""
    if isinstance(strength, Range):
        return rng.uniform(strength.low, strength.high, (count, 1, 1, 1)).astype(np.float32)
    return np.float32(strength)


def _normal(images: Batch, rng: np.random.Generator) -> Batch:
    return rng.standard_normal(images.shape, dtype=np.float32)


def _finish(images: Batch, clip: bool) -> Batch:
    return np.clip(images, 0, 1, out=images) if clip else images


def _number(value: Strength) -> str:
    """Return the text that reads back to the very same number."""
    return str(value) if isinstance(value, Range) else repr(float(value)).removesuffix(".0")


def _tail(clip: bool) -> str:
    return "" if clip else ":unclipped"


@dataclass(frozen=True)
class Gaussian:
    """Additive white noise, `x + sigma * N(0, 1)`, drawn for each value; clipped, it is the Keras tutorial's noise."""

    sigma: Strength
    clip: bool = True

    def __post_init__(self) -> None:
        _check("gaussian", self.sigma, "sigma, in units of the [0, 1] range", 0, 10)

    def __call__(self, images: Batch, rng: np.random.Generator) -> Batch:
        """See `Corruption`."""
        sigma = _draw(self.sigma, len(images), rng)
        return _finish(images + sigma * _normal(images, rng), self.clip)

    def __str__(self) -> str:
        return f"gaussian:{_number(self.sigma)}{_tail(self.clip)}"


@dataclass(frozen=True)
class Correlated:
    """Additive Gaussian noise of which neighbours share a part, as after demosaicing, scaling or blurring.

    It is white noise blurred by a Gaussian of `across` pixels from left to right and `down` pixels from top to bottom,
    of the deviation `sigma` once it is blurred. Neighbours are correlated by exp(-1 / (4 length**2)): see
    `pellucid.noise.correlation`. A length of 0 leaves them uncorrelated in its direction.
    """

    sigma: Strength
    across: float
    down: float
    clip: bool = True

    def __post_init__(self) -> None:
        _check("correlated", self.sigma, "sigma, in units of the [0, 1] range", 0, 10)
        for length in (self.across, self.down):
            _check("correlated", length, "length of the blur, in pixels", 0, 20)

    def __call__(self, images: Batch, rng: np.random.Generator) -> Batch:
        """See `Corruption`."""
        from scipy.ndimage import correlate1d

        sigma = _draw(self.sigma, len(images), rng)
        count, height, width, channels = images.shape
        # A canvas that is larger by the reach of the blur, so that borders are like the middle.
        blur = kernel(self.down), kernel(self.across)
        more = [len(weights) - 1 for weights in blur]
        noise = rng.standard_normal((count, height + more[0], width + more[1], channels), dtype=np.float32)
        if not noise.size:
            return images.copy()
        for axis, weights in enumerate(blur, 1):
            noise = correlate1d(noise, weights, axis=axis, mode="constant")
        top, left = more[0] // 2, more[1] // 2
        return _finish(images + sigma * noise[:, top : top + height, left : left + width], self.clip)

    def __str__(self) -> str:
        length = _number(self.across) + ("" if self.across == self.down else f"x{_number(self.down)}")
        return f"correlated:{_number(self.sigma)}/{length}{_tail(self.clip)}"


@dataclass(frozen=True)
class Rows:
    """Every row of pixels is shifted by one number `sigma * N(0, 1)`, the same in all channels."""

    sigma: Strength
    clip: bool = True

    def __post_init__(self) -> None:
        _check("rows", self.sigma, "sigma, in units of the [0, 1] range", 0, 10)

    def __call__(self, images: Batch, rng: np.random.Generator) -> Batch:
        """See `Corruption`."""
        return _finish(images + _draw(self.sigma, len(images), rng) * _normal(images[:, :, :1, :1], rng), self.clip)

    def __str__(self) -> str:
        return f"rows:{_number(self.sigma)}{_tail(self.clip)}"


@dataclass(frozen=True)
class Columns:
    """Every column of pixels is shifted by one number `sigma * N(0, 1)`, the same in all channels."""

    sigma: Strength
    clip: bool = True

    def __post_init__(self) -> None:
        _check("columns", self.sigma, "sigma, in units of the [0, 1] range", 0, 10)

    def __call__(self, images: Batch, rng: np.random.Generator) -> Batch:
        """See `Corruption`."""
        return _finish(images + _draw(self.sigma, len(images), rng) * _normal(images[:, :1, :, :1], rng), self.clip)

    def __str__(self) -> str:
        return f"columns:{_number(self.sigma)}{_tail(self.clip)}"


@dataclass(frozen=True)
class Speckle:
    """Multiplicative noise, `x * (1 + sigma * N(0, 1))`, as in radar and ultrasound images."""

    sigma: Strength
    clip: bool = True

    def __post_init__(self) -> None:
        _check("speckle", self.sigma, "sigma, relative to the pixel", 0, 10)

    def __call__(self, images: Batch, rng: np.random.Generator) -> Batch:
        """See `Corruption`."""
        sigma = _draw(self.sigma, len(images), rng)
        return _finish(images * (1 + sigma * _normal(images, rng)), self.clip)

    def __str__(self) -> str:
        return f"speckle:{_number(self.sigma)}{_tail(self.clip)}"


@dataclass(frozen=True)
class Poisson:
    """Shot noise, `Poisson(peak * x) / peak`: a white pixel counts `peak` photons on average."""

    peak: Strength
    clip: bool = True

    def __post_init__(self) -> None:
        _check("poisson", self.peak, "photons per white pixel", 0.01, 1e9)

    def __call__(self, images: Batch, rng: np.random.Generator) -> Batch:
        """See `Corruption`. Values below 0 count as black."""
        peak = _draw(self.peak, len(images), rng)
        counts = rng.poisson(np.maximum(images, 0).astype(np.float64) * peak)
        return _finish((counts / peak).astype(np.float32), self.clip)

    def __str__(self) -> str:
        return f"poisson:{_number(self.peak)}{_tail(self.clip)}"


@dataclass(frozen=True)
class SaltPepper:
    """Impulse noise: a share `amount` of the values becomes 0 or 1, both equally likely."""

    amount: Strength

    def __post_init__(self) -> None:
        _check("salt-pepper", self.amount, "share of values", 0, 1)

    def __call__(self, images: Batch, rng: np.random.Generator) -> Batch:
        """See `Corruption`."""
        amount = _draw(self.amount, len(images), rng)
        lot = rng.random(images.shape, dtype=np.float32)
        return np.where(lot < amount / 2, np.float32(0), np.where(lot < amount, np.float32(1), images))

    def __str__(self) -> str:
        return f"salt-pepper:{_number(self.amount)}"


@dataclass(frozen=True)
class Masking:
    """Missing pixels: a share of the pixels becomes black in all channels."""

    share: Strength

    def __post_init__(self) -> None:
        _check("mask", self.share, "share of pixels", 0, 1)

    def __call__(self, images: Batch, rng: np.random.Generator) -> Batch:
        """See `Corruption`."""
        share = _draw(self.share, len(images), rng)
        lot = rng.random((*images.shape[:3], 1), dtype=np.float32)
        return np.where(lot < share, np.float32(0), images)

    def __str__(self) -> str:
        return f"mask:{_number(self.share)}"


@dataclass(frozen=True)
class Jpeg:
    """Every image is written as JPEG, and read back: clipped to [0, 1], rounded to 8 bits, and quantised in blocks.

    Colours are halved in resolution, as Pillow does unless told otherwise.
    """

    quality: Strength

    def __post_init__(self) -> None:
        _check("jpeg", self.quality, "Pillow's quality", 1, 100)
        if any(end != int(end) for end in self._ends):
            raise PellucidError(f"jpeg expects whole numbers for its quality; got {self.quality}.")

    @property
    def _ends(self) -> tuple[float, float]:
        return (
            (self.quality.low, self.quality.high) if isinstance(self.quality, Range) else (self.quality, self.quality)
        )

    def __call__(self, images: Batch, rng: np.random.Generator) -> Batch:
        """See `Corruption`. From a range of qualities, whole numbers are drawn."""
        from PIL import Image

        result = np.empty(images.shape, np.float32)
        for image, made in zip(np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8), result, strict=True):
            low, high = self._ends
            quality = int(rng.integers(int(low), int(high), endpoint=True))
            file = io.BytesIO()
            Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(file, "JPEG", quality=quality)
            with Image.open(file) as picture:
                made[...] = np.asarray(picture, np.float32).reshape(image.shape) / 255
        return result

    def __str__(self) -> str:
        return f"jpeg:{_number(self.quality)}"


@dataclass(frozen=True)
class Chain:
    """Several corruptions, one after the other."""

    parts: tuple[Corruption, ...]

    def __call__(self, images: Batch, rng: np.random.Generator) -> Batch:
        """See `Corruption`."""
        for part in self.parts:
            images = part(images, rng)
        return images

    def __str__(self) -> str:
        return "+".join(map(str, self.parts))


@dataclass(frozen=True)
class Paired:
    """The noise of given noisy images: in a batch, they follow the clean ones along the channels."""

    def __call__(self, images: Batch, rng: np.random.Generator) -> Batch:
        """Return the second half of the channels of `images`: the noisy images."""
        half, odd = divmod(images.shape[3], 2)
        if odd:
            raise PellucidError(
                f"the noise {str(self)!r} is that of given noisy images, but this data has clean images only. Name a "
                "noise to add, as gaussian:0.5, or give noisy images, too.",
                argument="noise",
            )
        return images[..., half:]

    def __str__(self) -> str:
        return "paired"


PAIRED = Paired()
"""The noise of a data set of given pairs of noisy and clean images (see `pellucid.datasets.pairs`)."""


@dataclass(frozen=True)
class Unknown:
    """The noise of noisy images that could not be measured: none is drawn."""

    def __call__(self, images: Batch, rng: np.random.Generator) -> Batch:
        """Return copies of the images."""
        return images.copy()

    def __str__(self) -> str:
        return "unknown"


UNKNOWN = Unknown()
"""Noise that is there, but of which nothing is known."""


KINDS: dict[str, Callable[..., Corruption]] = {
    "gaussian": Gaussian,
    "correlated": Correlated,
    "rows": Rows,
    "columns": Columns,
    "salt-pepper": SaltPepper,
    "poisson": Poisson,
    "speckle": Speckle,
    "mask": Masking,
    "jpeg": Jpeg,
}
"""The corruptions, by their name in the text that `parse` reads."""

_NEVER_LEAVE = (SaltPepper, Masking, Jpeg)
"""Kinds whose results lie within [0, 1] if the images do: there is nothing to clip."""


def varies(corruption: Corruption) -> bool:
    """Return whether the strength differs from image to image."""
    parts = corruption.parts if isinstance(corruption, Chain) else (corruption,)
    return any(isinstance(value, Range) for part in parts for value in vars(part).values())


def unclipped(corruption: Corruption) -> Corruption:
    """Return the corruption with values outside [0, 1] kept: what it adds is then zero on average."""
    if isinstance(corruption, Chain):
        return Chain(tuple(map(unclipped, corruption.parts)))
    if isinstance(corruption, Gaussian | Correlated | Rows | Columns | Speckle | Poisson):
        return dataclasses.replace(corruption, clip=False)
    return corruption


def parse(text: str | Corruption) -> Corruption:
    """Read a corruption: `KIND:STRENGTH`, several joined by `+`.

    A strength is a number (`0.5`), a fraction (`25/255`) or a range from which one is drawn for each image (`0.1-0.6`);
    `:unclipped` after it keeps values outside [0, 1]. After the strength of `correlated` comes the length of its blur
    in pixels: `0.1/0.68`, or `0.1/0.68x0.3`, horizontal and vertical. `paired` and `unknown` cannot be joined with
    others: see `Paired` and `Unknown`. A corruption is returned as it is.

    Raises
    ------
    PellucidError
        For an unknown kind, a strength that is not a number or not allowed.
    """
    if not isinstance(text, str):
        return text
    for one in (PAIRED, UNKNOWN):
        if text.strip() == str(one):
            return one
    parts = tuple(_parse_one(part) for part in text.split("+"))
    return parts[0] if len(parts) == 1 else Chain(parts)


def _parse_one(text: str) -> Corruption:
    name, _, rest = text.strip().partition(":")
    if name not in KINDS:
        raise unknown("noise", name, KINDS)
    strength, _, flag = rest.partition(":")
    kind = KINDS[name]
    if flag and (flag != "unclipped" or kind in _NEVER_LEAVE):
        raise PellucidError(f"noise {text!r}: {flag!r} is not understood; expected {name}:STRENGTH.")
    lengths: tuple[float, ...] = ()
    if kind is Correlated:
        strength, slash, length = strength.rpartition("/")
        lengths = _parse_lengths(text, length if slash else "")
    made: Corruption = kind(_parse_strength(text, strength), *lengths, **({"clip": False} if flag else {}))
    return made


def _parse_lengths(text: str, written: str) -> tuple[float, float]:
    across, both, down = written.partition("x")
    try:
        return float(across), float(down if both else across)
    except ValueError:
        raise PellucidError(
            f"noise {text!r} has no length that can be read; expected correlated:SIGMA/LENGTH, as in "
            "correlated:0.1/0.68, or two lengths, horizontal and vertical, as in correlated:0.1/0.68x0.3."
        ) from None


def _parse_strength(text: str, strength: str) -> Strength:
    def number(word: str) -> float:
        above, slash, below = word.partition("/")
        return float(above) / float(below) if slash else float(above)

    words = re.split(r"(?<!e)-", strength, flags=re.IGNORECASE)  # the minus sign of 1e-3 does not separate
    try:
        return Range(*map(number, words)) if len(words) == 2 else number(strength)
    except (ValueError, ZeroDivisionError):
        raise PellucidError(
            f"noise {text!r} has no strength that can be read; expected a number or a range, as in gaussian:0.5 "
            "or gaussian:0.1-0.6."
        ) from None
