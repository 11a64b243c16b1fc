"""Denoisers x images -> scores: everything that maps an image to an image, judged on the same noisy images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from pellucid.common import PellucidError, Report, Stream, progress
from pellucid.datasets import Images, Split, noise_like, noisy_copies, noisy_copy
from pellucid.evaluation.classical import BM3D, FAMILIES, Filter, tune
from pellucid.evaluation.scores import Collector, Scored
from pellucid.images import Image, middle
from pellucid.inference import Denoise, on_unit
from pellucid.noise import Batch, Corruption, parse

TUNING_PIXELS = 200_000
"""Classical filters choose their strength on about so many validation pixels."""

TUNING_SIDE = 256
"""Of larger validation images, a square of this side from the middle is used."""

Watch = Callable[[Batch, Mapping[str, Batch]], None]
"""Is shown clean images (of a large one a square), and what became of them: `noisy`, then each denoiser's results, all
NHWC in [0, 1]."""

_GROUP = 2**18  # pixels of images that are denoised together


def _groups(
    images: Images, count: int, corruption: Corruption, seed: int, stream: Stream
) -> Iterator[tuple[Batch, Batch, bool]]:
    """Yield (clean, noisy, False) batches of images of one size, in order, of bounded memory.

    Of an image that is too large for that, its pieces are a batch, (clean, noisy, True).
    """
    clean: list[Batch] = []
    noisy: list[Batch] = []
    for index in range(count):
        pair = noisy_copies(images, index, corruption, seed, stream)
        full = bool(clean) and (len(clean) + 1) * pair[0].shape[1] * pair[0].shape[2] > _GROUP
        if clean and (full or pair[0].shape != clean[0].shape):
            yield np.concatenate(clean), np.concatenate(noisy), False
            clean, noisy = [], []
        if len(pair[0]) > 1:
            yield *pair, True
            continue
        clean.append(pair[0])
        noisy.append(pair[1])
    if clean:
        yield np.concatenate(clean), np.concatenate(noisy), False


def _apply(denoise: Denoise, noisy: Batch) -> Batch:
    """Run a denoiser over images of one size, together where it can do that and they are small."""
    together = getattr(denoise, "batch", None)
    several = len(noisy) > 1 and noisy[..., 0].size <= _GROUP
    if together is not None and several and noisy.shape[3] == denoise.card.channels:  # type: ignore[attr-defined]
        return np.asarray(together(noisy))
    return np.stack([on_unit(denoise)(image) for image in noisy])


def evaluate(
    denoisers: Mapping[str, Denoise],
    images: Images,
    noise: str | Corruption,
    *,
    seed: int = 0,
    limit: int = 0,
    report: Report | None = None,
    watch: Watch | None = None,
) -> list[Scored]:
    """Score denoisers, and the noisy images themselves, on the same images with the same noise.

    Parameters
    ----------
    denoisers : by the name to show them under
    images : clean images, of the test part
    noise : the corruption to add, or its text; `paired` takes the noisy images of pairs, `like:PLACE` makes noise like
        that of the images there (see `datasets.noise_like`)
    seed : of the noise
    limit : use at most so many images, the first ones; 0 uses all
    report : called with the number of images done so far
    watch : is shown all images, group by group, in order

    Returns
    -------
    A `Scored` for `noisy`, then one for each denoiser. All scores are taken on values clipped to [0, 1]. Of an image of
    more than four megapixels, up to 16 evenly spaced squares are judged in its place.

    Raises
    ------
    PellucidError
        If there are no images, or one cannot be read.
    """
    count = _count(images, limit)
    corruption = _corruption(noise)
    collected = {"noisy": Collector(), **{name: Collector() for name in denoisers}}
    done = 0
    for clean, noisy, one in _groups(images, count, corruption, seed, Stream.TEST):
        seen = {"noisy": np.clip(noisy, 0, 1)}
        collected["noisy"].add(clean, seen["noisy"], one=one)
        for name, denoise in denoisers.items():
            begin = time.perf_counter()
            result = _apply(denoise, noisy)
            seconds = time.perf_counter() - begin
            seen[name] = np.clip(result, 0, 1)
            collected[name].add(clean, seen[name], seconds, one=one)
        if watch:
            shown = slice(0, 1) if one else slice(None)
            watch(clean[shown], {name: result[shown] for name, result in seen.items()})
        done += 1 if one else len(clean)
        if report:
            report(done)
    return [part.scored(name) for name, part in collected.items()]


def _corruption(noise: str | Corruption) -> Corruption:
    return parse(noise_like(noise) if isinstance(noise, str) else noise)


def _count(images: Images, limit: int) -> int:
    """How many images to judge by."""
    if limit < 0:
        raise PellucidError(f"limit expects 0 (all) or more; got {limit}.", argument="limit")
    if not len(images):
        raise PellucidError("there are no images to judge by; expected at least one.")
    return min(len(images), limit or len(images))


def tune_classical(images: Images, noise: str | Corruption, *, seed: int = 0, bm3d: bool = False) -> dict[str, Filter]:
    """Choose each classical filter's strength by the PSNR on images of the validation part, best filter first.

    Parameters
    ----------
    images : of the validation part
    noise, seed : as in `evaluate`
    bm3d : try BM3D as well, which needs its extra and takes long

    Returns
    -------
    The filters by their names with the strength, such as "median 3x3".

    Raises
    ------
    PellucidError
        If there are no images, or one cannot be read.
    """
    if not len(images):
        raise PellucidError("there are no validation images to choose the filters by; expected at least one.")
    clean, noisy = _tuning_pairs(images, parse(noise), seed)
    families = [*FAMILIES.values(), *([BM3D] if bm3d else [])]
    chosen = [tune(candidates, clean, noisy) for candidates in families]
    chosen.sort(key=lambda rated: rated[1], reverse=True)
    return {str(best): best for best, _ in chosen}


def _tuning_pairs(images: Images, corruption: Corruption, seed: int) -> tuple[list[Image], list[Image]]:
    clean: list[Image] = []
    noisy: list[Image] = []
    for index in range(len(images)):
        pair = noisy_copy(images, index, corruption, seed, Stream.VALIDATION)
        clean.append(middle(pair[0], TUNING_SIDE))
        noisy.append(middle(pair[1], TUNING_SIDE))
        if sum(image.shape[0] * image.shape[1] for image in clean) >= TUNING_PIXELS:
            break
    return clean, noisy


def compare(
    model: Denoise,
    name: str,
    split: Split,
    noise: str | Corruption,
    *,
    seed: int = 0,
    limit: int = 0,
    filters: int = 0,
    bm3d: bool = False,
    watch: Watch | None = None,
) -> list[Scored]:
    """Score a model beside classical filters that were tuned on the validation part, all on the test part.

    Parameters
    ----------
    model, name : the denoiser, and what to call it
    split : the data
    noise, seed, limit, watch : as in `evaluate`
    filters : how many of the filters to judge, the best on the validation part first; 0 judges all
    bm3d : judge BM3D as well (see `tune_classical`)

    Raises
    ------
    PellucidError
        As `evaluate` and `tune_classical`, and for fewer than 0 filters.
    """
    if filters < 0:
        raise PellucidError(f"filters expects 0 (all) or more; got {filters}.", argument="filters")
    corruption, count = _corruption(noise), _count(split.test, limit)
    chosen = dict(islice(tune_classical(split.validation, corruption, seed=seed, bm3d=bm3d).items(), filters or None))
    with progress("judging", count, "images") as report:
        settings: dict[str, Any] = {"seed": seed, "limit": limit, "report": report, "watch": watch}
        return evaluate({name: model, **chosen}, split.test, corruption, **settings)
