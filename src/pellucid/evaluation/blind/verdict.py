"""Does it help? Marks that were given without clean images, in sentences and a table."""

from __future__ import annotations

import numpy as np

from pellucid.common import Table
from pellucid.evaluation.blind.judging import Judgement, Marks
from pellucid.evaluation.intervals import Estimate, Paired, estimate, paired
from pellucid.evaluation.verdict import Verdict

WHITE = 0.05
"""Correlations in the residual up to this size are taken as none, even where they are more than chance."""

SHOWN = 0.1
"""From this size on, a correlation is said to be there."""

EDGES = 0.1
"""From this share on, if it is more than chance, the residual is said to show the image."""

LITTLE = 0.01
"""A denoiser that removes less than this share of the noise's energy changes next to nothing."""


def verdict(judgement: Judgement) -> Verdict:
    """Say in words whether each denoiser helps, how sure that is, and what its residual looks like.

    What is called better has a 95 % confidence interval that excludes 0 (Student's, over images or blocks).
    """
    noisy, *rest = judgement.marks
    models, filters = rest[: judgement.models], rest[judgement.models :]
    best = min(filters, key=lambda one: float(np.mean(one.deciding)))
    lines = []
    for model in models:
        said = [_help(judgement, model, noisy, best), residual(model, judgement.noise)]
        lines.append(" ".join([f"{model.name}:", *said] if len(models) > 1 else said))
    head, *more = [*lines, *cautions(judgement)]
    return Verdict(head, tuple(more))


def _help(judgement: Judgement, model: Marks, noisy: Marks, best: Marks) -> str:
    if model.removed < LITTLE * judgement.noise:
        return "It does not help:"
    gain = paired(-model.deciding, -noisy.deciding)
    against = paired(-model.deciding, -best.deciding)
    measured = _measured(judgement, model, noisy, best)
    if not _sure(gain.difference):
        return f"The evidence does not decide whether it helps: {measured} {_unsure(gain, noisy, judgement)}"
    if gain.difference.mean < 0:
        return f"It does not help: {measured} {_unsure(gain, noisy, judgement)}"
    if not _sure(against.difference):
        head = f"It helps, but whether more than {best.name} is not decided:"
    elif against.difference.mean < 0:
        head = f"It helps, but a classical filter helps more, {best.name}:"
    else:
        head = f"It helps, and more than the best classical filter, {best.name}:"
    return f"{head} {measured} {_unsure(against, best, judgement)}"


def _sure(difference: Estimate) -> bool:
    return bool(difference.low > 0 or difference.high < 0)


def _measured(judgement: Judgement, model: Marks, noisy: Marks, best: Marks) -> str:
    if judgement.by:
        level = model.psnr(0)
        others = ", ".join(f"{one.name} {_level(one.psnr(0).mean)}" for one in (noisy, best))
        span = "" if np.isnan(level.low) else f" ({_level(level.low)} to {_level(level.high)})"
        source = "two shots give" if judgement.by == "two shots" else "Stein's estimate is"
        return f"{source} {_level(level.mean)}{span}; {others}."
    own, before, other = (float(np.mean(one.held_out)) for one in (model, noisy, best))
    return (
        f"its held-out error is {_share(own, before)} the noisy images', and {_share(own, other)} that of {best.name} "
        "(the noise, which no denoiser predicts, included)."
    )


def _share(own: float, other: float) -> str:
    if other <= 0:
        return "not comparable with"
    percent = 100 * (own / other - 1)
    return f"{abs(percent):.1f} % {'above' if percent > 0 else 'below'}"


def _unsure(pair: Paired, other: Marks, judgement: Judgement) -> str:
    counted = f"It is better than {other.name} in {pair.wins:,} of {pair.count:,} {judgement.units}"
    scale = float(np.mean(other.deciding))
    if np.isnan(pair.difference.half) or scale <= 0:
        return f"{counted}; too few to say how sure this is."
    margin, half = 100 * pair.difference.mean / scale, 100 * pair.difference.half / scale
    return f"{counted}; by {margin:+.1f} % of its error, uncertain by {half:.1f} %."


def _level(value: float) -> str:
    return f"{value:.2f} dB" if np.isfinite(value) else "no bound"


def residual(model: Marks, noise: float) -> str:
    """Say in a sentence what was removed; `noise` is the noise variance."""
    white, edges = model.whiteness, model.structure
    if model.removed < LITTLE * noise or np.isnan(white.strongest):
        return "it changes next to nothing."
    numbers = f"correlation {white.strongest:+.2f}, structure {edges.share:.2f}"
    shown = edges.share >= max(EDGES, edges.chance)
    if white.strongest <= -SHOWN:
        more = " and edges lose more than flat places" if shown else ""
        return f"Neighbouring pixels of the residual differ ({numbers}): a part of the noise stays{more}."
    if shown:
        return f"The residual still shows the image ({numbers}): content is being removed with the noise."
    if white.strongest >= SHOWN:
        return (
            f"Neighbouring pixels of the residual agree ({numbers}): content is being removed, or the noise is itself "
            "correlated."
        )
    if abs(white.strongest) <= max(WHITE, white.chance):
        return f"The residual looks like white noise ({numbers}; up to {white.chance:.3f} is chance)."
    return f"The residual is nearly white ({numbers}; up to {white.chance:.3f} is chance)."


def cautions(judgement: Judgement) -> list[str]:
    """Say what the reader should mind."""
    found = []
    shots = judgement.shots
    if shots is not None and abs(shots.strongest) > max(WHITE, shots.chance):
        found.append(
            f"Mind: the two shots differ by more than white noise (correlation {shots.strongest:+.2f}): they are not "
            "aligned or their brightness differs, and the errors mislead; or the noise is correlated, which does "
            "no harm to the errors from two shots."
        )
    if judgement.levelled:
        found.append(
            "Mind: noise was clipped at 0 or 1, which moves the mean of black or white by up to "
            f"{judgement.shift:.2f}. All errors are therefore taken after the best gain and offset: the PSNR serves to "
            "compare only, as it is not that to a clean image, and a wrong brightness goes unseen."
        )
    if not judgement.by and judgement.weak < 0.5:
        found.append(
            f"Mind: only {100 * judgement.weak:.0f} % of the held-out error is noise, the rest is content that no "
            "neighbour tells. Small differences are beyond this evidence; two shots of a scene would decide."
        )
    return found


def table(judgement: Judgement) -> Table:
    """Return the table of marks, one row per denoiser.

    The PSNR is that of two shots, by Stein's estimate, or rough: of the held-out error less the estimated noise
    variance. Errors are mean squares, times 1000; half of a 95 % confidence interval stands after the first two. The
    last column counts where the first denoiser has the smaller error.
    """
    shown = f"PSNR dB, {judgement.by or 'rough'}"
    headings = ("denoiser", shown, "", "held-out error", "", "J-invariant", "correlation", "structure", "better in")
    rows = []
    model = judgement.marks[1] if judgement.models else None
    for one in judgement.marks:
        sure = estimate(one.held_out)
        level = one.psnr(judgement.noise)
        wins = paired(-model.deciding, -one.deciding) if model and one is not model else None
        white = one.whiteness.strongest
        rows.append(
            (
                one.name,
                f"{level.mean:.2f}" if np.isfinite(level.mean) else "-",
                f"{level.low:.2f}..{level.high:.2f}" if np.isfinite(level.high - level.low) else "",
                f"{1000 * sure.mean:.3f}",
                "" if np.isnan(sure.half) else f"±{1000 * sure.half:.3f}",
                f"{1000 * float(np.mean(one.invariant)):.3f}",
                "-" if np.isnan(white) else f"{white:+.3f}",
                "-" if np.isnan(one.structure.share) else f"{one.structure.share:.2f}",
                f"{wins.wins:,} of {wins.count:,}" if wins else "",
            )
        )
    return Table(headings, tuple(rows), numbers=len(headings) - 1, model=1 if model else None)
