"""The parts of `benchmarks/documents.py` that could go wrong unseen: reading, error rates, which pages share a text."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("", "", 0), ("same", "same", 0), ("ab", "ba", 2)],
)
def test_the_edit_distance_is_levenshteins(first: str, second: str, distance: int) -> None:
    from ocr import edit_distance, error_rate

    assert edit_distance(first, second) == edit_distance(second, first) == distance
    assert error_rate(first, second) == distance / max(len(first), 1)


def test_a_page_is_handed_to_the_program_enlarged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ocr import ENLARGED, find_tesseract, read_text

    program = tmp_path / "tesseract"
    program.write_text(f'#!/bin/sh\ncp "$1" "{tmp_path}/page.png"\nprintf "two  words\\n\\nof $2 $3 $4\\n"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert find_tesseract() == str(program)
    page = np.zeros((5, 8), np.float32)
    assert read_text(page, str(program)) == "two words of stdout --psm 6"
    from PIL import Image

    with Image.open(tmp_path / "page.png") as image:
        assert image.size == (8 * ENLARGED, 5 * ENLARGED)


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_tesseract_reads_a_page() -> None:
    from ocr import error_rate, find_tesseract, read_text
    from PIL import Image, ImageDraw, ImageFont

    words = "There exist several methods to design forms"
    page = Image.new("L", (360, 40), 255)
    ImageDraw.Draw(page).text((10, 10), words, fill=0, font=ImageFont.load_default(size=14))
    program = find_tesseract()
    assert program is not None
    assert error_rate(words, read_text(np.asarray(page) / np.float32(255), program)) < 0.1


def test_dividing_by_the_paper_flattens_it() -> None:
    from documents import Background

    page = np.ones((60, 80), np.float32)
    page[::6, 10:70] = 0.1
    shade = np.linspace(0.4, 0.9, 80, dtype=np.float32)
    result = Background(7, 0.1, 0.9)((page * shade)[..., None])
    assert np.abs(result[..., 0] - (page > 0.5)).mean() < 0.02


@pytest.mark.real
def test_the_pages_show_two_texts_and_no_text_is_parted(real: Path, tmp_path: Path) -> None:
    from documents import find_pages, lay_out

    from pellucid.datasets import load

    archive = real / "dirty-documents" / "dirty-documents-train.zip"
    if not archive.is_file():
        pytest.skip("no documents")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path / "unpacked")
    pages = find_pages(tmp_path / "unpacked")
    # Looked at on contact sheets: the numbers of one text leave 2 when divided by 3, those of the other 0.
    assert {page.text for page in pages} == {1, 2}
    assert {(page.text, int(page.noisy.stem) % 3) for page in pages} == {(1, 2), (2, 0)}
    beneath = {number: {page.text for page in pages if page.background == number} for number in range(7)}
    assert sorted(map(len, beneath.values())) == [1] * 6 + [2]
    for held, sizes in ((None, (60, 12, 72)), (0, (36, 3, 3))):
        folder = tmp_path / str(held)
        test = lay_out(pages, 2, held, folder)
        split = load(folder / "clean", noisy=folder / "noisy")
        assert (len(split.train), len(split.validation), len(split.test)) == sizes
        assert {(page.text, page.background) for page in test} == (
            {(1, 0)} if held == 0 else {(2, n) for n in (1, 3, 5, 6)}
        )
