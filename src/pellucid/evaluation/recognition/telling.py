"""A recognition in a sentence, a table and a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pellucid.common import Stream
from pellucid.datasets import Images, noisy_copy
from pellucid.evaluation.intervals import Estimate, paired
from pellucid.evaluation.recognition.judging import Recognition, share
from pellucid.images import Image, gallery, middle
from pellucid.inference import Denoise
from pellucid.noise import parse

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOUBTED = 0.8
"""A classifier that recognises a smaller share of the clean images is no judge of others."""

SHOWN = 10
"""Images in the picture."""

_SIDE = 128  # of larger images, the middle is shown

HEADINGS = ("recognised", "images", "right %", "95 % interval", "mended %", "lost %", "spoiled %", "class changed %")
"""The columns of `rows`, with labels."""

UNLABELLED = ("recognised", "images", "class changed %", "95 % interval")
"""Those without."""


def headings(found: Recognition) -> tuple[str, ...]:
    """Return the columns of `rows`."""
    return UNLABELLED if found.labels is None else HEADINGS


def rows(found: Recognition) -> list[tuple[str, ...]]:
    """Return the table as text: the clean images where labels are known, then the noisy and all denoised ones."""
    count = f"{len(found.clean):,}"
    if found.labels is None:
        return [(name, count, *_with_interval(share(found.changed(name)))) for name in found.seen]
    table: list[tuple[str, ...]] = [("clean", count, *_with_interval(share(found.right())), "", "", "", "")]
    for name in found.seen:
        gains = (found.mended, found.lost)
        table.append(
            (
                name,
                count,
                *_with_interval(share(found.right(name))),
                *("" if name == "noisy" else _percent(share(gain(name)).mean) for gain in gains),
                _percent(share(found.spoiled(name)).mean),
                _percent(share(found.changed(name)).mean),
            )
        )
    return table


def verdict(found: Recognition) -> str:
    """Say in words and numbers whether what is on the images can still be told, and whether it is still the same.

    Of classical filters, the first one of `found.seen` is told: the best on validation images, from `compare`.
    """
    names = list(found.seen)
    noisy, rest = names[0], names[1:]
    shown = {"denoised" if place == 0 else name: name for place, name in enumerate(rest[:2])}
    if found.labels is None:
        told = [f"noisy {_kept(found, noisy)}", *(f"{label} {_kept(found, name)}" for label, name in shown.items())]
        return f"Same class as on the clean image (no labels to say whether it is right): {', '.join(told)}."
    clean = share(found.right())
    parts = [f"clean {_percent(clean.mean)} %", f"noisy {_percent(share(found.right(noisy)).mean)} %"]
    for place, (label, name) in enumerate(shown.items()):
        mean, interval = _with_interval(share(found.right(name)))
        parts.append(f"{label} {mean} %{f' ({interval})' if place == 0 else ''}")
    text = f"Recognised: {', '.join(parts)}"
    if not rest:
        return f"{text}."
    model = rest[0]
    lines = [
        f"{text}; the denoiser changed the class of {_percent(share(found.changed(model)).mean)} %.",
        f"It mended the class of {found.mended(model).sum():,} noisy images and lost that of "
        f"{found.lost(model).sum():,}. Right when clean but wrong denoised: {found.spoiled(model).sum():,}.",
    ]
    doubts = [_behind(found, model, other) for other in [*rest[1:2], noisy]]
    lines += [doubt for doubt in doubts if doubt]
    if clean.mean < DOUBTED:
        lines.append(
            f"But the classifier recognises only {_percent(clean.mean)} % of the clean images: it, or the labels, may "
            "be at fault."
        )
    return "\n".join(lines)


def _behind(found: Recognition, model: str, other: str) -> str:
    """A sentence where the model's images are not clearly recognised better than others, pair by pair."""
    gain = paired(found.right(model).astype(float), found.right(other).astype(float)).difference
    what = "the noisy images themselves" if other == "noisy" else f"those of {other}"
    if gain.mean < 0 and not gain.high >= 0:
        return f"Denoised images are recognised less often than {what}."
    return "" if gain.low > 0 else f"That is no clear gain over {what}."


def _kept(found: Recognition, name: str) -> str:
    changed = share(found.changed(name))
    return f"{_percent(1 - changed.mean)} % ({_percent(1 - changed.high)} to {_percent(1 - changed.low)})"


def _with_interval(found: Estimate) -> tuple[str, str]:
    return _percent(found.mean), f"{_percent(found.low)} to {_percent(found.high)}"


def _percent(part: float) -> str:
    return f"{100 * part:.1f}"


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
        for row, image in zip(shown.values(), (clean, noisy, denoise(noisy)), strict=True):
            row.append(middle(image, _SIDE))
        classes = (found.clean, found.seen["noisy"], found.seen[model])
        notes.append("\n".join([f"image {index}", *(found.named(int(one[index])) for one in classes)]))
    return gallery(shown, "", notes)
