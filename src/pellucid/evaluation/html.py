"""The evaluation as one self-contained HTML page, with pictures."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from pellucid.common import Table, write_text
from pellucid.datasets import Split
from pellucid.evaluation import pictures, recognition
from pellucid.evaluation.files import Judged
from pellucid.evaluation.recognition import Recognition
from pellucid.evaluation.recognition.picture import SHOWN, picture, wronged
from pellucid.evaluation.scores import Scored
from pellucid.evaluation.verdict import SECONDS, Verdict, table, verdict
from pellucid.inference import Denoise, Denoiser
from pellucid.noise import parse

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CASES = 3
"""How many of the worst, the middle and the best images are drawn."""

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0 } th, td { padding: .25em .8em; text-align: right }
th { border-bottom: 2px solid #888 } tr:nth-child(even) { background: #f2f2f2 } tr.model { font-weight: bold }
th:first-child, td:first-child { text-align: left } img { max-width: 100% } .verdict { font-size: 1.2em }
"""


def write_html(
    path: str | os.PathLike[str],
    name: str,
    denoiser: Denoise,
    split: Split,
    judged: Sequence[Judged],
    *,
    seed: int = 0,
) -> None:
    """Write the report, whole or not at all; the same model, images and noise give the same bytes.

    Parameters
    ----------
    path : the page; it holds its pictures itself
    name, denoiser : the model that was judged, or a filter, and what to call it; it is run again for the pictures
    split : the data; only the test part is shown
    judged : what to report
    seed : of the noise, as in `evaluate`
    """
    facts = {"data": split.about, "model": name}
    if isinstance(denoiser, Denoiser):
        card = denoiser.card
        facts["model"] += f", {card.channels} channel(s)"
        facts |= {"trained for": card.noise, "trained on": card.trained_on}
    parts = [f"<li>{escape(name)}: {escape(value)}</li>" for name, value in facts.items()]
    body = [
        f"<h1>Does it help?</h1>\n<ul>{''.join(parts)}</ul>",
        *(_section(denoiser, split, one, seed) for one in judged),
    ]
    body.append(
        "<p>All scores are means over the test images, with 95 % confidence intervals. The strengths of the classical "
        "filters were chosen on validation images. What was removed is drawn around gray: where it shows the image "
        "itself, content was lost.</p>"
    )
    title = f"{escape(split.name)}: does it help?"
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{chr(10).join(body)}\n</body></html>\n"
    )
    write_text(path, page)


def _section(denoiser: Denoise, split: Split, judged: Judged, seed: int) -> str:
    figure = pictures.cases(denoiser, split.test, judged.noise, _chosen(judged.scores), seed=seed)
    return "\n".join(
        (
            f"<h2>Noise {escape(str(parse(judged.noise)))}</h2>",
            *_verdict(verdict(judged.scores, images=split.tested, clean=judged.clean), ' class="verdict"'),
            _table(table(judged.scores), left_out=SECONDS),  # no two runs take the same time
            _image(figure, "worst, middle and best cases"),
            *([] if judged.recognised is None else _recognised(denoiser, split, judged, judged.recognised, seed)),
        )
    )


def _recognised(denoiser: Denoise, split: Split, judged: Judged, found: Recognition, seed: int) -> list[str]:
    """What a classifier saw: the numbers, and a picture of spoiled images."""
    figure = picture(denoiser, split.test, judged.noise, found, seed=seed)
    model = list(found.seen)[1]
    about = (
        "mended: wrong on the noisy image, right here. lost: right on the noisy image, wrong here. spoiled: right on "
        "the clean image, wrong here. class changed: not the class seen on the clean image."
    )
    parts = [
        "<h3>Is the content still right?</h3>",
        *_verdict(recognition.verdict(found)),
        _table(recognition.table(found)),
        f"<p>Seen by {escape(found.classifier)}. {about if found.labels else ''}</p>",
    ]
    if figure:
        count = len(wronged(found, model))
        kind = "changed" if found.labels is None else "spoiled"
        of = f"the first {min(count, SHOWN)} of {count:,}"
        text = f"{kind.capitalize()} images, {of}, and the classes seen on them: clean, noisy, denoised."
        parts += [f"<p>{text}</p>", _image(figure, f"{kind} images")]
    return parts


def _verdict(said: Verdict, style: str = "") -> list[str]:
    """A verdict as HTML; `style` goes into its first paragraph."""
    return [f"<p{style}>{escape(said.head)}</p>", *(f"<p>{escape(line)}</p>" for line in said.lines)]


def _table(shown: Table, left_out: str = "") -> str:
    """A table as HTML, without the column `left_out`."""

    def line(cells: Sequence[str], kind: str) -> str:
        pairs = zip(shown.headings, cells, strict=True)
        kept = (cell for heading, cell in pairs if not left_out or heading != left_out)
        return "".join(f"<{kind}>{escape(cell)}</{kind}>" for cell in kept)

    body = [
        f"<tr{' class=model' if place == shown.model else ''}>{line(cells, 'td')}</tr>"
        for place, cells in enumerate(shown.rows)
    ]
    return f"<table><tr>{line(shown.headings, 'th')}</tr>\n{chr(10).join(body)}</table>"


def _image(figure: Figure, alt: str) -> str:
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{_png(figure)}">'


def _chosen(scores: Sequence[Scored]) -> dict[str, int]:
    """The images in which the model gained least, middling and most, by what to call them."""
    noisy, model = scores[:2]
    with np.errstate(invalid="ignore"):
        order = np.argsort(np.nan_to_num(model.psnr - noisy.psnr), kind="stable")
    count = max(1, min(CASES, len(order) // 3))  # of few images, each is shown once
    start = (len(order) - count) // 2
    groups = {"worst": order[:count], "middle": order[start : start + count], "best": order[::-1][:count]}
    return {f"{name} {place}": int(index) for name, group in groups.items() for place, index in enumerate(group, 1)}


def _png(figure: Figure) -> str:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=100)
    return base64.b64encode(data.getvalue()).decode()
