"""Judging without clean images: the measures against the truth, the verdict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from pellucid.common.errors import PellucidError
from pellucid.datasets.strokes import draw_digits
from pellucid.evaluation.blind import judge, judging
from pellucid.evaluation.blind.heldout import GRIDS, HeldOut, ask, hide, mean
from pellucid.evaluation.blind.pairs import pair_errors, per_unit, to_psnr
from pellucid.evaluation.blind.residual import structure, whiteness
from pellucid.evaluation.blind.sample import take
from pellucid.evaluation.blind.verdict import table, verdict
from pellucid.evaluation.classical import FAMILIES, GaussianBlur, Median, NonLocalMeans
from pellucid.evaluation.intervals import estimate
from pellucid.images.contract import Image, to_unit
from pellucid.images.formats import read_image
from pellucid.inference.denoiser import Denoise
from pellucid.noise.corruptions import parse


def scene(side: int = 128, seed: int = 0) -> Image:
    """A gray image of shades, edges and texture, well within [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side
    image = 0.45 + 0.15 * np.sin(6 * x + 4 * y) + 0.08 * np.sin(60 * x * y)
    for _ in range(12):
        top, left, height, width = rng.uniform(0, 1, 4) * (0.8, 0.8, 0.4, 0.4)
        image[(y >= top) & (y < top + height) & (x >= left) & (x < left + width)] += rng.uniform(-0.25, 0.25)
    return image.clip(0.1, 0.9)[..., None].astype(np.float32)


def noisy(clean: Image, noise: str, seed: int = 0) -> Image:
    return parse(noise)(clean[None], np.random.default_rng(seed))[0]


def flat(image: Image) -> Image:
    return np.full_like(image, image.mean())


def error(clean: Image, image: Image) -> float:
    return float(np.square(clean.astype(np.float64) - np.clip(image, 0, 1)).mean())


@pytest.mark.parametrize(
    "denoise", [np.copy, GaussianBlur(1.0), Median(3), flat], ids=["same", "blur", "median", "flat"]
)
def test_two_shots_give_the_true_psnr_on_average_even_with_noise_of_two_strengths(denoise: Denoise) -> None:
    clean = scene(128)
    found, true, held = [], [], 0
    for seed in range(40):
        first, second = (
            noisy(clean, "gaussian:0.08:unclipped", seed),
            noisy(clean, "gaussian:0.1:unclipped", 999 + seed),
        )
        results = denoise(first).clip(0, 1), denoise(second).clip(0, 1)
        errors = pair_errors(results, (first, second))
        found.append(errors.mean())
        true.append(np.mean([error(clean, result) for result in results]))
        sure = to_psnr(estimate(per_unit([errors])))
        held += sure.low <= -10 * np.log10(true[-1]) <= sure.high
    off = (np.array(found) - true) / np.mean(true)
    assert abs(off.mean()) < max(0.002, 3 * off.std() / np.sqrt(40))  # unbiased
    assert off.std() < 0.12  # and on 128x128 pixels within about 0.5 dB
    assert held >= 36  # of 40: the interval holds 95 %


@pytest.mark.parametrize(
    "noise", ["gaussian:0.1:unclipped", "gaussian:0.2:unclipped", "poisson:30", "speckle:0.3", "salt-pepper:0.1"]
)
def test_the_held_out_error_ranks_filters_as_the_true_error_does(noise: str) -> None:
    clean, other = scene(112, 1), scene(64, 2)
    image = noisy(clean, noise)
    reference, _ = judging.tune([noisy(other, noise)])
    held = HeldOut(hide(image, GRIDS), reference)
    contest: list[Denoise] = [np.copy, flat, GaussianBlur(6), *(one for family in FAMILIES.values() for one in family)]
    said = [ask(denoise, held.hidden) for denoise in contest]
    true = [error(clean, denoise(image)) for denoise in contest]
    errors = [mean(held.errors(one)) for one in said]
    assert spearmanr(errors, true).statistic > 0.85
    # What is lost by trusting it is small beside the noise.
    assert true[int(np.argmin(errors))] - min(true) < 0.03 * held.noise
    # It says how large the errors are, too: the truth plus the noise.
    assert np.median(np.abs(np.array(errors) - held.noise - true)) < 0.25 * held.noise
    assert held.noise == pytest.approx(
        error(image, clean) if "salt" in noise else np.square(image - clean).mean(), rel=0.35
    )


def invariant_error(denoise: Denoise, image: Image) -> float:
    hidden = hide(image, GRIDS)
    return mean(HeldOut(hidden, np.copy).invariant(ask(denoise, hidden)))


def test_the_invariant_error_prefers_a_filter_to_none_and_to_too_much() -> None:
    image = noisy(scene(), "gaussian:0.05:unclipped")
    good, much, nothing = (invariant_error(one, image) for one in (NonLocalMeans(0.06), GaussianBlur(5), flat))
    assert good < much < nothing
    # A denoiser that only looks at the pixel itself is judged as the mean of the neighbours: the known flaw.
    assert invariant_error(np.copy, image) < 1.6 * 0.05**2


def test_white_noise_is_called_white() -> None:
    rng = np.random.default_rng(0)
    strength = np.linspace(0.2, 3, 64)[:, None, None]  # not of one strength everywhere
    for scale in (1.0, strength):
        found = [whiteness([(scale * rng.normal(0, 1, (64, 64, 1))).astype(np.float32)]) for _ in range(100)]
        assert 1 <= sum(abs(one.strongest) > one.chance for one in found) <= 12
    assert found[0].map[4, 4] == 1
    np.testing.assert_array_equal(found[0].map, found[0].map[::-1, ::-1])


def test_a_known_correlation_is_found() -> None:
    noise = np.random.default_rng(0).normal(0, 1, (300, 301, 1))
    found = whiteness([(noise[:, 1:] + 0.5 * noise[:, :-1]).astype(np.float32)])
    assert found.strongest == pytest.approx(0.4, abs=0.01)  # 0.5 / (1 + 0.25)
    assert found.map[4, 5] == found.strongest
    assert abs(found.map[5, 4]) < 0.02


def test_the_residual_tells_who_removes_the_image() -> None:
    clean = scene(256)
    image = noisy(clean, "gaussian:0.05:unclipped")
    held = HeldOut(hide(image, 4), NonLocalMeans(0.06))

    def marks(denoise: Denoise) -> tuple[float, float]:
        said = ask(denoise, held.hidden)
        return structure(said.results, held).share, whiteness([image - said.results[0]]).strongest

    assert marks(lambda given: clean) == pytest.approx((0, 0), abs=0.05)
    shown, correlation = marks(GaussianBlur(5))
    assert shown > 0.2
    assert correlation > 0.2
    assert marks(GaussianBlur(0.6))[1] < -0.1  # a part of the noise stays
    assert np.isnan(whiteness([np.zeros((9, 9, 1), np.float32)]).strongest)


def test_the_verdict_follows_the_truth() -> None:
    images = [noisy(scene(96, seed), "gaussian:0.1:unclipped", seed) for seed in range(3)]
    best = NonLocalMeans(0.1)
    heads = {
        name: str(verdict(judge({"model": denoise}, images)))
        for name, denoise in {"same": np.copy, "blur": GaussianBlur(0.5), "gross": GaussianBlur(6)}.items()
    }
    assert heads["same"].startswith("It does not help: it changes next to nothing.")
    assert heads["blur"].startswith("It helps, but a classical filter helps more")
    assert "a part of the noise stays" in heads["blur"]
    assert "content is being removed" in heads["gross"]
    tuned = judge({"model": lambda image: best(best(image))}, images)
    assert verdict(tuned).head.startswith("It helps")
    shown = table(tuned)
    assert len(shown.rows) == 2 + len(FAMILIES)
    assert {len(row) for row in shown.rows} == {len(shown.headings)}
    assert shown.rows[shown.model][0] == "model"


def test_two_shots_decide_where_there_are_two() -> None:
    clean = [scene(96, seed) for seed in range(3)]
    first, second = (
        [noisy(one, "gaussian:0.1:unclipped", base + k) for k, one in enumerate(clean)] for base in (0, 50)
    )
    found = judge({"flat": flat, "blur": GaussianBlur(0.8)}, first, second)
    for mark, denoise in zip(found.marks, (np.copy, flat, GaussianBlur(0.8)), strict=False):
        judged = (0, 2)
        true = -10 * np.log10(np.mean([error(clean[k], denoise(one[k])) for k in judged for one in (first, second)]))
        assert mark.psnr(found.noise).mean == pytest.approx(true, abs=0.4)
    said = str(verdict(found))
    assert "flat: It does not help" in said
    assert "two shots give" in said
    assert "Mind" not in said
    shifted = [np.roll(one, 3, axis=1) for one in second]
    assert "they are not aligned" in str(verdict(judge({"flat": flat}, first, shifted)))


def test_clipped_noise_does_not_punish_black() -> None:
    """At noise 0.5 black pixels are 0.2 on average: without levelling, the clean image itself would rank low."""
    digits = draw_digits(128, seed=3)[0].astype(np.float32) / 255
    clean = [part.reshape(8, 8, 28, 28).transpose(0, 2, 1, 3).reshape(224, 224, 1) for part in np.split(digits, 2)]
    images = [noisy(one, "gaussian:0.5", seed) for seed, one in enumerate(clean)]
    found = judge({"clean": lambda image: clean[0]}, images)
    assert 0.15 < found.shift < 0.4
    assert min(found.marks, key=lambda one: one.held_out.mean()).name == "clean"
    assert "noise was clipped" in str(verdict(found))
    assert not judge({"same": np.copy}, [noisy(scene(64, k), "gaussian:0.05", k) for k in (0, 1)]).levelled


@pytest.mark.parametrize("count", [1, 2, 9])
def test_no_pixel_is_both_chosen_and_judged_by(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [np.random.default_rng(seed).random((24, 20, 1), dtype=np.float32) for seed in range(count)]
    seen: list[Image] = []
    choose = judging.tune

    def spy(given: list[Image], *more: object) -> object:
        seen.extend(given)
        return choose(given, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(judging, "tune", spy)
    judge({}, images)
    chosen, judged = (np.concatenate([one.ravel() for one in part]) for part in (seen, take(images).judged))
    assert chosen.size
    assert judged.size
    assert not np.intersect1d(chosen, judged).size
    if count > 1:  # and so the choice does not depend on what is judged
        changed = [image if place % 4 == 1 else 1 - image for place, image in enumerate(images)]
        assert choose(seen) == choose(take(changed).tuning)


def test_large_collections_are_sampled() -> None:
    class Many:
        read = 0

        def __len__(self) -> int:
            return 10_000

        def __getitem__(self, index: int) -> Image:
            self.read += 1
            return np.random.default_rng(index).random((700, 600, 1), dtype=np.float32)

    many = Many()
    sample = take(many)
    assert many.read < 12
    assert {one.shape for one in sample.judged} == {(512, 512, 1)}
    assert "of 10,000 images" in sample.about
    assert "512x512" in sample.about


@pytest.mark.parametrize(
    ("images", "second", "said"),
    [
        ([], None, "no images"),
        ([np.zeros((1, 1, 1), np.float32)], None, "1x1 pixels"),
        ([np.full((32, 32, 1), 0.5, np.float32)], None, "constant"),
        ([scene(32)], [scene(33)], "differ in size"),
        ([scene(32)], [], "0 second shots"),
    ],
    ids=["none", "tiny", "constant", "sizes", "missing"],
)
def test_what_cannot_be_judged_is_said(images: list[Image], second: list[Image] | None, said: str) -> None:
    with pytest.raises(PellucidError, match=said):
        judge({}, images, second)
    with pytest.raises(PellucidError, match="stands for the images"):
        judge({"noisy": np.copy}, [scene(32)])


@pytest.mark.real
def test_real_noise_is_ranked_as_by_the_average_of_many_frames(real: Path) -> None:
    folder = real / "microscopy" / "pairs"
    image, clean = (to_unit(read_image(folder / f"fmd_confocal_bpae_r_1_{name}.png")) for name in ("noisy", "clean"))
    reference, _ = judging.tune([image[:160, :256]])
    image, clean = image[192:448, 128:384], clean[192:448, 128:384]
    held = HeldOut(hide(image, 4), reference)
    contest: list[Denoise] = [np.copy, flat, *(one for family in FAMILIES.values() for one in family)]
    errors = [mean(held.errors(ask(denoise, held.hidden))) for denoise in contest]
    true = [error(clean, denoise(image)) for denoise in contest]
    assert spearmanr(errors, true).statistic > 0.9
