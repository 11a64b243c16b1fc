"""Whether the noise of an image is as strong as that which a model was trained for, and of its kind."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, Stream, generator
from pellucid.domain.squares import half
from pellucid.domain.traits import BLOCK, whole_blocks
from pellucid.noise import (
    Chain,
    Corruption,
    Gaussian,
    Masking,
    Poisson,
    Range,
    SaltPepper,
    Speckle,
    candidates,
    decide,
    flat_patches,
    parse,
    repair,
    true_correlation,
)

Floats = NDArray[np.float64]

_LEVELS = np.linspace(0, 1, 17)  # of brightness before noise
_FACTORS = np.geomspace(1 / 8, 8, 13)  # times the noise of training
_SIDE = 48  # of the constant images that noise is added to, in pixels
_LEAST = 1e-3  # levels below this are none
_SPARED_SHARE = 0.25  # a hint that falls below this in training has nothing to say
_SOME = 100.0  # flat patches by which noise is judged that gave no hint
_SPARED = 0.008  # levels below this are hard to tell from rounding and texture
_ENOUGH = 24.0  # flat patches without which nothing is said
_SURE = 1.0  # standard errors, which are taken rather large
_MANY = 400.0  # flat patches without which correlation may be content
_TEXTURE = 0.07  # likeness, from which on what varies may be content; a true correlation of 0.15
_LOST = 0.2  # likeness, from which on noise is not drawn pixel by pixel; a true correlation of 0.3
_IMPULSES = 0.005  # share of the values
_MOST_PARTS = 8  # of a chain

Curve = tuple[Floats, Floats]
"""Mean and standard deviation of flat areas with noise, at rising brightness."""


@dataclass(frozen=True)
class Trained:
    """The noise that a model was trained for, without its black and white pixels.

    Attributes
    ----------
    parts : what acts one after the other
    impulses : whether there are black or white pixels, too
    """

    parts: tuple[Any, ...]
    impulses: bool

    @property
    def clipped(self) -> bool:
        """Whether values beyond [0, 1] cannot occur."""
        return bool(self.parts[-1].clip)

    @cached_property
    def weak(self) -> tuple[Curve, ...]:
        """The curves of the weakest noise, times each of `_FACTORS`."""
        return tuple(_curve([_one(part, 0, factor) for part in self.parts]) for factor in _FACTORS)

    @cached_property
    def strong(self) -> tuple[Curve, ...]:
        """The curves of the strongest noise, times each of `_FACTORS`."""
        return tuple(_curve([_one(part, 1, factor) for part in self.parts]) for factor in _FACTORS)

    @cached_property
    def ends(self) -> tuple[Curve, Curve]:
        """The curves of the weakest and of the strongest noise themselves."""
        weak, strong = (_curve([_one(part, end, 1.0) for part in self.parts]) for end in (0, 1))
        return weak, strong


@dataclass(frozen=True)
class Measured:
    """The noise of an image beside that of training.

    Attributes
    ----------
    over_weakest, over_strongest : by what factor the weakest and the strongest of training would be as strong, between
        the ends that sampling error leaves; None if there are no flat areas to tell it by
    patches : flat ones, by which these are told
    likeness : of the noise of horizontal and of vertical neighbours, as `Flat.correlation`
    impulses : share of the values that became black or white
    """

    over_weakest: tuple[float, float, float] | None
    over_strongest: tuple[float, float, float] | None
    patches: float
    likeness: Floats
    impulses: float


@cache
def trained_noise(text: str) -> Trained | None:
    """Return the noise that a card names; None if it cannot be made, as that of pairs, or holds impulses only."""
    try:
        whole = parse(text)
    except PellucidError:  # a stranger's card
        return None
    parts = whole.parts if isinstance(whole, Chain) else (whole,)
    spread = tuple(part for part in parts if isinstance(part, Gaussian | Speckle | Poisson))
    impulses = [part for part in parts if isinstance(part, SaltPepper | Masking)]
    comparable = len(spread) + len(impulses) == len(parts) and 0 < len(spread) <= _MOST_PARTS
    return Trained(spread, bool(impulses)) if comparable else None


def _one(part: Any, end: int, factor: float) -> Corruption:
    """Return a corruption with one strength: the weaker (0) or the stronger (1) end of its range, times a factor."""
    name = dataclasses.fields(part)[0].name
    value = getattr(part, name)
    ends = (value.low, value.high) if isinstance(value, Range) else (value, value)
    if name == "peak":  # the more photons, the less noise
        changed: Corruption = dataclasses.replace(part, peak=float(np.clip(ends[1 - end] / factor**2, 0.01, 1e9)))
    else:
        changed = dataclasses.replace(part, **{name: float(np.clip(ends[end] * factor, 0, 10))})
    return changed


def _curve(parts: list[Corruption]) -> Curve:
    """Try noise on constant images."""
    flat = np.broadcast_to(_LEVELS[:, None, None, None], (len(_LEVELS), _SIDE, _SIDE, 1)).astype(np.float32)
    noisy = Chain(tuple(parts))(flat, generator(0, Stream.TRAIN)).astype(np.float64)
    mean = np.maximum.accumulate(noisy.mean(axis=(1, 2, 3)))
    return mean, np.maximum(noisy.std(axis=(1, 2, 3)), _LEAST)


@dataclass(frozen=True)
class Hint:
    """The finest detail of an image, where there is least of it: in the tenth of the blocks that have less.

    Attributes
    ----------
    level : root mean square of the diagonal differences of neighbours; the standard deviation of white noise
    over_weakest, over_strongest : the same over what the weakest and the strongest noise of training would give at the
        brightness of each block: 0.7 to 0.8 where there is nothing but noise; 1 if noise spares all of the image
    """

    level: float
    over_weakest: float
    over_strongest: float


Bounds = tuple[Hint, Hint]
"""What a hint is at least, and at most, unless the noise is suspicious."""

BOUNDS: Bounds = (Hint(0, 0.6, 0), Hint(np.inf, np.inf, 0.84))
"""Those of noise alone."""


def difference(
    unit: NDArray[np.float32], hinted: Hint, bounds: Bounds | None, trained: Trained, suspect: bool, margin: float
) -> tuple[str, float] | None:
    """Say in what the noise of an image differs from that of training, or None.

    Parameters
    ----------
    unit : squares of an image, side by side (H, W, C)
    hinted : what `hint` says of them
    bounds : of hints, by the training images; None if not known
    trained : what to compare with
    suspect : the image is unlike those of training, so measure in any case
    margin : factor on the strengths of training, within which nothing is said

    Returns
    -------
    `weaker`, `stronger`, `correlated` or `impulses`, and by what figure.
    """
    if bounds is None and unit.size < _SIDE**2:
        return None  # a few blocks of content may have little detail, or much
    low, high = map(dataclasses.astuple, bounds or BOUNDS)
    values = dataclasses.astuple(hinted)
    hints = not all(least <= value <= most for least, value, most in zip(low, values, high, strict=True))
    if not hints and not suspect:
        return None
    found = measure(list(np.moveaxis(half(unit), 2, 0).astype(np.float64)), trained)
    if hints and found.over_weakest is None:  # no flat areas to measure, yet hardly any fine detail
        firm = zip(values[:2], low[:2], (_SPARED, _SPARED_SHARE), strict=True)
        if any(value * margin < least and least > enough for value, least, enough in firm):
            return "weaker", hinted.over_weakest / BOUNDS[1].over_strongest
    return unlike(found, trained, margin) if hints or found.patches > _SOME else None


def hint(planes: NDArray[np.float32], trained: Trained) -> Hint:
    """Look at the squares of an image, (count, height, width), quickly, to tell whether `measure` is worth its time."""
    grid = whole_blocks(planes)
    count, height, width = grid.shape
    shape = (count, height // BLOCK, BLOCK // 2, width // BLOCK, BLOCK // 2)
    upper, lower = grid[:, ::2], grid[:, 1::2]
    diagonal = (upper[:, :, ::2] - upper[:, :, 1::2] - lower[:, :, ::2] + lower[:, :, 1::2]) / 2
    level = np.sqrt(np.square(diagonal).reshape(shape).mean(axis=(2, 4))).ravel()
    mean = grid.reshape(count, height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean(axis=(2, 4)).ravel()
    expected = [np.interp(mean, *curve) for curve in trained.ends]
    struck = expected[0] > _SPARED
    if not struck.any():
        return Hint(_tenth(level), 1.0, 1.0)
    return Hint(_tenth(level), *(_tenth(level[struck] / one[struck]) for one in expected))


def _tenth(values: Floats) -> float:
    place = len(values) // 10
    return float(np.partition(values, place)[place])


def with_noise(planes: NDArray[np.float32], trained: Trained) -> NDArray[np.float32]:
    """Return planes (count, height, width) with the weakest noise of training added."""
    weakest = Chain(tuple(_one(part, 0, 1.0) for part in trained.parts))
    return weakest(planes[..., None], generator(0, Stream.TRAIN))[..., 0]


def measure(planes: list[Floats], trained: Trained) -> Measured:
    """Measure the noise of an image in its flat areas, by the estimators of `pellucid.noise`.

    Parameters
    ----------
    planes : the colours of an image, each (height, width)
    trained : what to compare with
    """
    ends = [candidates(np.clip(plane, 0, 1)) for plane in planes]
    impulses = decide(ends)
    flats = [flat_patches(repair(plane, end, impulses)) for plane, end in zip(planes, ends, strict=True)]
    mean, variance, weight = (np.concatenate([getattr(flat, name) for flat in flats]) for name in flats[0].POINTS)
    share = sum(impulses.shares)
    if weight.sum() < _ENOUGH:
        return Measured(None, None, 0.0, np.zeros(2), share)
    counts = [flat.weight.sum() for flat in flats]
    likeness = np.average([flat.correlation for flat in flats], axis=0, weights=counts)
    # The deviation of n independent values has the relative error sqrt(1 / 2n); a patch more is about a value more.
    error = _SURE / np.sqrt(2 * weight.sum())
    log = np.log(np.maximum(np.sqrt(variance), _LEAST))

    def factor(curves: tuple[Curve, ...]) -> tuple[float, float, float]:
        above = [np.average(log - np.log(np.interp(mean, *curve)), weights=weight) for curve in curves]
        falling = np.minimum.accumulate(above)  # where clipping leaves black and white only, more noise changes nothing
        low, middle, high = np.interp([error, 0, -error], falling[::-1], np.log(_FACTORS)[::-1])
        return float(np.exp(low)), float(np.exp(middle)), float(np.exp(high))

    return Measured(factor(trained.weak), factor(trained.strong), float(weight.sum()), likeness, share)


def unlike(found: Measured, trained: Trained, margin: float) -> tuple[str, float] | None:
    """Say what is different of the noise: `weaker`, `stronger`, `correlated`, `impulses`, and by what figure."""
    weakest, strongest, likeness = found.over_weakest, found.over_strongest, float(found.likeness.mean())
    if strongest and strongest[0] > margin and likeness < _TEXTURE:
        return "stronger", strongest[1]
    if found.impulses > _IMPULSES and not trained.impulses:
        return "impulses", found.impulses
    if weakest and weakest[1] * margin > 1 and likeness > _LOST and found.patches > _MANY:
        return "correlated", float(np.mean(true_correlation(found.likeness)))
    if weakest and weakest[2] * margin < 1:
        return "weaker", weakest[1]
    return None
