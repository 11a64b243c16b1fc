"""A picture of what `inspect` found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import Stream, generator
from pellucid.images import Image, kind_of, to_unit
from pellucid.noise.corruptions import parse
from pellucid.noise.families import deviation
from pellucid.noise.findings import Inspection
from pellucid.noise.inspecting import inspect
from pellucid.noise.level import NONE, UNCLEAR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIDE = 64  # of the regions shown, in pixels
_STEP = 8  # between the regions that are compared, in pixels
_SMOOTH = 6.0  # standard deviation of the smoothing that leaves content and no noise, in pixels
_BRIGHTNESS = (0.001, 0.999)  # quantiles of the real region that are shown black and white


def draw(found: Inspection, image: NDArray[Any]) -> Figure:
    """Return the level of noise against brightness, and real noise beside drawn noise.

    The level: a dot for each group of flat patches, a line for the kind found. The noise, where some was measured: the
    flattest region of a noisy image, and the same region, smoothed, with the recommended noise added. If they look
    alike, the noise that is trained with is like that of the images.

    Parameters
    ----------
    found : what `inspect` said
    image : one of the images that it was said of, as `inspect` takes them
    """
    from matplotlib.figure import Figure

    if not found.measured:
        figure = Figure(figsize=(6, 4), layout="constrained")
        _curve(figure.subplots(), found)
        return figure
    figure = Figure(figsize=(13, 4), layout="constrained")
    curve, *panels = figure.subplots(1, 3, width_ratios=(1.5, 1, 1))
    _curve(curve, found)
    noise = _noise_of(image, found)
    real, drawn = _real_and_drawn(to_unit(image, value_range=found.ranges.get(kind_of(image.dtype))), noise)
    black, white = np.quantile(real, _BRIGHTNESS)
    for axis, region, title in zip(panels, (real, drawn), ("noise of an image", f"drawn: {noise}"), strict=True):
        shown = np.clip((region - black) / max(white - black, 1e-6), 0, 1)
        axis.imshow(shown if shown.shape[2] == 3 else shown[..., 0], cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize="medium")
        axis.set_axis_off()
    return figure


def _curve(axis: Axes, found: Inspection) -> None:
    level = found.level
    dots = list(zip(*level.flat, strict=True)) or [(), ()]
    axis.plot(*dots, "o", markersize=3, alpha=0.5, label="flat patches")
    if level.strength and level.kind not in (NONE, UNCLEAR):
        strength = level.strength if level.kind in ("gaussian", "speckle") else level.strength**-0.5
        strengths = (strength, level.steady) if level.steady else (strength,)
        axis.plot(*deviation(level.kind, strengths, found.clipped), label=level.kind)
    axis.set(xlabel="mean brightness", ylabel="standard deviation", xlim=(0, 1), ylim=(0, None), title=found.noise)
    axis.grid(alpha=0.3)
    axis.legend()


def _noise_of(image: NDArray[Any], found: Inspection) -> str:
    """Return the recommended noise; where it has a range of levels, with that of this image, which has one of them."""
    own = inspect([image], found.ranges) if found.differ else found
    return replace(own if own.level.kind == found.level.kind else found, differ=False).noise


def _real_and_drawn(unit: Image, noise: str) -> tuple[Image, Image]:
    """Return the region where content varies least beside noise, and its smoothed content with noise added."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(unit, (_SMOOTH, _SMOOTH, 0))
    drawn = parse(noise)(smooth[None], generator(0, Stream.TEST))[0]

    def content(place: tuple[slice, slice]) -> float:
        made = (drawn[place] - smooth[place]).var()
        # What varies more than the drawn noise is content, too.
        return float((smooth[place].var() + max((unit[place] - smooth[place]).var() - made, 0)) / max(made, 1e-9))

    height, width, _ = unit.shape
    side = min(_SIDE, max(min(height, width) // 2, 1))
    tops, lefts = (range(0, length - side + 1, _STEP) for length in (height, width))
    places = [(slice(top, top + side), slice(left, left + side)) for top in tops for left in lefts]
    flattest = min(places, key=content)
    return unit[flattest], drawn[flattest]
