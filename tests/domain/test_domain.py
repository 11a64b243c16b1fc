"""What lies outside of what a model was trained for is said, or refused; what lies within passes in silence."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import tifffile

from conftest import Command
from pellucid.common.errors import PellucidError
from pellucid.datasets.strokes import draw_digits
from pellucid.domain import check, check_rows, describe
from pellucid.images import Scale
from pellucid.images.formats import read_image, write_image
from pellucid.inference import memory
from pellucid.inference.denoiser import Denoiser
from pellucid.inference.many_files import MANY
from pellucid.modelfile.card import Card
from pellucid.noise.corruptions import parse

Trained = tuple[Path, str]
NOISE = "gaussian:0.5"


def noisy(clean: np.ndarray, noise: str = NOISE, seed: int = 0) -> np.ndarray:
    """Add noise to images (count, height, width) in [0, 1]."""
    return parse(noise)(clean[..., None].astype(np.float32), np.random.default_rng(seed))[..., 0]


def stored(image: np.ndarray, white: int = 255) -> np.ndarray:
    return np.rint(np.clip(image, 0, 1) * white).astype(np.uint8 if white <= 255 else np.uint16)


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare streams the trial of large tiles."""
    monkeypatch.setattr(memory, "SIDES", (32, 64))


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    """The 60 test digits of the fixture `digits`, (60, 28, 28)."""
    return draw_digits(1260, seed=7)[0][1200:] / 255


@pytest.fixture(scope="module")
def card() -> Card:
    """The card that a training on digits writes."""
    return card_for(NOISE)


def card_for(noise: str) -> Card:
    training = draw_digits(256, seed=8)[0] / 255
    usual = describe([noisy(training, noise)[..., None]], noise)
    return Card("none", 1, 4, 0, noise, "digits", "now", statistics=usual)


def scene(side: int = 256) -> np.ndarray:
    """Something like a photograph: soft shapes of all sizes."""
    rng = np.random.default_rng(3)
    image = np.full((side, side), 0.5)
    y, x = np.mgrid[:side, :side]
    for size in rng.uniform(8, 60, 60):
        top, left = rng.uniform(0, side, 2)
        image += rng.uniform(-0.3, 0.3) * (np.hypot(y - top, x - left) < size)
    return np.clip(image, 0, 1)


FOREIGN: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "half": (lambda digit: stored(noisy(digit, "gaussian:0.25")), "noise weaker than that"),
    "twice": (lambda digit: stored(noisy(digit, "gaussian:1")), "noise stronger than that"),
    "clean": (stored, "noise weaker than that"),
    "dark": (lambda digit: stored(noisy(digit), 60), "give their range (--range)"),
    "bright": (lambda digit: 200 + stored(noisy(digit), 55), "much brighter than the training images"),
    "negative": (lambda digit: stored(1 - noisy(digit)), "like a negative"),
    "scene": (lambda _: stored(noisy(scene())), "content unlike"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_foreign_is_said_and_with_strict_refused(
    name: str, trained: Trained, clean: np.ndarray, command: Command, tmp_path: Path
) -> None:
    make, said = FOREIGN[name]
    write_image(tmp_path / "a.png", make(clean[4]))
    refused = command("denoise", "a.png", "--strict", "-m", trained[0])
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "a.png was refused" in refused.stderr
    assert said.removesuffix(" (--range)") in refused.stderr
    ranged = name in ("dark", "bright")
    assert refused.stderr.endswith("(--strict, --range)\n" if ranged else "(--strict)\n")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    noted = command("denoise", "a.png", "-m", trained[0])
    assert noted.returncode == 0
    assert f"note: {said}" in noted.stderr or said in noted.stderr.partition(";")[2]
    assert np.array_equal(read_image(tmp_path / "a.denoised.png"), Denoiser(trained[0])(read_image(tmp_path / "a.png")))


def test_images_as_those_of_the_training_pass_in_silence(
    trained: Trained, clean: np.ndarray, command: Command, tmp_path: Path
) -> None:
    for index, image in enumerate(noisy(clean)):
        write_image(tmp_path / "in" / f"{index}.png", stored(image))
    done = command("denoise", "in", "-o", "out", "--strict", "-m", trained[0])
    assert done.returncode == 0, done.stderr
    assert "note:" not in done.stderr
    page = np.concatenate(np.concatenate(noisy(clean).reshape(6, 10, 28, 28), axis=1), axis=1)
    tifffile.imwrite(tmp_path / "page.tif", stored(page))
    for options in ([], ["--memory", "10GB", "--overwrite"]):
        done = command("denoise", "page.tif", "--strict", "-m", trained[0], *options)
        assert (done.returncode, "note:" in done.stderr) == (0, False), done.stderr


def test_notes_are_counted_over_files_and_strict_ones_fail_alone(
    trained: Trained, clean: np.ndarray, command: Command, tmp_path: Path
) -> None:
    images = noisy(clean[:6])
    for index, image in enumerate(images):
        write_image(tmp_path / "in" / f"{index}.png", stored(1 - image if index < 2 else image))
    done = command("denoise", "in", "-o", "out", "-m", trained[0])
    assert done.returncode == 0
    assert done.stderr.count("note:") == 1
    assert "(2 of 6 files)" in done.stderr
    done = command("denoise", "in", "-o", "strict", "--strict", "-m", trained[0])
    assert done.returncode == 1
    assert "4 of 6 images denoised" in done.stdout
    assert sorted(path.name for path in (tmp_path / "strict").iterdir()) == ["2.png", "3.png", "4.png", "5.png"]
    assert [done.stderr.count(f"{index}.png was refused") for index in range(6)] == [1, 1, 0, 0, 0, 0]


def test_processes_are_strict_too(trained: Trained, clean: np.ndarray, command: Command, tmp_path: Path) -> None:
    images = stored(noisy(clean))
    for index in range(MANY):
        image = images[index % 60]
        write_image(tmp_path / "in" / f"{index:03}.png", ~image if index == 77 else image)
    done = command("denoise", "in", "-o", "out", "--strict", "--workers", 2, "-m", trained[0])
    assert (done.returncode, done.stderr.count("was refused")) == (1, 1), done.stderr
    assert not (tmp_path / "out" / "077.png").exists()
    assert len(list((tmp_path / "out").iterdir())) == MANY - 1


def test_a_range_is_applied_before_the_image_is_judged(
    trained: Trained, clean: np.ndarray, command: Command, tmp_path: Path
) -> None:
    frame = stored(noisy(clean[0]), 4095)
    write_image(tmp_path / "a.png", frame)
    done = command("denoise", "a.png", "--range", "0-4095", "--strict", "-m", trained[0])
    assert (done.returncode, "note" in done.stderr) == (0, False)
    for text, said in (("0-400", "give a wider range"), ("0-60000", "check the range")):
        done = command("denoise", "a.png", "--overwrite", "--range", text, "-m", trained[0])
        assert said in done.stderr, text


def test_twelve_bits_in_sixteen_are_found_and_said(
    trained: Trained, clean: np.ndarray, command: Command, tmp_path: Path
) -> None:
    write_image(tmp_path / "a.png", stored(noisy(clean[0]), 4095))
    done = command("denoise", "a.png", "--strict", "-m", trained[0])
    assert (done.returncode, "found in the values of uint16 (0 to 4095)" in done.stderr) == (0, True), done.stderr
    done = command("denoise", "a.png", "-o", "told.png", "--range", "0-4095", "-m", trained[0])
    assert (done.returncode, done.stderr) == (0, "")
    assert np.array_equal(read_image(tmp_path / "a.denoised.png"), read_image(tmp_path / "told.png"))


def test_a_stream_is_judged_before_anything_is_written(
    trained: Trained, clean: np.ndarray, command: Command, tmp_path: Path
) -> None:
    page = np.tile(noisy(clean[:1])[0], (30, 12))
    tifffile.imwrite(tmp_path / "a.tif", stored(page, 4095), rowsperstrip=16)
    tifffile.imwrite(tmp_path / "white.tif", ~stored(page), photometric="miniswhite", rowsperstrip=16)
    np.save(tmp_path / "b.npy", stored(page, 60))
    for name, range_, said in (("a.tif", "0-60000", "check the range"), ("b.npy", "0-255", "much darker")):
        options = ("--memory", "10GB", "--range", range_, "-m", trained[0])
        done = command("denoise", name, "--strict", *options)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
        assert said in command("denoise", name, "-o", f"out-{name}", *options).stderr
    done = command("denoise", "white.tif", "--memory", "10GB", "--strict", "-m", trained[0])
    assert done.returncode == 0, done.stderr  # stored as a negative, which is none
    assert sorted(path.name for path in tmp_path.glob("*denoised*")) == ["white.denoised.tif"]


def test_standard_input_is_judged(
    trained: Trained, clean: np.ndarray, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(tmp_path / "a.png", stored(1 - noisy(clean[0])))
    content = (tmp_path / "a.png").read_bytes()
    for options, code in (([], 0), (["--strict"], 2)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        done = command("denoise", "-", "-o", f"out{code}.png", "-m", trained[0], *options)
        assert (done.returncode, "like a negative" in done.stderr) == (code, True), done.stderr
        assert (tmp_path / f"out{code}.png").exists() == (code == 0)


def test_one_odd_page_is_enough(trained: Trained, clean: np.ndarray, command: Command, tmp_path: Path) -> None:
    pages = stored(noisy(clean[:3]))
    pages[2] = ~pages[2]
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    done = command("denoise", "a.tif", "-m", trained[0])
    assert (done.returncode, done.stderr.count("note:")) == (0, 1)


def test_a_large_image_is_judged_by_few_of_its_rows(card: Card) -> None:
    read: list[tuple[int, int]] = []

    def rows(begin: int, end: int) -> np.ndarray:
        read.append((begin, end))
        return np.zeros((end - begin, 900), np.uint8)

    check_rows(card, 100_000, 900, rows, Scale(0, 255, inside=True))
    assert sum(end - begin for begin, end in read) <= 128
    assert read == sorted(read)
    assert read[-1][1] == 100_000


def test_no_more_than_one_image_in_fifty_is_suspected_wrongly() -> None:
    digits = draw_digits(600, seed=9)[0] / 255
    for noise in ("gaussian:0.1-0.6", "poisson:20", "gaussian:0.2:unclipped", "gaussian:0.1+salt-pepper:0.05"):
        known = card_for(noise)
        noted = [bool(check(known, image)) for image in noisy(digits, noise, 5)]
        assert np.mean(noted) < 0.02, noise


@pytest.mark.parametrize(
    ("noise", "given", "said"),
    [
        ("gaussian:0.1", "gaussian:0.2", "stronger"),
        ("gaussian:0.1", "gaussian:0.05", "weaker"),
        ("gaussian:0.1-0.2", "gaussian:0.15", ""),
        ("gaussian:0.1-0.2", "gaussian:0.4", "stronger"),
        ("poisson:30", "poisson:8", "stronger"),
        ("poisson:30", "poisson:30", ""),
        ("poisson:30", "poisson:120", "weaker"),
        ("gaussian:0.1", "gaussian:0.1+salt-pepper:0.05", "black or white pixels"),
        ("gaussian:0.1+salt-pepper:0.05", "gaussian:0.1+salt-pepper:0.05", ""),
        ("poisson:50+gaussian:0.05", "poisson:10+gaussian:0.1", "stronger"),
        ("speckle:0.2", "speckle:0.45", "stronger"),
    ],
)
def test_noise_is_told_without_statistics_where_there_are_flat_areas(noise: str, given: str, said: str) -> None:
    old = Card("none", 1, 4, 0, noise, "", "")
    found = check(old, stored(noisy(scene()[None], given)[0]))
    assert [one.kind for one in found] == (["noise"] if said else [])
    assert said in "".join(one.sentence for one in found)


def test_noise_that_neighbours_share_is_told() -> None:
    rng = np.random.default_rng(0)
    field = rng.normal(0, 1, (258, 258))
    field = sum(np.roll(field, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1))[1:-1, 1:-1] / 3
    (found,) = check(Card("none", 1, 4, 0, "gaussian:0.1", "", ""), np.float32(scene() + 0.1 * field).clip(0, 1))
    assert "neighbouring pixels share" in found.sentence


def test_colour_is_judged_by_all_channels(card: Card, clean: np.ndarray) -> None:
    colour = np.stack([*noisy(clean[:3])], axis=2)
    assert check(card, stored(colour)) == ()
    alpha = np.concatenate([stored(colour), np.zeros((28, 28, 1), np.uint8)], axis=2)
    assert check(card, alpha) == ()
    assert [one.kind for one in check(card, stored(1 - colour))] == ["range"]


def test_too_small_and_unknown_is_passed_over(card: Card) -> None:
    for shape in ((1, 1), (7, 40), (1, 5000, 3)):
        assert check(card, np.zeros(shape, np.uint8)) == ()
    for noise in ("paired", "salt-pepper:0.1", "nonsense"):
        foreign = dataclasses.replace(card, noise=noise, statistics={"mean": (0.0, 0.0, 0.0)})
        assert check(foreign, stored(scene())) == ()
    for image in (np.zeros(9, np.uint8), np.zeros((0, 9), np.uint8), np.zeros((9, 9), complex)):
        with pytest.raises(PellucidError):
            check(card, image)


def test_what_is_usual_is_recorded_once_and_small_data_leaves_it_out(trained: Trained, clean: np.ndarray) -> None:
    recorded = Denoiser(trained[0]).card.statistics
    assert recorded.keys() == describe([noisy(clean)[..., None]], NOISE).keys()
    assert recorded["mean"][0] < noisy(clean).mean() < recorded["mean"][2]
    assert all(low <= middle <= high for low, middle, high in recorded.values())
    assert describe([noisy(clean[:31])[..., None]], NOISE) == {}
    assert describe([noisy(clean)[:, :7, :, None]], NOISE) == {}


def test_a_model_file_of_the_first_format_still_serves(
    trained: Trained, clean: np.ndarray, command: Command, tmp_path: Path
) -> None:
    proto = onnx.load(trained[0] / "model.onnx")
    (entry,) = proto.metadata_props
    values = json.loads(entry.value)
    del values["statistics"], values["ranges"]
    entry.value = json.dumps({**values, "format": 1})
    onnx.save(proto, tmp_path / "old.onnx")
    image = stored(noisy(clean[0]))
    assert np.array_equal(Denoiser(tmp_path / "old.onnx")(image), Denoiser(trained[0])(image))
    write_image(tmp_path / "a.png", image)
    write_image(tmp_path / "dark.png", stored(noisy(clean[0]), 6))
    write_image(tmp_path / "smooth.png", stored(scene()))
    assert command("denoise", "a.png", "--strict", "-m", "old.onnx").returncode == 0
    for name, said in (("dark.png", "much darker"), ("smooth.png", "noise weaker")):
        done = command("denoise", name, "--strict", "-m", "old.onnx")
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_models_of_pairs_know_their_content_though_not_their_noise(clean: np.ndarray) -> None:
    training = draw_digits(256, seed=8)[0] / 255
    paired = Card("none", 1, 4, 0, "paired", "", "", statistics=describe([noisy(training)[..., None]], "paired"))
    assert all(check(paired, image) == () for image in noisy(clean))
    assert [one.kind for one in check(paired, noisy(scene()[None])[0])] == ["content"]
    assert [one.kind for one in check(paired, stored(noisy(clean[:1])[0], 4095), (0, 65535))] == ["range"]
