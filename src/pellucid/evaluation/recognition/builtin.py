"""The built-in classifier: the tutorial's, trained on the clean training images, once for each data set, and kept."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, Stream, atomic, digest, generator, progress
from pellucid.datasets import Labels, Split, cache_folder, sizes, stack
from pellucid.evaluation.recognition.classifier import Classifier, read_classifier
from pellucid.modelfile import check_same, classifier_to_onnx
from pellucid.networks import build, predict, require_keras
from pellucid.training import prepare, schedule, step

VERSION = 1
"""Of the way in which the classifier is trained; a new one leaves old files unused."""

PIXELS = 60_000 * 28 * 28
"""The training sees about so many pixels: 60,000 images of MNIST's size, which takes about a minute on two cores."""

MOST_EPOCHS = 30
"""A small data set is seen at most so many times."""

BATCH = 128
PEAK = 0.01
"""The highest learning rate of the one-cycle schedule."""

SIDES = range(8, 65)
"""Of images that it can be trained on, in pixels: its last layer has a weight for every pixel and class."""


def built_in(split: Split, seed: int = 0) -> Classifier:
    """Return the tutorial's classifier, trained on the clean images of `split.train`; validation and test stay unseen.

    It is trained with Keras when it is first asked for, and kept in pellucid's cache folder as an `.onnx` file. The
    same images, labels and seed find it there again.

    Parameters
    ----------
    split : loaded with labels; its images are square, of one size
    seed : of the first weights and of the order of the images

    Raises
    ------
    PellucidError
        If there are no labels or images are of other sizes, or Keras is needed and not installed.
    """
    labels = split.train.labels
    if labels is None or split.test.labels is None:
        raise PellucidError(
            f"{split.name} has no labels, from which the built-in classifier learns. Give labels (y_train and y_test "
            "in an .npz, one folder per class in a folder), or a classifier of your own.",
            argument="recognise",
        )
    found = sizes(split.train) | sizes(split.test)
    side = next(iter(found))[0]
    if found != {(side, side)} or side not in SIDES:
        raise PellucidError(
            f"the built-in classifier takes square images of one size, {SIDES[0]} to {SIDES[-1]} pixels; {split.name} "
            f"has {', '.join(f'{height} x {width}' for height, width in sorted(found)[:4])}. Give a classifier of your "
            "own.",
            argument="recognise",
        )
    if len(labels.names) < 2:
        raise PellucidError(f"{split.name} has only one class; expected at least two to tell apart.")
    about = f"the built-in classifier, trained on {len(split.train):,} clean training images of {split.name}"
    path = cache_folder() / "classifiers" / f"{_fingerprint(split, labels, seed)}.onnx"
    if path.is_file():
        try:
            return read_classifier(path, about)
        except PellucidError as error:
            raise PellucidError(f"{error} Delete it; it will be trained again.") from error
    return _train(split, labels, side, seed, path, about)


def _fingerprint(split: Split, labels: Labels, seed: int) -> str:
    """What the classifier's weights depend on, in 32 digits."""
    count = len(split.train)
    parts = (np.arange(begin, min(begin + BATCH, count)) for begin in range(0, count, BATCH))
    images = (("images", stack(split.train, part)) for part in parts)
    classes: tuple[str, NDArray[Any]] = ("classes", labels.values)
    return digest(chain([classes], images), f"{VERSION} {seed} {len(labels.names)}")[:32]


def _train(split: Split, labels: Labels, side: int, seed: int, path: Path, about: str) -> Classifier:
    """Train a classifier, and keep its file once that answers as it does."""
    keras = require_keras()

    keras.utils.set_random_seed(seed % 2**32)
    model = build("classifier", split.channels, side=side, classes=len(labels.names))
    prepare(model, "muon", PEAK, "sparse_categorical_crossentropy")  # one run through MNIST is enough with it
    count = len(split.train)
    total = min(PIXELS // side**2, MOST_EPOCHS * count)
    rate = schedule("one-cycle", PEAK, -(-total // BATCH))
    orders = [generator(seed, Stream.ORDER, epoch).permutation(count) for epoch in range(-(-total // count))]
    order = np.concatenate(orders)[:total]
    with progress("training the classifier", total, "images") as report:
        for number, begin in enumerate(range(0, total, BATCH)):
            chosen = order[begin : begin + BATCH]
            loss = step(model, stack(split.train, chosen), labels.values[chosen], rate(number))
            report(begin + len(chosen), f"loss {loss:.3g}")
    content = classifier_to_onnx(model).SerializeToString(deterministic=True)
    classifier = Classifier(content, about)
    some = stack(split.train, np.arange(min(count, BATCH)))
    check_same(classifier, lambda images: predict(model, images), [some], "classifier")
    try:
        with atomic(path) as temporary:
            temporary.write_bytes(content)
    except PellucidError as error:  # a shared folder of data may well be read-only; the work is not lost for that
        classifier.about += f" (not kept for the next time: {error})"
    return classifier
