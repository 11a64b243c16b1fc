"""Classes before and after denoising: a classifier's word on clean, noisy and denoised images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, Report
from pellucid.datasets import Images, Labels, sizes
from pellucid.evaluation.compare import evaluate
from pellucid.evaluation.intervals import Estimate, proportion
from pellucid.evaluation.recognition.classifier import Classifier
from pellucid.inference import Denoise
from pellucid.noise import Batch, Corruption

Classes = NDArray[np.int64]
"""The number of a class per image, (count,)."""


@dataclass(frozen=True)
class Recognition:
    """What a classifier saw, image by image, in the order of the test part.

    Attributes
    ----------
    classifier : what it is, in one line
    labels : the true classes; None where they are not known
    clean : the classes that it gives the clean images
    seen : the classes that it gives `noisy`, the model's results, and those of others, by name in this order

    The methods take a name in `seen` and say, image by image, whether something is so; `right`, `mended`, `lost` and
    `spoiled` need labels.
    """

    classifier: str
    labels: Labels | None
    clean: Classes
    seen: Mapping[str, Classes]

    def named(self, number: int) -> str:
        """Return the name of a class, or its number."""
        known = self.labels is not None and number < len(self.labels.names)
        return self.labels.names[number] if self.labels and known else str(number)

    def right(self, name: str | None = None) -> NDArray[np.bool_]:
        """Whether the true class is seen; without a name, on the clean images."""
        if self.labels is None:
            raise PellucidError("without labels, what is right is not known; `changed` is.")
        return np.asarray(self.labels.values == (self.clean if name is None else self.seen[name]))

    def mended(self, name: str) -> NDArray[np.bool_]:
        """Wrong on the noisy image, right here."""
        return ~self.right("noisy") & self.right(name)

    def lost(self, name: str) -> NDArray[np.bool_]:
        """Right on the noisy image, wrong here."""
        return self.right("noisy") & ~self.right(name)

    def spoiled(self, name: str) -> NDArray[np.bool_]:
        """Right on the clean image, wrong here."""
        return self.right() & ~self.right(name)

    def changed(self, name: str) -> NDArray[np.bool_]:
        """Another class than on the clean image, be that right or wrong."""
        return np.asarray(self.seen[name] != self.clean)

    def plain(self) -> dict[str, Any]:
        """Return all numbers in types that JSON holds: shares of the images, from 0 to 1."""
        rows: list[dict[str, Any]] = []
        if self.labels is not None:
            rows.append({"name": "clean", **_shares("recognised", share(self.right()))})
        for name in self.seen:
            row: dict[str, Any] = {"name": name}
            if self.labels is not None:
                row |= _shares("recognised", share(self.right(name)))
                row["spoiled"] = share(self.spoiled(name)).mean
                if name != "noisy":
                    row |= {"mended": share(self.mended(name)).mean, "lost": share(self.lost(name)).mean}
            rows.append(row | _shares("changed", share(self.changed(name))))
        labelled = self.labels is not None
        return {"classifier": self.classifier, "images": len(self.clean), "labels": labelled, "rows": rows}


def share(chosen: NDArray[np.bool_]) -> Estimate:
    """Return the share of the images of which something is so, with its interval."""
    return proportion(int(chosen.sum()), len(chosen))


def _shares(name: str, found: Estimate) -> dict[str, float]:
    return {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}


class Recogniser:
    """Collects the classes of all images that `evaluation.evaluate` shows it: its `watch`.

    Parameters
    ----------
    classifier : of which class the images are
    images : that will be shown, from the first one on, with their labels if they have any

    Raises
    ------
    PellucidError
        If the classifier does not take such images, or has fewer classes than they have.
    """

    def __init__(self, classifier: Classifier, images: Images) -> None:
        self._classifier, self._labels = classifier, images.labels
        self._clean: list[Classes] = []
        self._seen: dict[str, list[Classes]] = {}
        classes = 0
        for height, width in sorted(sizes(images)):  # asked now, not after an hour of judging
            classes = classifier(np.zeros((1, height, width, images.channels), np.float32)).shape[1]
        highest = int(images.labels.values.max()) if images.labels is not None and len(images) else 0
        if len(images) and highest >= classes:
            raise PellucidError(
                f"{classifier.about} knows {classes} classes, 0 to {classes - 1}, but the labels go up to {highest}. "
                "Give a classifier of these images' classes, in the order of their labels."
            )

    def __call__(self, clean: Batch, seen: Mapping[str, Batch]) -> None:
        """See `evaluation.Watch`."""
        self._clean.append(self._classes(clean))
        for name, images in seen.items():
            self._seen.setdefault(name, []).append(self._classes(images))

    def _classes(self, images: Batch) -> Classes:
        return np.asarray(self._classifier(images).argmax(axis=1), dtype=np.int64)

    def result(self) -> Recognition:
        """Return what was seen so far.

        Raises
        ------
        PellucidError
            If that is nothing.
        """
        if not self._clean:
            raise PellucidError("there are no images to recognise; expected at least one.")
        clean = np.concatenate(self._clean)
        labels = self._labels.subset(np.arange(len(clean))) if self._labels else None
        seen = {name: np.concatenate(parts) for name, parts in self._seen.items()}
        return Recognition(self._classifier.about, labels, clean, seen)


def recognise(
    denoisers: Mapping[str, Denoise],
    images: Images,
    noise: str | Corruption,
    classifier: Classifier,
    *,
    seed: int = 0,
    limit: int = 0,
    report: Report | None = None,
) -> Recognition:
    """Let a classifier tell what is on clean, noisy and denoised images.

    Parameters
    ----------
    denoisers : by the name to show them under, the one in question first
    images : clean images, of the test part; with labels, if accuracy is to be told: `load(..., labels=True)`
    noise, seed, limit, report : as in `evaluate`
    classifier : see `read_classifier` and `built_in`

    Raises
    ------
    PellucidError
        If the classifier does not take such images, or there are none.
    """
    recogniser = Recogniser(classifier, images)
    evaluate(denoisers, images, noise, seed=seed, limit=limit, report=report, watch=recogniser)
    return recogniser.result()
