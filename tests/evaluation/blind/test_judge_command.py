"""The command `judge`: files in, a table, a verdict and files out, and errors in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from conftest import Command
from pellucid.datasets.strokes import draw_digits
from pellucid.images.formats import read_image, write_image
from pellucid.noise.corruptions import parse

pytestmark = [pytest.mark.keras, pytest.mark.one_backend]


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots of twelve digits, as files."""
    folder = tmp_path_factory.mktemp("shots")
    for place, digit in enumerate(draw_digits(12, seed=5)[0]):
        clean = digit.reshape(28, 28, 1).astype(np.float32) / 255
        for seed, name in enumerate("ab"):
            image = (
                (255 * parse("gaussian:0.5")(clean[None], np.random.default_rng(100 * seed + place))[0, ..., 0])
                .round()
                .astype(np.uint8)
            )
            (folder / name).mkdir(exist_ok=True)
            write_image(folder / name / f"{place}.png", image)
    return folder


def test_the_command_judges_files(trained: tuple[Path, str], shots: Path, command: Command, tmp_path: Path) -> None:
    alone = [command("judge", shots / "a", "-m", trained[0], "--json", f"{name}.json") for name in "ab"]
    assert alone[0].returncode == 0, alone[0].stderr
    assert alone[0].stdout == alone[1].stdout
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert "9 of 12 images" in alone[0].stdout
    marks = json.loads((tmp_path / "a.json").read_text())["marks"]
    assert [one["name"] for one in marks[:2]] == ["noisy", "swift"]
    assert "two_shot_error" not in marks[0]
    both = command("judge", shots / "a", "--second", shots / "b", "-m", trained[0], "--json", "c.json", "-o", "p.png")
    assert both.returncode == 0, both.stderr
    assert "two shots give" in both.stdout
    assert json.loads((tmp_path / "c.json").read_text())["marks"][1]["two_shot_error"] > 0
    assert (tmp_path / "p.png").stat().st_size > 10_000


def test_a_range_of_values_is_obeyed(trained: tuple[Path, str], shots: Path, command: Command, tmp_path: Path) -> None:
    for path in (shots / "a").iterdir():
        write_image(tmp_path / "deep" / path.name, read_image(path).astype(np.uint16) * 4)
    runs = ((shots / "a", ()), ("deep", ("--range", "0-1020")), ("deep", ("--range", "0-65535")))
    errors = []
    for place, more in runs:
        done = command("judge", place, "-m", trained[0], "--json", "marks.json", *more)
        assert done.returncode == 0, done.stderr
        marks = json.loads((tmp_path / "marks.json").read_text())["marks"]
        errors.append([one["held_out_error"] for one in marks[:2]])
    np.testing.assert_allclose(errors[1], errors[0], rtol=1e-3)
    assert errors[2][0] < 1e-3 < errors[0][0]
    wrong = command("judge", "deep", "-m", trained[0], "--range", "9-3")
    assert wrong.returncode == 2
    assert "must rise" in wrong.stderr


def test_wrong_files_are_said_in_a_sentence(
    trained: tuple[Path, str], shots: Path, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    write_image(tmp_path / "dot.png", np.zeros((1, 1), np.uint8))
    write_image(tmp_path / "even.png", np.full((40, 40), 90, np.uint8))
    write_image(tmp_path / "wide.png", np.zeros((28, 30), np.uint8))
    cases = {
        ("empty",): "no images in empty",
        ("missing.png",): "missing.png",
        ("dot.png",): "1x1 pixels",
        ("even.png",): "constant",
        (shots / "a" / "1.png", "--second", "wide.png"): "differ in size",
        (shots / "a", "--second", "wide.png"): "Give a folder",
        (shots / "a", "--second", "empty"): "no second shot",
    }
    for arguments, said in cases.items():
        done = command("judge", *arguments, "-m", trained[0])
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
