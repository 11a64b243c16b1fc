"""Which pixels are looked at: some to choose the filters' strengths by, others to judge by, never the same."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pellucid.common import PellucidError
from pellucid.datasets import evenly
from pellucid.images import Image, find_images, is_marked, is_zarr, middle

SIDE = 512
"""Of larger images, the square of this side in the middle is used."""

PIXELS = 2**20
"""About so many pixels are judged by, at most."""

TUNING_PIXELS = 200_000
"""And strengths are chosen by about so many others."""

SMALLEST = 8
"""Sides below this are refused: there is nothing to predict a pixel from."""


class Images(Protocol):
    """What is judged: a list of images will do."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Image:
        """Return one image, float32 HWC, [0, 1]."""
        ...


def find_shots(
    inputs: Sequence[str], second: str | os.PathLike[str] | None = None, *, recursive: bool = False
) -> list[list[Path]]:
    """Find the files to judge by, and their second shots.

    Parameters
    ----------
    inputs, recursive : as in `images.find_images`; what pellucid denoised beside its inputs is left out
    second : a file for a single image, or a folder that holds a file of the same name for each; None if there is none

    Returns
    -------
    The first shots, and the second ones if there are any, in the same order.

    Raises
    ------
    PellucidError
        If a folder holds no images, or an image has no second shot.
    """
    found = {path: below for name in inputs for path, below in find_images(name, recursive=recursive).items()}
    found = {path: below for path, below in found.items() if not is_marked(path) or str(path) in inputs}
    first = list(found)
    if second is None:
        return [first]
    place = Path(second)
    if not place.is_dir() or is_zarr(place):
        if len(first) != 1:
            raise PellucidError(f"{second} is no folder, but there are {len(first)} images. Give a folder of shots.")
        return [first, [place]]
    others = [place / name for name in found.values()]
    missing = [path for path in others if not path.is_file() and not is_zarr(path)]
    if missing:
        raise PellucidError(f"no second shot {missing[0]}; expected the same names in both folders.")
    return [first, others]


@dataclass(frozen=True)
class Sample:
    """What is looked at: images to choose by, images to judge by, second shots of these or none, and all in words."""

    tuning: list[Image]
    judged: list[Image]
    second: list[Image]
    about: str


def take(images: Images, second: Images | None = None) -> Sample:
    """Choose a bounded sample: every fourth image to choose by, of the others those to judge by.

    A single image is cut: its upper half to choose by, its lower half to judge by.

    Raises
    ------
    PellucidError
        If there are no images, they are too small or constant, or a second shot is missing or of another size.
    """
    count = len(images)
    if count == 0:
        raise PellucidError("there are no images to judge by; expected at least one.")
    if second is not None and len(second) != count:
        raise PellucidError(f"there are {count} images but {len(second)} second shots; expected one for each.")
    if count == 1:
        whole = _piece(images, 0, rows=2 * SMALLEST)
        half = whole.shape[0] // 2
        tuning, judged, places = [whole[:half]], [whole[half:]], [0]
        about = "the lower half of one image; the filters' strengths are chosen on its upper half"
    else:
        tuning = [piece for _, piece in _some(images, list(range(1, count, 4)), TUNING_PIXELS)]
        chosen = _some(images, [index for index in range(count) if index % 4 != 1], PIXELS)
        places, judged = [index for index, _ in chosen], [piece for _, piece in chosen]
        other = "another one" if len(tuning) == 1 else f"{len(tuning):,} others"
        about = f"{len(judged):,} of {count:,} images; the filters' strengths are chosen on {other}"
    if all(piece.min() == piece.max() for piece in judged):
        raise PellucidError("the images to judge by are constant: there is no noise in them. Give noisy images.")
    largest = max(max(piece.shape[:2]) for piece in judged)
    cut = f", the middle {SIDE}x{SIDE} pixels at most" if largest == SIDE else ""
    others = [] if second is None else [_second(images, second, index) for index in places]
    if count == 1:
        others = [other[other.shape[0] // 2 :] for other in others]
    return Sample(tuning, judged, others, about + cut)


def _some(images: Images, indices: list[int], pixels: int) -> list[tuple[int, Image]]:
    """Take pieces of images, evenly spread over `indices`, of about `pixels` pixels in all."""
    first = _piece(images, indices[0])
    count = min(len(indices), max(1, round(pixels / (first.shape[0] * first.shape[1]))))
    spread = [indices[place] for place in evenly(len(indices), count)]
    return [(index, _piece(images, index)) for index in spread]


def _piece(images: Images, index: int, rows: int = SMALLEST) -> Image:
    piece = middle(images[index], SIDE)
    if piece.shape[0] < rows or piece.shape[1] < SMALLEST:
        height, width = piece.shape[:2]
        raise PellucidError(
            f"image {index + 1} of {len(images)} has {height}x{width} pixels; expected at least {rows}x{SMALLEST}."
        )
    return piece


def _second(images: Images, second: Images, index: int) -> Image:
    first, other = images[index], second[index]
    if first.shape != other.shape:
        raise PellucidError(
            f"the two shots of image {index + 1} differ in size: {first.shape} and {other.shape}, as (height, width, "
            "channels); expected two aligned shots of one scene."
        )
    return middle(other, SIDE)
