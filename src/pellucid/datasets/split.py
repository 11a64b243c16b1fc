"""A data set in its three parts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from pellucid.datasets.sources import Images
from pellucid.errors import PellucidError
from pellucid.randomness import Stream, generator


@dataclass(frozen=True)
class Split:
    """Images to learn from, to choose by, and to judge by.

    `train` and `validation` never overlap `test`, and nothing may be chosen by `test`. `about` says in one line what
    the data is, and `place` where it was found. `training_part` is `train` and `validation` together.
    """

    name: str
    train: Images
    validation: Images
    test: Images
    training_part: Images
    about: str
    place: str

    @property
    def channels(self) -> int:
        """1 for gray, 3 for colour."""
        return self.train.channels

    def fingerprint(self) -> str:
        """Return a sha256 of all images as they are stored, and of the part that each belongs to."""
        found = hashlib.sha256()
        for images in (self.train, self.validation, self.test):
            pieces = hashlib.sha256()
            for piece in images.content():
                pieces.update(hashlib.sha256(piece).digest())
            found.update(f"{len(images)} ".encode() + pieces.digest())
        return found.hexdigest()


def hold_out(images: Images, share: float, seed: int) -> tuple[Images, Images]:
    """Part `images` into (the rest, a random `share` of them), at least one in each.

    Raises
    ------
    PellucidError
        If there are fewer than two images, or `share` is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise PellucidError(f"the share to hold out lies between 0 and 1; got {share:g}.")
    if len(images) < 2:
        raise PellucidError(
            f"expected at least 3 images (to train, to choose and to judge by), got too few: {len(images)} left to "
            "part. Add images."
        )
    order = generator(seed, Stream.SPLIT).permutation(len(images))
    count = min(max(round(len(images) * share), 1), len(images) - 1)
    return images.subset(np.sort(order[count:])), images.subset(np.sort(order[:count]))


def split(name: str, images: Images, place: str, validation: float, seed: int) -> Split:
    """Split one collection: a tenth to `test`, then a share of the rest to `validation`."""
    rest, test = hold_out(images, 0.1, seed)
    return split_official(name, rest, test, place, validation, seed)


def split_official(name: str, rest: Images, test: Images, place: str, validation: float, seed: int) -> Split:
    """Split a collection whose test part is already given."""
    train, chosen = hold_out(rest, validation, seed)
    return assemble(name, train, chosen, test, rest, place)


def assemble(name: str, train: Images, validation: Images, test: Images, training_part: Images, place: str) -> Split:
    """Put given parts together."""
    about = f"{name}: {len(train):,} training, {len(validation):,} validation, {len(test):,} test images"
    return Split(name, train, validation, test, training_part, about, place)
