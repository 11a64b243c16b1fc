"""The picture of a recognition: images that a denoiser spoiled, with the classes that were seen on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pellucid.common import Stream
from pellucid.datasets import Images, noisy_copy
from pellucid.evaluation.recognition.judging import Recognition
from pellucid.images import Image, gallery, middle
from pellucid.inference import Denoise, on_unit
from pellucid.noise import parse

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 10
"""Images in the picture."""

_SIDE = 128  # of larger images, the middle is shown


def wronged(found: Recognition, name: str) -> NDArray[np.intp]:
    """Return the indices of the images that a denoiser spoiled; without labels, of those whose class it changed."""
    return np.flatnonzero(found.changed(name) if found.labels is None else found.spoiled(name))


def picture(denoise: Denoise, images: Images, noise: str, found: Recognition, *, seed: int = 0) -> Figure | None:
    """Return the picture of the first `SHOWN` images that the model spoiled, with the classes seen; None if none are.

    Parameters
    ----------
    denoise : the model, run again
    images, noise, seed : as in `recognise`
    """
    model = list(found.seen)[1]
    chosen = wronged(found, model)[:SHOWN]
    if not len(chosen):
        return None
    shown: dict[str, list[Image]] = {"clean": [], "noisy": [], "denoised": []}
    notes = []
    for index in map(int, chosen):
        clean, noisy = noisy_copy(images, index, parse(noise), seed, Stream.TEST)
        for row, image in zip(shown.values(), (clean, noisy, on_unit(denoise)(noisy)), strict=True):
            row.append(middle(image, _SIDE))
        classes = (found.clean, found.seen["noisy"], found.seen[model])
        notes.append("\n".join([f"image {index}", *(found.named(int(one[index])) for one in classes)]))
    return gallery(shown, "", notes)
