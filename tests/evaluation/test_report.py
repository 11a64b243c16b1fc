"""The judgement as files and sentences: the report page, the tables, how sure they are."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from conftest import Command
from pellucid.evaluation.classical import BM3D, FAMILIES, Filter
from pellucid.evaluation.intervals import estimate, paired
from pellucid.evaluation.metrics import psnr
from pellucid.evaluation.scores import Scored
from pellucid.evaluation.verdict import table, verdict

NOISES = ("--noise", "gaussian:0.5", "--noise", "salt-pepper:0.1")


@pytest.mark.keras
@pytest.mark.one_backend
def test_the_report_is_one_page_that_does_not_change(
    trained: tuple[Path, str], digits: Path, command: Command, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        files = ("--html", f"{name}.html", "--csv", f"{name}.csv")
        done = command("evaluate", digits, "-m", trained[0], "--limit", 12, *NOISES, *files)
        assert done.returncode == 0, done.stderr
        assert "noise salt-pepper:0.1" in done.stdout
    page = (tmp_path / "a.html").read_text()
    assert page == (tmp_path / "b.html").read_text()
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert page.count("<img") == page.count('src="data:image/png;base64,') == 2
    assert not re.search('(src|href)=(?!"data:)', page)
    for word in ("gaussian:0.5", "salt-pepper:0.1", "It helps", "wavelets", "95 % confidence", "swift"):
        assert word in page
    table = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert len(table) == 2 * 7 * 12
    mine = [float(row["psnr"]) for row in table if row["denoiser"] == "swift" and row["noise"] == "gaussian:0.5"]
    assert f"{np.mean(mine):.2f}" in page


@pytest.mark.keras
@pytest.mark.one_backend
def test_an_ensemble_is_judged_as_one(
    trained: tuple[Path, str], digits: Path, command: Command, tmp_path: Path
) -> None:
    done = command("evaluate", digits, "-m", trained[0], "--limit", 4, "--ensemble", "--html", "page.html")
    assert done.returncode == 0, done.stderr
    for text in (done.stdout, (tmp_path / "page.html").read_text()):
        assert "swift, ensemble" in text


@pytest.mark.keras
@pytest.mark.one_backend
def test_a_place_that_cannot_be_written_is_said(trained: tuple[Path, str], digits: Path, command: Command) -> None:
    done = command("evaluate", digits, "-m", trained[0], "--limit", 2, "--html", digits / "report.html")
    assert done.returncode == 2
    assert "cannot write" in done.stderr


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    found = [estimate(rng.normal(3, 2, 8)) for _ in range(2000)]
    assert 0.93 < np.mean([one.low <= 3 <= one.high for one in found]) < 0.97
    assert np.isnan(estimate(np.array([1.0])).low)
    assert np.isnan(estimate(np.array([1.0, np.inf])).low)


def test_pairs_are_compared_image_by_image() -> None:
    first, second = np.array([3.0, 5.0, np.inf, 4.0]), np.array([2.0, 6.0, np.inf, 2.0])
    result = paired(first, second)
    assert (result.wins, result.count, result.difference.mean) == (2, 4, 0.5)


def scored(name: str, values: list[float]) -> Scored:
    array = np.array(values)
    return Scored(name, array, array / 40, array / 100, array / 100, 0.1)


def test_a_gain_within_its_uncertainty_is_not_called_one() -> None:
    noisy, filtered = scored("noisy", [10.0, 11, 12, 13]), scored("median 3x3", [20.0, 21, 22, 23])
    unsure = verdict([noisy, scored("model", [20.5, 20.6, 22.4, 22.7]), filtered])
    assert "no clear gain over median 3x3" in unsure.head
    assert "better than median 3x3" in verdict([noisy, scored("model", [21.0, 22.1, 22.9, 24]), filtered]).head
    shown = table([noisy, scored("model", [21.0, 22.1, 22.9, 24]), filtered])
    assert shown.rows[2][-2:] == ("4 of 4", "+1.00 ±0.13")
    assert shown.rows[shown.model][-2:] == ("", "")


def every_filter() -> list[Filter]:
    families = [*FAMILIES.values(), BM3D]
    return [family[len(family) // 2] for family in families]


@pytest.mark.parametrize("denoise", every_filter(), ids=str)
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 17, 3), (28, 28, 1), (40, 31, 3)], ids=str)
def test_every_filter_takes_every_image(denoise: Filter, shape: tuple[int, int, int]) -> None:
    if str(denoise).startswith("BM3D"):
        pytest.importorskip("bm3d")
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    before = image.copy()
    result = denoise(image)
    assert result.shape == shape
    assert result.dtype == np.float32
    assert 0 <= result.min() <= result.max() <= 1
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("denoise", every_filter(), ids=str)
def test_every_filter_removes_noise(denoise: Filter) -> None:
    if str(denoise).startswith("BM3D"):
        pytest.importorskip("bm3d")
    clean = np.zeros((64, 64, 1), np.float32)
    clean[16:48, 16:48] = 0.8
    noisy = (clean + 0.2 * np.random.default_rng(0).standard_normal(clean.shape)).astype(np.float32)
    assert psnr(clean[None], denoise(noisy)[None])[0] > psnr(clean[None], noisy.clip(0, 1)[None])[0] + 1


def test_images_too_thin_for_a_window_have_no_ssim_in_words() -> None:
    from pellucid.datasets import ArrayImages
    from pellucid.evaluation import evaluate

    thin = ArrayImages(np.random.default_rng(0).random((6, 2, 40)).astype(np.float32))
    scores = evaluate({"model": lambda image: image * 0.9, "filter": lambda image: image}, thin, "gaussian:0.1")
    assert "SSIM" not in str(verdict(scores))
    assert [row[4] for row in table(scores).rows] == ["-", "-", "-"]
