"""A data set in its three parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, Stream, digest, generator
from pellucid.datasets.regions import SHARES, Regions, by_place, can_split
from pellucid.datasets.sources import Images
from pellucid.images import Ranges

PARTS = {"train": ("train", "training"), "validation": ("validation", "val", "valid"), "test": ("test", "testing")}
"""What the folders of a data set's parts may be called."""

TEST = 0.1
"""The share that is held out to judge by, where a data set has no test part of its own."""


@dataclass(frozen=True)
class Split:
    """Images to learn from, to choose by, and to judge by.

    `train` and `validation` never overlap `test`, and nothing may be chosen by `test`. `training_part` is `train` and
    `validation` together. `about` says in one line what the data is, `place` where it was found, and `notes` what a
    user should know of it.
    """

    name: str
    train: Images
    validation: Images
    test: Images
    training_part: Images
    about: str
    place: str
    notes: tuple[str, ...] = ()

    @property
    def tested(self) -> str:
        """What the test images are, in words."""
        if isinstance(self.test, Regions):
            count = len(self.test.images)
            return "test regions of 1 image" if count == 1 else f"test regions of {count} images"
        return "test images"

    @property
    def channels(self) -> int:
        """1 for gray, 3 for colour."""
        return self.train.channels

    @property
    def ranges(self) -> Ranges:
        """Which values are black and white, by kind of number."""
        return self.train.ranges

    def fingerprint(self) -> str:
        """Return a sha256 of all images as they are stored, and of the part that each belongs to."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return digest(
            (f"{name} of {len(images)}", np.frombuffer(piece, np.uint8))
            for name, images in parts.items()
            for piece in self._content(images)
        )

    def _content(self, images: Images) -> Iterator[bytes]:
        """Yield what a part is recognised by; images of which each part has a region are read once."""
        if not isinstance(images, Regions):
            yield from images.content()
            return
        yield images.places
        if images is self.train:
            yield from images.images.content()


def hold_out(images: Images, share: float, seed: int) -> tuple[Images, Images]:
    """Part `images` into (the rest, a random `share` of them), at least one in each; no stack is parted.

    Raises
    ------
    PellucidError
        If there are fewer than two images, or `share` is not between 0 and 1.
    """
    stacks = np.unique(images.stacks, return_inverse=True)[1]
    if len(images) < 2 or stacks.max() < 1:
        raise PellucidError(
            f"expected at least 3 images (to train, to choose and to judge by), got too few: {len(images)} left to "
            "part. Add images."
        )
    rest, held = part(stacks, share, seed)
    return images.subset(rest), images.subset(held)


def part(groups: NDArray[np.intp], share: float, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Part items into (the rest, a random `share` of them) without parting a group; return sorted indices.

    Parameters
    ----------
    groups : the number of each item's group, 0, 1, ...; at least two groups
    share : of the items. Groups are taken as long as they fit within it; where none does, the smallest is taken.

    Raises
    ------
    PellucidError
        If `share` is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise PellucidError(f"the share to hold out lies between 0 and 1; got {share:g}.")
    members = np.bincount(groups)
    order = generator(seed, Stream.SPLIT).permutation(len(members))
    wanted = min(max(round(len(groups) * share), 1), len(groups) - 1)
    held: list[int] = []
    taken = 0
    for group, size in zip(order.tolist(), members[order].tolist(), strict=True):
        if taken + size <= wanted:
            held.append(group)
            taken += size
    chosen = np.isin(groups, held or [order[np.argmin(members[order])]])
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def split(name: str, images: Images, place: str, validation: float, seed: int, *, gaps: bool = True) -> Split:
    """Split one collection: a tenth to `test`, then a share of the rest to `validation`; few images by place.

    Of one or two stacks whose planes are too small to be split by place, planes that follow each other stay together.
    """
    files = len(np.unique(images.stacks))
    if can_split(images, gaps=gaps) or 0 < len(images) < 3:
        number = "1 image" if len(images) == 1 else f"{len(images)} images"
        if files < len(images):
            number = f"{len(images)} planes in {files} file{'s' * (files > 1)}"
        about = f"{name}: {number}, split by place into training, validation and test regions"
        return Split(name, *by_place(images, gaps=gaps), about, place)
    if 0 < files < 3:
        ends = np.round(np.cumsum(SHARES[:2]) * len(images)).astype(int)
        learn, choose, judge = np.split(np.arange(len(images)), ends)
        counts = f"{len(learn)} training, {len(choose)} validation, {len(judge)} test planes"
        train, chosen, test = (images.subset(one) for one in (learn, choose, judge))
        whole = images.subset(np.concatenate([learn, choose]))
        return Split(name, train, chosen, test, whole, f"{name}: {counts}, each following the others", place)
    rest, test = hold_out(images, TEST, seed)
    return split_official(name, rest, test, place, validation, seed)


def split_official(name: str, rest: Images, test: Images, place: str, validation: float, seed: int) -> Split:
    """Split a collection whose test part is already given."""
    train, chosen = hold_out(rest, validation, seed)
    return assemble(name, train, chosen, test, rest, place)


def assemble(name: str, train: Images, validation: Images, test: Images, training_part: Images, place: str) -> Split:
    """Put given parts together."""
    about = f"{name}: {len(train):,} training, {len(validation):,} validation, {len(test):,} test images"
    return Split(name, train, validation, test, training_part, about, place)
