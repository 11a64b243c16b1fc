"""How well a denoiser predicts noisy pixels that it has not seen: errors without clean images.

A grid of pixels is hidden: each is replaced by the mean of its neighbours. The denoiser's result there is J-invariant,
that is, independent of the noise of these pixels, so its squared difference to them is its squared error plus the
noise variance (Batson and Royer, "Noise2Self", 2019). That is the *J-invariant error*. It judges the denoiser without
its view of the pixel itself, and so flatters one that hardly changes the image: of such a one, it judges the mean of
the neighbours.

The *held-out error* judges the denoiser as it is used. By Efron's covariance penalty ("The estimation of prediction
error", 2004), the squared error plus the noise variance is the squared difference of the result to the noisy pixel,
plus twice the covariance of the result with the noise. The result without the pixel is independent of its noise, so
the covariance is the mean of noise times (result - result without the pixel). The noise of a pixel is taken to be its
difference to the J-invariant result of a reference filter, times the share of that difference's energy that is noise:
its energy in flat places of the same brightness over that in all places of it.

All of this assumes noise that is independent from pixel to pixel and zero on average. Strong noise that was clipped is
not: black becomes gray on average, and a denoiser that restores black would be punished. Where that is found, every
denoiser's result is first given the gain and offset that predict the hidden pixels best, as comparisons in microscopy
do it (Weigert et al., "Content-aware image restoration", 2018).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pellucid.images import Image
from pellucid.inference import Denoise, on_unit

Values = NDArray[np.float64]

STRIDE = 4
"""Every so many rows and columns a pixel is hidden, so none of its neighbours is."""

GRIDS = STRIDE**2
"""How many grids of hidden pixels there are; together they cover the image."""

SHIFTED = 0.08
"""From this shift of black or white by clipping on, results are levelled: given the best gain and offset."""

_GROUPS = 8  # of pixels of like brightness
_AT_END = 0.25  # of the darkest or brightest values, the share at 0 or 1 that tells clipping
_FLAT = 0.3  # of the pixels of a group, those with the least gradient
_STEEP = 0.25  # squared gradient over energy from which not even those are flat: content, not noise


@dataclass(frozen=True)
class Hidden:
    """One image with one grid of hidden pixels.

    Attributes
    ----------
    image, filled : with and without the hidden pixels, float32 HWC
    rows, columns : the hidden grid
    """

    image: Image
    filled: Image
    rows: slice
    columns: slice

    def pick(self, image: Image) -> Values:
        """Return the values of an image of this size at the hidden pixels: (rows, columns, channels)."""
        return np.asarray(image[self.rows, self.columns], dtype=np.float64)


def hide(image: Image, grids: int) -> list[Hidden]:
    """Hide `grids` of the `GRIDS` grids of an image, one at a time; the grids lie apart from each other."""
    from scipy.ndimage import convolve

    weights = np.array([[0.5, 0.7, 0.5], [0.7, 0, 0.7], [0.5, 0.7, 0.5]])
    around = convolve(image, (weights / weights.sum())[..., None], mode="mirror")
    hidden = []
    for grid in range(grids):
        top, left = divmod((5 + 7 * grid) % GRIDS, STRIDE)
        rows, columns = slice(top, None, STRIDE), slice(left, None, STRIDE)
        filled = image.copy()
        filled[rows, columns] = around[rows, columns]
        hidden.append(Hidden(image, filled, rows, columns))
    return hidden


def run(denoise: Denoise, image: Image) -> Image:
    """Return the denoised image, clipped to [0, 1] as all scores of pellucid are."""
    return np.clip(on_unit(denoise)(image), 0, 1)


@dataclass(frozen=True)
class Answers:
    """What a denoiser says of hidden pixels, per grid.

    Attributes
    ----------
    results : the whole image, denoised with the pixels seen
    seen, unseen : its values at the hidden pixels, with them seen and not: (rows, columns, channels)
    gain, offset : what all of these were levelled by
    """

    results: Sequence[Image]
    seen: Sequence[Values]
    unseen: Sequence[Values]
    gain: float = 1.0
    offset: float = 0.0

    def level(self, image: Image) -> Image:
        """Give another of the denoiser's results the same gain and offset."""
        return np.asarray(np.float32(self.gain) * image + np.float32(self.offset))


def ask(denoise: Denoise, hidden: Sequence[Hidden]) -> Answers:
    """Ask a denoiser for hidden pixels; grids of one image follow each other, and it is denoised once."""
    results: list[Image] = []
    for place, one in enumerate(hidden):
        same = place > 0 and one.image is hidden[place - 1].image
        results.append(results[-1] if same else run(denoise, one.image))
    seen = [one.pick(result) for one, result in zip(hidden, results, strict=True)]
    return Answers(results, seen, [one.pick(run(denoise, one.filled)) for one in hidden])


class HeldOut:
    """The scale that denoisers are weighed on: hidden pixels, a reference filter's guess at them, and their noise.

    Parameters
    ----------
    hidden : the grids, of any number of images
    reference : the filter that predicts hidden pixels best; not chosen on these images

    Attributes
    ----------
    noise : the estimated mean noise variance
    steepness : of each hidden pixel, the squared gradient of an image that is independent of its noise
    guesses : the reference's prediction of each hidden pixel
    shift : how far clipping moves the mean of black or of white
    """

    def __init__(self, hidden: Sequence[Hidden], reference: Denoise) -> None:
        self.hidden = hidden
        self.noisy = [one.pick(one.image) for one in hidden]
        self.guesses: list[Values] = []
        self.steepness: list[Values] = []
        for one in hidden:
            guess = run(reference, one.filled)
            self.guesses.append(one.pick(guess))
            slopes = np.gradient(guess, axis=(0, 1))
            self.steepness.append(one.pick(slopes[0] ** 2 + slopes[1] ** 2))
        self.shift = self._shift()
        self.guesses = list(self.levelled(Answers([], self.guesses, self.guesses)).unseen)
        self.noise, self._share = self._noise_share()

    def _shift(self) -> float:
        """The distance of the darkest and the brightest pixels' mean from 0 and 1, if many of them are just there."""
        noisy = join(self.noisy)
        order = np.argsort(join(self.guesses), kind="stable")
        size = -(-len(order) // _GROUPS)
        shift = 0.0
        for group, end in ((order[:size], 0.0), (order[-size:], 1.0)):
            away = np.abs(noisy[group] - end)
            beyond = noisy[group] < 0 if end == 0 else noisy[group] > 1
            if not beyond.any() and np.mean(away == 0) >= _AT_END:
                shift = max(shift, float(away.mean()))
        return shift

    def levelled(self, given: Answers) -> Answers:
        """Return the answers with the gain and offset that predict the hidden pixels best, if clipping asks for it."""
        if self.shift < SHIFTED:
            return given
        unseen, noisy = join(given.unseen), join(self.noisy)
        spread = float(unseen.var())
        gain = max(0.0, float(np.mean((unseen - unseen.mean()) * noisy))) / spread if spread > 0 else 0.0
        offset = float(noisy.mean() - gain * unseen.mean())
        made = Answers(given.results, given.seen, given.unseen, gain, offset)
        return replace(
            made,
            results=[made.level(result) for result in given.results],
            seen=[gain * part + offset for part in given.seen],
            unseen=[gain * part + offset for part in given.unseen],
        )

    def _noise_share(self) -> tuple[float, list[Values]]:
        """Return the mean noise variance and, for each hidden pixel, the share of noise in the reference's error."""
        guess, steep = join(self.guesses), join(self.steepness)
        energy = np.square(join(self.noisy) - guess)
        groups = np.array_split(np.argsort(guess, kind="stable"), min(_GROUPS, len(guess)))
        flat = [group[np.argsort(steep[group], kind="stable")[: max(1, round(_FLAT * len(group)))]] for group in groups]
        noise = [float(energy[one].mean()) for one in flat]
        slope = [float(steep[one].mean()) for one in flat]
        # Thin strokes, say, have no flat places; the noise of the nearest brightness that has some is theirs, too.
        trusted = [place for place in range(len(groups)) if slope[place] <= _STEEP * noise[place]]
        trusted = trusted or [int(np.argmin(slope))]
        share = np.zeros(len(guess))
        total = 0.0
        for place, group in enumerate(groups):
            nearest = min(trusted, key=lambda other: abs(other - place))
            variance = min(noise[place], noise[nearest])
            everything = float(energy[group].mean())
            share[group] = min(1.0, variance / everything) if everything > 0 else 0.0
            total += variance * len(group)
        ends = np.cumsum([part.size for part in self.guesses])[:-1]
        parts = [part.reshape(like.shape) for part, like in zip(np.split(share, ends), self.guesses, strict=True)]
        return total / len(guess), parts

    def invariant(self, given: Answers) -> list[Values]:
        """Return the J-invariant error of each hidden pixel, (rows, columns) per grid."""
        pairs = zip(given.unseen, self.noisy, strict=True)
        return [np.square(unseen - noisy).mean(axis=2) for unseen, noisy in pairs]

    def errors(self, given: Answers) -> list[Values]:
        """Return the held-out error of each hidden pixel, (rows, columns) per grid; single ones may be negative."""
        parts = zip(given.seen, given.unseen, self.noisy, self.guesses, self._share, strict=True)
        return [
            (np.square(seen - noisy) + 2 * share * (noisy - guess) * (seen - unseen)).mean(axis=2)
            for seen, unseen, noisy, guess, share in parts
        ]


def mean(parts: Iterable[Values]) -> float:
    """Return the mean over all pixels of all grids."""
    return float(join(parts).mean())


def join(parts: Iterable[Values]) -> Values:
    """Return all values of all grids, one after the other."""
    return np.concatenate([part.ravel() for part in parts])
