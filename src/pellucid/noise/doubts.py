"""Where what is usually assumed of noise does not hold, in plain sentences."""

from __future__ import annotations

from typing import NamedTuple

from pellucid.images import shown
from pellucid.noise.families import black_mean
from pellucid.noise.findings import Inspection
from pellucid.noise.level import CORRELATED, FAINT, NONE, UNCLEAR
from pellucid.noise.patches import WINDOW

_FEWEST = 2000  # pixels
_CLIPPED = 0.01  # share of the values at an end of the range that matters
_BIASED = 0.02  # level of noise whose clipping matters
_FINE = 0.02  # level up to which correlation may as well be fine texture
_SMOOTH = 0.7  # correlation from which on level and correlation come out more than some percent too low
_SMALL = 64  # pixels a side
_BLOCKS = 1.15
_OFFSET = 0.01  # of white; black that lies higher matters to noise that grows with brightness
_GROWING = ("poisson", "speckle", "poisson+gaussian")
_LEAST_JUDGED = 0.02


class Doubt(NamedTuple):
    """A warning, and the argument of `Denoiser` to give, by its name, where that is the remedy."""

    text: str
    argument: str = ""


def doubts(found: Inspection) -> tuple[Doubt, ...]:
    """Return the warnings that belong to what was found, the gravest first."""
    texts = (text for group in (_of_level, _of_clipping, _of_pattern) for text in group(found))
    return (*(Doubt(text) for text in texts), *_of_values(found))


def _of_level(found: Inspection) -> list[str]:
    texts = []
    level = found.level
    if found.pixels < _FEWEST:
        texts.append(f"{found.pixels:,} pixels in all are too few to rely on; add images.")
    if found.side < WINDOW:
        texts.append(f"Images of less than {WINDOW} pixels a side hold no flat areas that could be measured.")
    elif found.values.levels == 2:
        texts.append("The images have two values only: of their noise, impulses are all that can be told.")
    elif level.kind == UNCLEAR and found.pixels >= _FEWEST:
        texts.append(
            "Flat areas hold no noise, and what varies is as much texture as noise: noise that black areas are spared "
            "from, as of photons or speckle, cannot be measured here."
        )
    elif found.clean:
        texts.append("Hardly any noise was found: these images may serve as the clean ones to train on.")
    elif level.one_brightness and level.kind == "gaussian":
        texts.append(
            "All flat areas are about as bright: whether the noise depends on brightness cannot be told; it is taken "
            "not to."
        )
    elif level.sigma is not None and level.sigma < FAINT:
        texts.append("So little noise is hard to tell from fine texture: its level may be lower than measured.")
    if found.differ and level.kind != NONE:
        texts.append("The images differ in their level of noise: a range is recommended, so that one model meets all.")
    if any(found.impulses.shares) and min(found.impulses.judged) < _LEAST_JUDGED:
        blind = "black" if found.impulses.judged[0] < found.impulses.judged[1] else "white"
        texts.append(f"Hardly any surroundings can show {blind} impulses: their share is a guess.")
    return texts


def _of_clipping(found: Inspection) -> list[str]:
    texts = []
    level = found.level
    values = found.values
    steady = level.steady or (level.sigma if level.kind == "gaussian" else None) or 0.0
    if values.at_low > _CLIPPED and steady > _BIASED and found.clipped:
        texts.append(
            f"{values.at_low:.0%} of the values are cut off at black, so the noise does not average to zero: black "
            f"pixels average {black_mean(steady):.3f}. Averages of frames, and training without clean images, inherit "
            "that; training on clean images does not."
        )
    if values.at_high > _CLIPPED and level.kind not in (NONE, UNCLEAR):
        texts.append(f"{values.at_high:.0%} of the values are cut off at white: what was brighter is lost.")
    return texts


def _of_pattern(found: Inspection) -> list[str]:
    texts = []
    horizontal, vertical = found.level.correlation
    if max(abs(horizontal), abs(vertical)) > CORRELATED:
        cause = " (or it is fine texture)" if (found.level.sigma or 0) < _FINE else ""
        alike = (
            "the recommended noise is like it, but blind-spot methods fail on it."
            if "correlated:" in found.noise
            else "the recommended noise is not like it, and blind-spot methods fail on it."
        )
        texts.append(
            f"Neighbouring pixels share their noise, correlation {horizontal:.2f} and {vertical:.2f}{cause}: {alike}"
        )
        if max(horizontal, vertical) > _SMOOTH:
            texts.append("Noise that smooth is measured too low, and its neighbours as too little alike.")
        if found.side < _SMALL and found.level.correlated:
            texts.append("In images so small, the level of noise that neighbours share is hardly more than a guess.")
    for name, level in (("rows", found.rows), ("columns", found.columns)):
        if level:
            texts.append(
                f"Whole {name} are shifted, by {level:.2g} on average: the recommended noise is like that, but "
                "blind-spot methods fail on it."
            )
    if found.wave:
        texts.append(
            f"A regular pattern runs through the images, {found.wave[1]:.3g} pixels long: no kind of noise to train "
            "with is like that; filter it out first."
        )
    if found.blocking > _BLOCKS:
        texts.append(
            "JPEG has left blocks of 8 pixels, and has changed the noise: take uncompressed images if there are."
        )
    return texts


def _of_values(found: Inspection) -> list[Doubt]:
    values, growing = found.values, found.level.kind in _GROWING
    given = []
    if values.found:
        text = (
            f"Black and white were found in the values: {shown((values.black, values.white))}. Levels are relative to "
            "these, in training, too. If they are others, give their range."
        )
        given.append(Doubt(text, "value_range"))
    if values.low - values.black > _OFFSET * (values.white - values.black) and values.bits and growing:
        text = (
            f"No value is below {values.low:g}: if that is the camera's black, the strength is not right; give the "
            f"range of values {values.low:g}-{values.white:g}."
        )
        given.append(Doubt(text, "value_range"))
    if values.outside:
        ends = f"{values.low:.3g} to {values.high:.3g}"
        text = f"Values lie beyond black or white ({ends}): the noise was taken as not clipped."
        given.append(Doubt(text))
    return given
