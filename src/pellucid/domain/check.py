"""What an image has that the training images of a model had not, in sentences."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.domain.noise import Bounds, Hint, Trained, difference, hint, trained_noise, with_noise
from pellucid.domain.squares import ReadRows, sample, squares
from pellucid.domain.traits import BLOCK, Usual, first_squares, negative, quantiles, traits
from pellucid.images import Scale, ValueRange, fill_holes, shown, told_of
from pellucid.modelfile import Card

MEMORY = 24 * 2**20
"""What a check occupies at most, in bytes, beside the rows that it is given."""

MARGIN = 1.25
"""Noise that is so many times weaker than the weakest, or stronger than the strongest, is out of the model's range."""

_FAR = 1.0  # beyond the outer quantile, by so much of its distance from the median, a trait is far from usual
_SLACK = 0.02  # and by so much in any case
_BEYOND = 0.1  # of the range, beyond black or white
_DARK = 0.5  # a top below this part of the lowest usual one is dark; a bottom is bright likewise
_NEARLY_BLACK = 0.0626  # 12 bits in 16 reach 0.0625
_CONTENT = {
    "mean": "brightness",
    "deviation": "contrast",
    "low": "share of black",
    "high": "share of white",
    "middle": "detail of 4 pixels",
    "coarse": "detail of 8 pixels",
}


@dataclass(frozen=True)
class Finding:
    """One way in which an image lies outside of what a model was trained for.

    Attributes
    ----------
    kind : `range`, `noise` or `content`
    sentence : what it is and what to do, the same for every image of which it is true
    figures : of this image
    argument : the argument of `Denoiser` to change, by its name, where that is the remedy
    """

    kind: str
    sentence: str
    figures: str
    argument: str = ""

    def __str__(self) -> str:
        return f"{self.sentence} ({self.figures})"


def check(card: Card, image: NDArray[Any], value_range: ValueRange | None = None) -> tuple[Finding, ...]:
    """Compare an image with what a model was trained for.

    Up to 16 squares of 32x32 pixels are looked at, evenly spaced, so that it takes about a millisecond whatever the
    image's size, and some more only where the noise is suspicious. All is a function of the pixels, without chance.

    Parameters
    ----------
    card : of the model, as `Denoiser.card`
    image : (H, W) or (H, W, C), as `Denoiser` takes it
    value_range : what is black and white, as given to `Denoiser`

    Returns
    -------
    What was found, at most one of each kind; nothing if all is as in training, or cannot be told: images of less than
    8 pixels a side, and the content for models that do not record what is usual.

    Raises
    ------
    PellucidError
        If the image is not one (see `images.to_unit`).
    """
    array = np.asarray(image)
    known = told_of(value_range or card.ranges, array.dtype)
    scale = Scale.of(array, known)
    height, width = array.shape[:2]
    return check_rows(card, height, width, lambda begin, end: array[begin:end], scale, told=value_range is not None)


def check_rows(
    card: Card, height: int, width: int, rows: ReadRows, scale: Scale, *, told: bool = False
) -> tuple[Finding, ...]:
    """Compare an image that is read in bands of rows; `told` is whether a user gave its scale. See `check`."""
    stored = sample(height, width, rows)
    unit = scale.to_unit(fill_holes(stored)[0])
    planes = squares(unit, height, width)
    if min(planes.shape[1:]) < BLOCK:
        return ()
    found = traits(planes)
    usual = card.statistics if found.keys() <= card.statistics.keys() else {}
    trained = trained_noise(card.noise)
    ranged = _range(found, usual, trained, scale, told)
    if ranged:
        return (ranged,)
    suspect = bool(usual and _far(found, usual))
    different = difference(unit, hint(planes, trained), _bounds(card), trained, suspect, MARGIN) if trained else None
    noise = _noise(*different, card.noise) if different else None
    if noise and trained and different:
        if different[0] != "weaker":
            return (noise,)  # which changes all traits
        found = traits(with_noise(planes, trained))  # would the content be usual with the noise of training?
    content = _content(found, usual)
    return tuple(finding for finding in (noise, content) if finding)


def describe(batches: Iterable[NDArray[np.float32]], noise: str) -> dict[str, tuple[float, float, float]]:
    """Return what is usual in noisy training images, for `Card.statistics`.

    Parameters
    ----------
    batches : noisy images, NHWC float32; the first `IMAGES` are looked at
    noise : theirs, as `pellucid.noise.parse` reads it

    Returns
    -------
    By trait, the quantiles `QUANTILES`; nothing if the images are few or small.
    """
    trained = trained_noise(noise)

    def row(planes: NDArray[np.float32]) -> dict[str, float]:
        return {**traits(planes), **(dataclasses.asdict(hint(planes, trained)) if trained else {})}

    return quantiles([row(planes) for planes in first_squares(batches)])


def _bounds(card: Card) -> Bounds | None:
    rows = [card.statistics.get(item.name) for item in dataclasses.fields(Hint)]
    known = [row for row in rows if row]
    if len(known) < len(rows):
        return None
    return Hint(*(row[0] for row in known)), Hint(*(row[2] for row in known))


def _far(found: Mapping[str, float], usual: Usual) -> list[str]:
    """Name the traits of content that no training image comes near."""
    far = []
    for name in _CONTENT:
        low, middle, high = usual[name]
        below, above = _FAR * (middle - low) + _SLACK, _FAR * (high - middle) + _SLACK
        if not low - below <= found[name] <= high + above:
            far.append(name)
    return far


def _range(
    found: Mapping[str, float], usual: Usual, trained: Trained | None, scale: Scale, told: bool
) -> Finding | None:
    figures = f"{found['bottom']:.2f} to {found['top']:.2f}, where 0 is black and 1 is white"
    known = usual or {"bottom": (0.0, 0.0, 0.0), "top": (1.0, 1.0, 1.0)}
    clipped = bool(usual) or (trained is not None and trained.clipped)
    ends = shown(scale.range)
    wrong = "check the range of values" if told else f"if black and white are not {ends}, give their range"

    def out_of_range(text: str, todo: str) -> Finding:
        return Finding("range", f"{text}; {todo}", figures, "value_range")

    if clipped and (
        found["top"] > max(known["top"][2], 1) + _BEYOND or found["bottom"] < min(known["bottom"][0], 0) - _BEYOND
    ):
        return out_of_range("values far beyond black or white, which no training image had", "give a wider range")
    darkest = _DARK * usual["top"][0] if usual else _NEARLY_BLACK
    if 0 < found["top"] < darkest:
        return out_of_range("much darker than the training images", wrong)
    if usual and 1 - found["bottom"] < _DARK * (1 - usual["bottom"][2]):
        return out_of_range("much brighter than the training images", wrong)
    if usual and "mean" in _far(found, usual) and not _far(negative(found), usual):
        text = "like a negative of the training images, black and white exchanged; invert it first"
        return Finding("range", text, f"mean {found['mean']:.2f}, usual {_between(usual['mean'])}")
    return None


def _noise(kind: str, figure: float, text: str) -> Finding:
    about = f"for which the model was trained ({text})"
    return {
        "weaker": Finding(
            "noise",
            f"noise weaker than that {about}: fine detail may be smoothed away",
            f"{figure:.2g} times the weakest of training",
        ),
        "stronger": Finding(
            "noise",
            f"noise stronger than that {about}: some of it may stay",
            f"{figure:.2g} times the strongest of training",
        ),
        "correlated": Finding(
            "noise",
            f"noise that neighbouring pixels share, unlike that {about}: much of it may stay",
            f"correlation {figure:.2f}",
        ),
        "impulses": Finding(
            "noise",
            f"black or white pixels, which are not among the noise {about}: they may stay",
            f"{figure:.1%} of the values",
        ),
    }[kind]


def _content(found: Mapping[str, float], usual: Usual) -> Finding | None:
    far = _far(found, usual) if usual else []
    if not far:
        return None
    figures = (f"{_CONTENT[name]} {found[name]:.2g}, usual {_between(usual[name])}" for name in far)
    return Finding("content", "content unlike that of the training images: do not trust the result", "; ".join(figures))


def _between(usual: tuple[float, float, float]) -> str:
    return f"{usual[0]:.2g} to {usual[2]:.2g}"
