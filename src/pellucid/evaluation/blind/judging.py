"""Denoisers x noisy images -> marks, without clean images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.common import PellucidError, Report, Stream, generator, progress
from pellucid.evaluation.blind.heldout import GRIDS, SHIFTED, HeldOut, Hidden, Values, ask, hide, mean, run
from pellucid.evaluation.blind.pairs import MANY, pair_errors, per_unit, to_psnr
from pellucid.evaluation.blind.residual import Structure, Whiteness, structure, whiteness
from pellucid.evaluation.blind.sample import Images, Sample, take
from pellucid.evaluation.classical import FAMILIES, Filter
from pellucid.evaluation.intervals import Estimate, estimate
from pellucid.evaluation.metrics import PerImage
from pellucid.images import Image
from pellucid.inference import Denoise
from pellucid.noise import Corruption
from pellucid.training import nudged, own_noise, squared_error

NOISY = "noisy"
"""The name under which the images themselves are judged."""

_WORK = 2**21  # pixels with hidden ones that each denoiser is run on, about


@dataclass(frozen=True)
class Marks:
    """What is known of one denoiser without clean images; errors are squares in units of the [0, 1] range.

    Attributes
    ----------
    name : what it is called
    held_out : mean held-out error per image or block (see `heldout`): squared error plus noise variance
    invariant : mean J-invariant error per image or block
    two_shot : unbiased mean squared error per image or block, from two shots; None without
    stein : the same by Stein's estimate (see `training.risk`), from the noise that is known; None without
    whiteness : the autocorrelation of its residual
    structure : how much its residual shows the image
    removed : the mean square of its residual
    """

    name: str
    held_out: PerImage
    invariant: PerImage
    two_shot: PerImage | None
    stein: PerImage | None
    whiteness: Whiteness
    structure: Structure
    removed: float

    @property
    def deciding(self) -> PerImage:
        """The errors that decide: those of two shots, or by Stein's estimate, where these are known."""
        known = (errors for errors in (self.two_shot, self.stein) if errors is not None)
        return next(known, self.held_out)

    def psnr(self, noise: float) -> Estimate:
        """Return the PSNR in dB: unbiased where that is known, else rough, with `noise` as the noise variance."""
        sure = estimate(self.deciding)
        less = noise if self.deciding is self.held_out else 0.0
        return to_psnr(Estimate(sure.mean - less, sure.low - less, sure.high - less))


@dataclass(frozen=True)
class Judgement:
    """Denoisers judged on the same noisy images.

    Attributes
    ----------
    marks : of the noisy images themselves, of the denoisers, and of a filter of each classical family
    models : how many denoisers were given; they follow the noisy images in `marks`
    about : what was looked at
    units : what an error is a mean of: "images" or "blocks"
    noise : the noise variance: half of the mean squared difference of two shots, or a rough estimate
    shift : how far clipping moves the mean of black or white; from `SHIFTED` on, all results were levelled
    weak : the share of the reference filter's held-out error that is noise; the rest is content
    shots : the autocorrelation of the difference of the two shots: that of the noise; None without
    by : what the PSNR rests on: "two shots", "SURE", or "" for a rough estimate
    """

    marks: list[Marks]
    models: int
    about: str
    units: str
    noise: float
    shift: float
    weak: float
    shots: Whiteness | None
    by: str

    @property
    def levelled(self) -> bool:
        """Whether errors were taken after the best gain and offset, as noise was clipped."""
        return self.shift >= SHIFTED

    def plain(self) -> dict[str, Any]:
        """Return all but the single errors and the autocorrelation, for `write_json`."""
        rows = []
        for one in self.marks:
            row: dict[str, Any] = {"name": one.name}
            errors = {
                "held_out": one.held_out,
                "invariant": one.invariant,
                "two_shot": one.two_shot,
                "stein": one.stein,
            }
            for name, values in errors.items():
                if values is not None:
                    sure = estimate(values)
                    row |= {f"{name}_error": sure.mean, f"{name}_low": sure.low, f"{name}_high": sure.high}
            level = one.psnr(self.noise)
            row |= {"psnr": level.mean, "psnr_low": level.low, "psnr_high": level.high}
            row |= {"correlation": one.whiteness.strongest, "correlation_by_chance": one.whiteness.chance}
            row |= {"structure": one.structure.share, "structure_by_chance": one.structure.chance}
            rows.append(row | {"removed": one.removed})
        facts = {
            "noise_variance": self.noise,
            "shift_by_clipping": self.shift,
            "noise_in_reference_error": self.weak,
            "correlation_of_shots": self.shots.strongest if self.shots else None,
        }
        counted = {"unit": self.units, "units": len(self.marks[0].held_out)}
        return {"images": self.about, "levelled": self.levelled, **counted, **facts, "marks": rows}


def judge(
    denoisers: Mapping[str, Denoise],
    images: Images,
    second: Images | None = None,
    *,
    noise: Corruption | None = None,
) -> Judgement:
    """Judge denoisers without clean images, beside the classical filters.

    Each filter's strength is the one with the least held-out error on images that are not judged by (of a single
    image: on its other half). A bounded sample of the pixels is used (see `sample`). Nothing is left to chance.

    Parameters
    ----------
    denoisers : by the name to show them under
    images : noisy images, float32 HWC, [0, 1], 1 or 3 channels; noise may leave that range
    second : a second shot of each, aligned, with noise of its own
    noise : that of the images, where it is known and zero on average: errors are then those of Stein's estimate, and
        the noise may be correlated. Of a range of strengths, that of each image is measured.

    Raises
    ------
    PellucidError
        If there are no images, they are too small or constant, the shots differ in size, or a name is taken.
    """
    if NOISY in denoisers:
        raise PellucidError(f"{NOISY!r} stands for the images themselves. Choose another name for the denoiser.")
    sample = take(images, second)
    candidates = sum(map(len, FAMILIES.values()))
    with progress("judging", candidates + 1 + len(denoisers) + len(FAMILIES), "denoisers") as report:
        reference, best = tune(sample.tuning, report, noise)
        contest: dict[str, Denoise] = {NOISY: np.copy, **denoisers, **{str(one): one for one in best}}
        bench = _Bench(sample, reference, noise)
        marks = []
        for name, denoise in contest.items():
            marks.append(bench.marks(name, denoise))
            report(candidates + len(marks))
    return Judgement(
        marks=marks,
        models=len(denoisers),
        about=sample.about,
        units="images" if len(sample.judged) >= MANY else "blocks",
        noise=bench.noise,
        shift=bench.held.shift,
        weak=bench.weak,
        shots=bench.shots,
        by="two shots" if second is not None else "SURE" if noise else "",
    )


def tune(
    images: Sequence[Image], report: Report | None = None, noise: Corruption | None = None
) -> tuple[Filter, list[Filter]]:
    """Choose filters by noisy images alone.

    Parameters
    ----------
    images : noisy images that are not judged by
    report : called with the number of candidates done
    noise : as in `judge`

    Returns
    -------
    The filter with the least J-invariant error, which serves as the reference, and of each family the strength with
    the least held-out error, or the least by Stein's estimate.
    """
    hidden = _hide_all(images, 1)
    stein = _Stein(images, noise) if noise else None
    found = {}
    for family in FAMILIES.values():
        for one in family:
            found[one] = ask(one, hidden)
            if report:
                report(len(found))
    blind = {
        one: mean(np.square(unseen - part.pick(part.image)) for unseen, part in zip(said.unseen, hidden, strict=True))
        for one, said in found.items()
    }
    reference = min(blind, key=blind.__getitem__)
    held = HeldOut(hidden, reference)
    errors = {
        one: mean(stein.errors(one, said.results) if stein else held.errors(held.levelled(said)))
        for one, said in found.items()
    }
    return reference, [min(family, key=errors.__getitem__) for family in FAMILIES.values()]


def _hide_all(images: Sequence[Image], grids: int) -> list[Hidden]:
    return [one for image in images for one in hide(image, grids)]


class _Stein:
    """Images with one draw each of noise like theirs, by which denoisers are weighed."""

    def __init__(self, images: Sequence[Image], noise: Corruption) -> None:
        self.images = images
        own = own_noise(images, noise)
        chance = (generator(0, Stream.TEST, index) for index in range(len(images)))
        self.drawn = [
            (own[place] if isinstance(own, list) else own)(image[None], rng)[0] - image
            for place, (image, rng) in enumerate(zip(images, chance, strict=True))
        ]

    def errors(self, denoise: Denoise, results: Sequence[Image]) -> list[Values]:
        """Return the estimated squared error of each pixel, (rows, columns) per image; `results` are the denoised."""
        parts = zip(self.images, self.drawn, results, strict=True)
        return [
            squared_error(image, drawn, result, run(denoise, nudged(image, drawn))).mean(axis=2, dtype=np.float64)
            for image, drawn, result in parts
        ]


class _Bench:
    """The images to judge by, made ready for one denoiser after the other."""

    def __init__(self, sample: Sample, reference: Filter, noise: Corruption | None) -> None:
        self.images, self.second = sample.judged, sample.second
        pixels = sum(image.shape[0] * image.shape[1] for image in self.images)
        self.grids = min(GRIDS, max(1, _WORK // pixels))
        self.hidden = _hide_all(self.images, self.grids)
        self.held = HeldOut(self.hidden, reference)
        self.noise = self.held.noise
        self.stein = _Stein(self.images, noise) if noise else None
        if self.stein:
            self.noise = mean(np.square(one, dtype=np.float64) for one in self.stein.drawn)
        self.shots = None
        if self.second:
            apart = [first - other for first, other in zip(self.images, self.second, strict=True)]
            self.noise = float(np.mean([np.square(one, dtype=np.float64).mean() / 2 for one in apart]))
            self.shots = whiteness(apart)
        errors = [np.square(a - b) for a, b in zip(self.held.noisy, self.held.guesses, strict=True)]
        energy = mean(errors)
        self.weak = min(1.0, self.noise / energy) if energy > 0 else 0.0

    def marks(self, name: str, denoise: Denoise) -> Marks:
        said = self.held.levelled(ask(denoise, self.hidden))
        once = said.results[:: self.grids]
        residuals = [image - done for image, done in zip(self.images, once, strict=True)]
        two_shot = None
        if self.second:
            shots = zip(once, self.images, self.second, strict=True)
            found = [pair_errors((done, said.level(run(denoise, b))), (a, b)) for done, a, b in shots]
            two_shot = per_unit(found)
        return Marks(
            name=name,
            held_out=per_unit(self._maps(self.held.errors(said))),
            invariant=per_unit(self._maps(self.held.invariant(said))),
            two_shot=two_shot,
            stein=per_unit(self.stein.errors(denoise, once)) if self.stein else None,
            whiteness=whiteness(residuals),
            structure=structure(said.results, self.held),
            removed=mean(np.square(one, dtype=np.float64) for one in residuals),
        )

    def _maps(self, parts: list[Values]) -> list[Values]:
        """Put the values of each image's grids back to their places; NaN where no pixel was hidden."""
        maps = []
        for index, image in enumerate(self.images):
            whole = np.full(image.shape[:2], np.nan)
            for place in range(index * self.grids, (index + 1) * self.grids):
                whole[self.hidden[place].rows, self.hidden[place].columns] = parts[place]
            maps.append(whole)
        return maps
