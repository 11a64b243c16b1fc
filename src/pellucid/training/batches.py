"""Pairs of noisy and clean images, drawn as a pure function of (seed, epoch, index)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, Stream, generator
from pellucid.datasets import CACHE_BYTES, Images, Split, evenly, sizes, stack, with_noise
from pellucid.images import UNIT, Image, turned
from pellucid.networks import find
from pellucid.noise import PAIRED, Batch, Corruption, inspect, parse, unclipped, varies
from pellucid.training.config import Config
from pellucid.training.unreadable import Unreadable

OWN = 64
"""Noisy images, up to so many, whose noise is measured one by one where they differ in it."""

VISITS = 8
"""Large images that must be decoded whole give their patches of a pass in so many turns: of each, one in eight.

In one turn a training of minutes would see few of them; in more, it would mostly decode.
"""

MIXED = 16
"""Where so many images, or more, fit into memory together, one turn mixes well enough."""

MOST_VALIDATION = 2**20
"""Pixels that are validated on, where an epoch is so many steps and not a pass."""


class Patches:
    """Training samples of one size: whole images where all share one small size, else patches cut from them.

    Parameters
    ----------
    images : any sizes
    side : of the patches, in pixels
    multiple_of : the sides of the samples are multiples of this; what is too small is mirrored outwards
    seed : of the places where patches are cut
    stream : keeps the patches of training and validation independent
    augment : mirror and, where they are square, turn the samples at random
    unreadable : told of images that cannot be read, which are left out; without it, they raise PellucidError
    """

    def __init__(
        self,
        images: Images,
        side: int,
        multiple_of: int,
        seed: int,
        stream: Stream,
        *,
        augment: bool = False,
        unreadable: Unreadable | None = None,
    ) -> None:
        self.images, self._seed, self._stream, self._augment = images, seed, stream, augment
        self.unreadable = unreadable
        self.channels = images.channels
        found = sizes(images)
        height, width = next(iter(found))
        self.whole = len(found) == 1 and max(height, width) <= side
        target = (height, width) if self.whole else (side, side)
        self.shape = tuple(-(-length // multiple_of) * multiple_of for length in target)
        self._plain = self.whole and self.shape == (height, width) and not augment
        # An image gives as many patches as are needed to cover it once, so that all pixels count alike.
        covers = [1] if self.whole else [self._patches_in(*images.size(index)) for index in range(len(images))]
        self._starts = np.cumsum([0, *(covers * (len(images) if self.whole else 1))])
        self._kept = np.array([images.kept(index) for index in range(len(images))], np.int64)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def _patches_in(self, height: int, width: int) -> int:
        return -(-height // self.shape[0]) * -(-width // self.shape[1])

    def batch(self, epoch: int, indices: NDArray[np.intp]) -> tuple[Batch, NDArray[np.intp]]:
        """Return the samples `indices` of `epoch`, NHWC float32, and the indices of those that could be read.

        Of pairs, both images are cut and turned as one.
        """
        try:
            return self._read(epoch, indices), indices
        except PellucidError:
            if self.unreadable is None:
                raise
        samples, kept = [], []
        for place, index in enumerate(indices):
            try:
                samples.append(self._read(epoch, indices[place : place + 1]))
                kept.append(place)
            except PellucidError as reason:
                self.unreadable.note(self.image(int(index)), reason)
        nothing = np.empty((0, *self.shape, self.channels), np.float32)
        return np.concatenate(samples) if samples else nothing, indices[kept]

    def order(self, rng: np.random.Generator) -> NDArray[np.intp]:
        """Return all samples in a random order, in which those of images that must be decoded whole lie together.

        Where the images fit into memory together (see `Images.kept`), any order is as likely. Else they are shuffled
        and divided into groups that fit, and the samples of a group are shuffled.
        """
        order = rng.permutation(len(self))
        kept = self._kept
        if kept.sum() <= CACHE_BYTES:
            return order
        turns = 1 if MIXED * kept.sum() <= len(kept) * CACHE_BYTES else VISITS
        group = np.stack([_groups(kept, rng.permutation(len(kept))) for _ in range(turns)])
        image = np.searchsorted(self._starts, order, side="right") - 1
        # The samples of an image are dealt out to the turns, in their random order.
        together = np.argsort(image, kind="stable")
        rank = np.empty(len(order), np.intp)
        rank[together] = np.arange(len(order)) - self._starts[image[together]]
        turn = rank * turns // np.diff(self._starts)[image]
        return order[np.lexsort((group[turn, image], turn))]

    def _read(self, epoch: int, indices: NDArray[np.intp]) -> Batch:
        if self._plain:
            return stack(self.images, indices)
        return np.stack([self._cut(epoch, int(index)) for index in indices])

    def image(self, index: int) -> int:
        """Return the number of the image that a sample is cut from."""
        return int(np.searchsorted(self._starts, index, side="right")) - 1

    def _cut(self, epoch: int, index: int) -> Image:
        number = self.image(index)
        have = self.images.size(number)
        rng = generator(self._seed, Stream.CROP, 2 * epoch + (self._stream == Stream.TRAIN), index)
        # An image that is too short is taken as a whole, and mirrored outwards.
        spare = [max(length - need, 0) for need, length in zip(self.shape, have, strict=True)]
        top, left = (int(rng.integers(0, pixels + 1)) for pixels in spare)
        patch = self.images.window(number, slice(top, top + self.shape[0]), slice(left, left + self.shape[1]))
        lack = [need - length for need, length in zip(self.shape, patch.shape, strict=False)]
        if any(lack):
            patch = np.pad(patch, ((0, lack[0]), (0, lack[1]), (0, 0)), mode="symmetric")
        if not self._augment:
            return patch
        way = int(rng.integers(8))
        return turned(patch, way if patch.shape[0] == patch.shape[1] else way & 3)


def _groups(kept: NDArray[np.int64], order: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the number of each image's group: as many as fit into memory together, in an order."""
    groups = np.empty(len(kept), np.intp)
    group = used = 0
    for image, size in zip(order.tolist(), kept[order].tolist(), strict=True):
        if used and used + size > CACHE_BYTES:
            group, used = group + 1, 0
        used += size
        groups[image] = group
    return groups


class Batches:
    """The batches of a run, from one pass over the samples after the other.

    Parameters
    ----------
    patches : the samples, clean or in pairs
    corruption : the noise to add, or to take from the pairs; or one for each image
    batch_size : samples per batch; where an epoch is one pass, its last batch may be smaller
    fresh : draw noise, and places of patches, anew in every pass
    shuffle : draw the order anew in every pass
    steps : batches in an epoch; 0 for one pass
    most : use at most so many of the samples, evenly chosen; 0 for all
    """

    def __init__(
        self,
        patches: Patches,
        corruption: Corruption | Sequence[Corruption],
        batch_size: int,
        seed: int,
        stream: Stream,
        *,
        fresh: bool,
        shuffle: bool,
        steps: int = 0,
        most: int = 0,
    ) -> None:
        self.patches, self.corruption, self.batch_size = patches, corruption, batch_size
        self._seed, self._stream, self._fresh, self._shuffle = seed, stream, fresh, shuffle
        self._steps, self._count = steps, len(patches)
        self._chosen = None if not 0 < most < self._count else evenly(self._count, most)
        if self._chosen is not None:
            self._count = len(self._chosen)
        self._order: tuple[int, NDArray[np.intp]] = (-1, np.empty(0, np.intp))

    def __len__(self) -> int:
        return self._steps or -(-self._count // self.batch_size)

    @property
    def samples(self) -> int:
        """How many samples an epoch has."""
        return self._steps * self.batch_size or self._count

    def epoch(self, epoch: int, first: int = 0) -> Iterator[tuple[Batch, Batch]]:
        """Yield (noisy, clean) batches, NHWC float32, from number `first` on; smaller where images are left out."""
        begin = epoch * self.samples
        for start in range(begin + first * self.batch_size, begin + self.samples, self.batch_size):
            yield self._draw(np.arange(start, min(start + self.batch_size, begin + self.samples)))

    def _draw(self, places: NDArray[np.intp]) -> tuple[Batch, Batch]:
        """Return the samples at some places in the endless row of passes."""
        passes = places // self._count
        parts = []
        for number in np.unique(passes).tolist():
            indices = self._ordered(number)[places[passes == number] % self._count]
            drawn = number if self._fresh else 0
            samples, indices = self.patches.batch(drawn, indices)
            noise = self.corruption
            if isinstance(noise, Sequence):
                noise = [noise[self.patches.image(int(index))] for index in indices]
            parts.append(with_noise(samples, self.patches.channels, noise, self._seed, self._stream, drawn, indices))
        clean, noisy = parts[0] if len(parts) == 1 else (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return noisy, clean

    def _ordered(self, number: int) -> NDArray[np.intp]:
        """Return the order of the samples in a pass."""
        if self._order[0] != number:
            order = np.arange(len(self.patches)) if self._chosen is None else self._chosen
            if self._shuffle:
                drawn = self.patches.order(generator(self._seed, Stream.ORDER, number))
                order = drawn if self._chosen is None else drawn[np.isin(drawn, order)]
            self._order = number, order
        return self._order[1]


def training_batches(
    split: Split, config: Config, say: Callable[[str], None], guess: Callable[[Images], Images] | None = None
) -> Batches:
    """Return the batches to learn from; of more images than `config.limit`, as many are drawn.

    Of noisy images alone, the second image of a pair is the second shot, or the first with its noise on it once more:
    see `methods`.

    Parameters
    ----------
    split : the data; where validation is done on test images, its whole training part is learned from
    say : told of images that cannot be read
    guess : from noisy images to those that are to be taken for the clean ones
    """
    images = split.training_part if config.validate_on == "test" else split.train
    if 0 < config.limit < len(images):
        order = generator(config.seed, Stream.SPLIT, 1).permutation(len(images))
        images = images.subset(np.sort(order[: config.limit]))
    if guess:
        noise = own_noise(images, parse(config.noise), clipped=True)
        return _batches(guess(images), config, Stream.TRAIN, say, noise)
    return _batches(images, config, Stream.TRAIN, say)


def validation_batches(split: Split, config: Config, say: Callable[[str], None]) -> Batches:
    """Return the batches to choose by; their noise is the same every time."""
    if config.validate_on == "test":
        return _batches(split.test, config, Stream.TEST, say)
    return _batches(split.validation, config, Stream.VALIDATION, say)


def _batches(
    images: Images,
    config: Config,
    stream: Stream,
    say: Callable[[str], None],
    noise: Corruption | Sequence[Corruption] | None = None,
) -> Batches:
    learn = stream is Stream.TRAIN
    unreadable = Unreadable(stream.name.lower(), len(images), config.max_unreadable, say)
    # Of neighbours, the network is given one pixel in four.
    grid = find(config.network).multiple_of * (2 if config.method == "neighbors" else 1)
    patches = Patches(
        images, config.patch, grid, config.seed, stream, augment=learn and config.augment, unreadable=unreadable
    )
    return Batches(
        patches,
        noise or (own_noise(images, parse(config.noise)) if config.alone else parse(config.noise)),
        config.batch_size,
        config.seed,
        stream,
        fresh=learn and config.fresh_noise,
        shuffle=learn,
        steps=config.epoch_steps if learn else 0,
        most=0 if learn or not config.epoch_steps else max(MOST_VALIDATION // (patches.shape[0] * patches.shape[1]), 1),
    )


def own_noise(
    images: Images | Sequence[Image], noise: Corruption, *, clipped: bool = False
) -> Corruption | list[Corruption]:
    """Return the noise of noisy images: the same for all, or measured for each where they differ.

    Parameters
    ----------
    images : noisy ones
    noise : of all of them; if its strength has a range, that of few images is measured one by one
    clipped : cut it off at black and white, if `noise` is; else it is zero on average
    """
    as_given = (lambda one: one) if clipped else unclipped
    if noise == PAIRED or not varies(noise) or len(images) > OWN:
        return as_given(noise)
    found = [inspect([images[index]], UNIT) for index in range(len(images))]
    return [as_given(noise if one.clean or varies(parse(one.noise)) else parse(one.noise)) for one in found]
