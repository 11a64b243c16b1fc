"""Clean images, each with a noisy one of the same content, and the noise of a data set, made or given."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, Stream, generator
from pellucid.datasets.matching import matched
from pellucid.datasets.pieces import pieces
from pellucid.datasets.regions import by_place, can_split
from pellucid.datasets.scenes import divide, named, scenes
from pellucid.datasets.sources import ArrayImages, FileImages, Images, as_images
from pellucid.datasets.split import Split, assemble
from pellucid.images import SUFFIXES, Image, Ranges, Told, is_zarr, range_notes, read_array
from pellucid.noise import Batch, Corruption, Paired


def with_noise(
    samples: Batch,
    channels: int,
    corruption: Corruption | Sequence[Corruption],
    seed: int,
    stream: Stream,
    epoch: int,
    indices: Sequence[int] | NDArray[np.intp],
) -> tuple[Batch, Batch]:
    """Return (clean, noisy) images: the one place where the images of a data set get their noise, made or given.

    Parameters
    ----------
    samples : NHWC float32, from `Images`; in those of `PairedImages`, the noisy images follow the clean ones
    channels : of an image, clean or noisy
    corruption : the noise to make, one for all or one for each sample, or `PAIRED`, which takes the given one
    seed, stream, epoch, indices : choose the random generator of each image; its noise depends on nothing else
    """
    clean = samples[..., :channels]
    given = samples if isinstance(corruption, Paired) else clean
    noisy = np.empty(clean.shape, np.float32)
    for place, index in enumerate(indices):
        own = corruption[place] if isinstance(corruption, Sequence) else corruption
        noisy[place] = own(given[place : place + 1], generator(seed, stream, epoch, int(index)))[0]
    return clean, noisy


class PairedImages:
    """Clean and noisy images of equal sizes, one after the other along the channels.

    So whatever cuts, mirrors or turns an image does the same to both. `with_noise` separates them.
    """

    def __init__(self, clean: Images, noisy: Images) -> None:
        self.clean, self.noisy = clean, noisy
        self.channels, self.labels = clean.channels, clean.labels

    def __len__(self) -> int:
        return len(self.clean)

    def __getitem__(self, index: int) -> Image:
        """Return a pair, float32 (height, width, 2 * channels): the clean image, then the noisy one."""
        return np.concatenate([self.clean[index], self.noisy[index]], axis=2)

    def window(self, index: int, rows: slice, columns: slice) -> Image:
        """See `Images`."""
        return np.concatenate([one.window(index, rows, columns) for one in (self.clean, self.noisy)], axis=2)

    def size(self, index: int) -> tuple[int, int]:
        """See `Images`."""
        return self.clean.size(index)

    @property
    def ranges(self) -> Ranges:
        """See `Images`; those of the clean images."""
        return self.clean.ranges

    @property
    def stacks(self) -> NDArray[np.intp]:
        """See `Images`."""
        return self.clean.stacks

    def kept(self, index: int) -> int:
        """See `Images`; of both, the larger number: each has a cache of its own."""
        return max(self.clean.kept(index), self.noisy.kept(index))

    def subset(self, indices: NDArray[np.intp]) -> PairedImages:
        """See `Images`."""
        return PairedImages(self.clean.subset(indices), self.noisy.subset(indices))

    def content(self) -> Iterator[bytes]:
        """See `Images`."""
        yield from self.clean.content()
        yield from self.noisy.content()


def load_pairs(
    clean: str | os.PathLike[str],
    noisy: str | os.PathLike[str],
    *,
    match: str = "",
    group: str = "",
    validation: float,
    seed: int = 0,
    value_range: Told = None,
    axes: str | None = None,
) -> Split:
    """Load pairs of images; the parts of the split hold `PairedImages`.

    Parameters
    ----------
    clean, noisy : two folders, whose files are matched by their path without the ending; two .npy arrays of
        one shape, (count, height, width) or (count, height, width, channels); or two image files
    match : a regular expression found in these paths; files in which its first group (or the whole match, if it has
        none) is the same belong together
    group : a regular expression found in these paths; files in which its first group (or the whole match, if it has
        none) is the same show the same scene and stay in one part
    validation : the share of the training part to hold out for every choice
    seed : of the random split
    value_range, axes : as in `load`; what is found in the clean images is taken for the noisy ones, too

    Returns
    -------
    Split; pairs of one or two scenes by place; else by the folders `train`, `test` and, if wished, `validation` inside
    both; else at random. Pairs whose clean images are equal in every pixel stay in one part: several shots of one scene
    often have the same clean image.

    Raises
    ------
    PellucidError
        If an image has no partner, two partners differ in size or channels, a scene is in two given parts, or
        there are fewer scenes than parts.
    """
    places = Path(clean).expanduser(), Path(noisy).expanduser()
    for place in places:
        if not place.exists():
            raise PellucidError(f"{place} does not exist; expected a folder of images or a .npy array.")
    if places[0].resolve() == places[1].resolve():
        raise PellucidError(f"noisy and clean images are the same: {places[0]}. Give two folders, or two arrays.")
    if all(place.is_dir() and not is_zarr(place) for place in places):
        names, pairs, notes = _folders(*places, match, value_range, axes)
    elif all(place.suffix == ".npy" for place in places):
        names, pairs, notes = _arrays(*places, value_range, axes)
        if group or match:
            what = "a group" if group else "an expression"
            raise PellucidError(f"{what} is found in file names, and arrays have none. Leave it out.")
    elif all(place.suffix.lower() in SUFFIXES or is_zarr(place) for place in places):
        first = FileImages(places[:1], value_range=value_range, axes=axes)
        second = FileImages(places[1:], value_range=value_range or first.ranges, axes=axes)
        first, second, more = _in_same_colours(first, second)
        pairs = PairedImages(first, second)
        names, notes = [f"{places[0].stem}{number or ''}" for number in range(len(first))], (*first.notes, *more)
        if first.shapes != second.shapes:
            raise PellucidError(
                f"{places[0].name} and {places[1].name} differ in size, channels or planes; expected a pair."
            )
    else:
        raise PellucidError(
            f"pairs are two folders of images, two .npy arrays or two image files; got {places[0].name} and "
            f"{places[1].name}."
        )
    name, where = places[0].resolve().stem, f"{places[0]}, noisy {places[1]}"
    numbers = scenes(names, pairs.clean, group)
    if len(np.unique(numbers)) < 3 and can_split(pairs):
        about = f"{name}: {len(names)} pair(s), split by place into training, validation and test regions"
        return Split(name, *by_place(pairs), about, where, notes)
    train, chosen, test = divide(names, numbers, validation, seed)
    whole = np.sort(np.concatenate([train, chosen]))
    learn, choose, judge, rest = (pairs.subset(indices) for indices in (train, chosen, test, whole))
    parted = assemble(name, learn, choose, judge, rest, where)
    return dataclasses.replace(parted, notes=notes)


def _folders(
    clean: Path, noisy: Path, match: str, value_range: Told, axes: str | None
) -> tuple[list[str], PairedImages, tuple[str, ...]]:
    """Match the files of two folders by name."""
    of_clean, of_noisy = matched(clean, noisy, match)
    names = list(of_clean)
    first = FileImages([of_clean[name] for name in names], value_range=value_range, axes=axes)
    told = value_range or first.ranges
    images = [first, FileImages([of_noisy[name] for name in names], value_range=told, axes=axes)]
    notes = tuple(dict.fromkeys((*images[0].notes, *images[1].notes)))
    both = set(images[0].places) & set(images[1].places)  # of a bad file, its partner is left out as well
    images = [one.subset(np.flatnonzero([place in both for place in one.places])) for one in images]
    if images[0].places != images[1].places:
        counts = [Counter(one.places) for one in images]
        other = next(place for place in counts[0] if counts[0][place] != counts[1][place])
        raise PellucidError(
            f"{names[other]} has {counts[0][other]} planes in {clean} and {counts[1][other]} in {noisy}; expected as "
            "many in both."
        )
    names = [names[place] for place in images[0].places]
    first, second, more = _in_same_colours(*images)
    differing = [
        f"{name} ({_shape(a)} clean, {_shape(b)} noisy)"
        for name, a, b in zip(names, first.shapes, second.shapes, strict=True)
        if a != b
    ]
    if differing:
        raise PellucidError(
            f"{len(differing):,} of {len(names):,} pairs differ in size or channels: {named(differing)}. Expected "
            "images of one size, both gray or both in colour."
        )
    return names, PairedImages(first, second), (*notes, *more)


def _in_same_colours(clean: FileImages, noisy: FileImages) -> tuple[FileImages, FileImages, tuple[str, ...]]:
    """Take images in colour as gray where their partners are, if all their channels are equal; and say so."""
    grays = []
    for one, other in ((clean, noisy), (noisy, clean)):
        shapes = enumerate(zip(one.shapes, other.shapes, strict=False))
        grays.append([index for index, (own, its) in shapes if own[2] > its[2] and one.holds_gray(index)])
    count = sum(map(len, grays))
    note = f"{count:,} images in colour are taken as gray, as their partners: their channels are equal"
    return clean.as_gray(grays[0]), noisy.as_gray(grays[1]), (note,) if count else ()


def _arrays(
    clean: Path, noisy: Path, value_range: Told, axes: str | None
) -> tuple[list[str], PairedImages, tuple[str, ...]]:
    arrays = [as_images(read_array(place), axes, str(place)) for place in (clean, noisy)]
    if arrays[0].shape != arrays[1].shape:
        raise PellucidError(f"expected arrays of one shape; got {arrays[0].shape} clean and {arrays[1].shape} noisy.")
    first = ArrayImages(arrays[0], str(clean), value_range=value_range)
    second = ArrayImages(arrays[1], str(noisy), value_range=value_range or first.ranges)
    names = [f"image {index}" for index in range(len(first))]
    return names, PairedImages(first, second), range_notes(first.ranges, value_range)


def _shape(shape: tuple[int, int, int]) -> str:
    height, width, channels = shape
    return f"{width}x{height} {'gray' if channels == 1 else 'colour'}"


def noisy_copies(images: Images, index: int, corruption: Corruption, seed: int, stream: Stream) -> tuple[Batch, Batch]:
    """Return one image, or the `pieces` of a large one, clean and noisy; NHWC float32.

    The noise is given, or a function of (seed, stream, index) and the piece.
    """
    numbers = range(len(pieces(images, index)))
    copies = [_noisy_copy(images, index, number, corruption, seed, stream) for number in numbers]
    clean, noisy = (np.concatenate(parts) for parts in zip(*copies, strict=True))
    return clean, noisy


def noisy_copy(images: Images, index: int, corruption: Corruption, seed: int, stream: Stream) -> tuple[Image, Image]:
    """Return one image, or one of the `pieces` of a large one, clean and noisy, as `noisy_copies` does."""
    number = len(pieces(images, index)) // 2
    clean, noisy = _noisy_copy(images, index, number, corruption, seed, stream)
    return clean[0], noisy[0]


def _noisy_copy(
    images: Images, index: int, number: int, corruption: Corruption, seed: int, stream: Stream
) -> tuple[Batch, Batch]:
    sample = images.window(index, *pieces(images, index)[number])
    return with_noise(sample[None], images.channels, corruption, seed, stream, number, [index])
