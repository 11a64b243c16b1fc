"""Is the content still right? A recognition in sentences and a table."""

from __future__ import annotations

from pellucid.common import Table
from pellucid.evaluation.intervals import Estimate, paired
from pellucid.evaluation.recognition.judging import Recognition, share
from pellucid.evaluation.verdict import Verdict

DOUBTED = 0.8
"""A classifier that recognises a smaller share of the clean images is no judge of others."""

LABELLED = ("recognised", "images", "right %", "95 % interval", "mended %", "lost %", "spoiled %", "class changed %")
UNLABELLED = ("recognised", "images", "class changed %", "95 % interval")
"""The columns of the table, with and without labels."""


def table(found: Recognition) -> Table:
    """Return the table: the clean images where labels are known, then the noisy and all denoised ones."""
    count = f"{len(found.clean):,}"
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    if found.labels is None:
        headings = UNLABELLED
        rows = [(name, count, *_with_interval(share(found.changed(name)))) for name in found.seen]
    else:
        headings = LABELLED
        rows = [("clean", count, *_with_interval(share(found.right())), "", "", "", "")]
        rows += [_row(found, name, count) for name in found.seen]
    model = len(rows) - len(found.seen) + 1 if len(found.seen) > 1 else None
    return Table(headings, tuple(rows), numbers=len(headings) - 1, model=model)


def _row(found: Recognition, name: str, count: str) -> tuple[str, ...]:
    """The row of a denoiser, with labels."""
    gains = (found.mended, found.lost)
    return (
        name,
        count,
        *_with_interval(share(found.right(name))),
        *("" if name == "noisy" else _percent(share(gain(name)).mean) for gain in gains),
        _percent(share(found.spoiled(name)).mean),
        _percent(share(found.changed(name)).mean),
    )


def verdict(found: Recognition) -> Verdict:
    """Say in words and numbers whether what is on the images can still be told, and whether it is still the same.

    Of classical filters, the first one of `found.seen` is told: the best on validation images, from `compare`.
    """
    names = list(found.seen)
    noisy, rest = names[0], names[1:]
    shown = {"denoised" if place == 0 else name: name for place, name in enumerate(rest[:2])}
    if found.labels is None:
        told = [f"noisy {_kept(found, noisy)}", *(f"{label} {_kept(found, name)}" for label, name in shown.items())]
        return Verdict(f"Same class as on the clean image (no labels to say whether it is right): {', '.join(told)}.")
    clean = share(found.right())
    parts = [f"clean {_percent(clean.mean)} %", f"noisy {_percent(share(found.right(noisy)).mean)} %"]
    for place, (label, name) in enumerate(shown.items()):
        mean, interval = _with_interval(share(found.right(name)))
        parts.append(f"{label} {mean} %{f' ({interval})' if place == 0 else ''}")
    text = f"Recognised: {', '.join(parts)}"
    if not rest:
        return Verdict(f"{text}.")
    model = rest[0]
    head = f"{text}; the denoiser changed the class of {_percent(share(found.changed(model)).mean)} %."
    lines = [
        f"It mended the class of {found.mended(model).sum():,} noisy images and lost that of "
        f"{found.lost(model).sum():,}. Right when clean but wrong denoised: {found.spoiled(model).sum():,}.",
    ]
    doubts = [_doubt(found, model, other) for other in [*rest[1:2], noisy]]
    lines += [doubt for doubt in doubts if doubt]
    if clean.mean < DOUBTED:
        lines.append(
            f"But the classifier recognises only {_percent(clean.mean)} % of the clean images: it, or the labels, may "
            "be at fault."
        )
    return Verdict(head, tuple(lines))


def _doubt(found: Recognition, model: str, other: str) -> str:
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
