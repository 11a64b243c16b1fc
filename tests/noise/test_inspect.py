"""`pellucid inspect`: estimates against known noise, and what it says of unusual images."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from conftest import Command
from pellucid.cli.inspect import training_commands
from pellucid.common.errors import PellucidError
from pellucid.datasets.strokes import draw_digits
from pellucid.images import to_unit
from pellucid.images.formats import read_image, write_image
from pellucid.noise import Inspection, doubts, draw, inspect, neighbour_correlation
from pellucid.noise.corruptions import Correlated, parse

Arrays = Sequence[np.ndarray]


@cache
def clouds() -> tuple[np.ndarray, ...]:
    """Smooth images with edges, float (176, 160, 1) in [0, 1]."""
    rng = np.random.default_rng(7)
    made = []
    for _ in range(4):
        field = gaussian_filter(rng.standard_normal((176, 160)), 12)
        field = field + 0.02 * (gaussian_filter(rng.standard_normal((176, 160)), 20) > 0)
        made.append(((field - field.min()) / np.ptp(field))[..., None].astype(np.float32))
    return tuple(made)


@cache
def digits() -> tuple[np.ndarray, ...]:
    return tuple(digit[..., None].astype(np.float32) / 255 for digit in draw_digits(60, seed=3)[0])


CONTENTS: dict[str, Callable[[], Arrays]] = {"clouds": clouds, "digits": digits}


def eight_bits(images: Arrays) -> list[np.ndarray]:
    return [np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8) for image in images]


def corrupted(images: Arrays, noise: str) -> list[np.ndarray]:
    made = [parse(noise)(image[None], np.random.default_rng(index))[0] for index, image in enumerate(images)]
    return made if noise.endswith("unclipped") else eight_bits(made)


def kinds(noise: str) -> set[str]:
    return {part.partition(":")[0] for part in noise.split("+")}


def said(found: Inspection) -> str:
    return " ".join(doubt.text for doubt in doubts(found))


STRENGTHS = [
    *[("clouds", f"gaussian:{level}", 0.06) for level in (0.01, 0.03, 0.1, 0.2, 0.5, 1)],
    *[("digits", f"gaussian:{level}", 0.06) for level in (0.03, 0.1, 0.2, 0.5)],
    ("digits", "gaussian:0.01", 0.3),
    ("clouds", "gaussian:0.1:unclipped", 0.06),
    ("digits", "gaussian:0.1:unclipped", 0.06),
    *[("clouds", f"poisson:{peak}", 0.12) for peak in (5, 30, 200, 1000)],
    *[("clouds", f"speckle:{level}", 0.06) for level in (0.05, 0.2, 0.5)],
]


@pytest.mark.parametrize(("content", "noise", "margin"), STRENGTHS)
def test_kind_and_strength_of_known_noise(content: str, noise: str, margin: float) -> None:
    found = inspect(corrupted(CONTENTS[content](), noise))
    assert kinds(found.noise) == kinds(noise)
    assert noise.endswith("unclipped") == found.noise.endswith("unclipped")
    truth = float(noise.split(":")[1])
    assert found.level.strength == pytest.approx(truth, rel=margin)
    low, high = found.level.strength_interval
    assert low <= found.level.strength <= high
    assert high < 2.5 * low
    assert str(parse(found.noise)) == found.noise


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("noise", ["salt-pepper:0.02", "salt-pepper:0.1", "salt-pepper:0.3", "mask:0.2"])
def test_impulses(content: str, noise: str) -> None:
    found = inspect(corrupted(CONTENTS[content](), noise))
    assert kinds(found.noise) == kinds(noise)
    # Few surroundings of digits are bright enough to show black impulses.
    margin = 0.3 if (content, noise) == ("digits", "mask:0.2") else 0.15
    assert float(found.noise.split(":")[1]) == pytest.approx(float(noise.split(":")[1]), rel=margin)


@pytest.mark.parametrize("content", CONTENTS)
def test_other_noise_is_not_taken_for_impulses(content: str) -> None:
    for noise in ("gaussian:0.5", "gaussian:0.1", "poisson:10", "poisson:3", "speckle:0.5"):
        assert not any(inspect(corrupted(CONTENTS[content](), noise)).impulses.shares), noise


def test_mixtures() -> None:
    both = inspect(corrupted(clouds(), "gaussian:0.1+salt-pepper:0.05"))
    assert kinds(both.noise) == {"gaussian", "salt-pepper"}
    assert both.level.sigma == pytest.approx(0.1, rel=0.06)
    assert sum(both.impulses.shares) == pytest.approx(0.05, rel=0.1)
    camera = inspect(corrupted(clouds(), "poisson:50+gaussian:0.05")).level
    assert (camera.kind, camera.strength) == ("poisson+gaussian", pytest.approx(50, rel=0.25))
    assert camera.steady == pytest.approx(0.05, rel=0.25)


@pytest.mark.parametrize("content", CONTENTS)
def test_images_of_different_levels_get_a_range(content: str) -> None:
    images = (CONTENTS[content]() * 4)[:60]
    found = inspect(corrupted(images, "gaussian:0.1-0.5"))
    assert found.differ
    assert "differ in their level" in said(found)
    low, high = map(float, found.noise.removeprefix("gaussian:").split("-"))
    assert 0.08 < low < 0.2
    assert 0.42 < high < 0.55


def test_clipped_noise_is_said_to_be_biased() -> None:
    assert "black pixels average 0.19" in said(inspect(corrupted(digits(), "gaussian:0.5")))
    assert "average" not in said(inspect(corrupted(digits(), "gaussian:0.5:unclipped")))
    assert inspect([ODD["saturated"]]).level.sigma == pytest.approx(20 / 255, rel=0.1)


def test_noise_that_neighbours_share() -> None:
    rng = np.random.default_rng(1)
    made = []
    for image in clouds():
        noise = gaussian_filter(rng.standard_normal(image.shape), (0.6, 1, 0))
        made.append(image + 0.1 * noise / noise.std())
    found = inspect(eight_bits(made))
    horizontal, vertical = found.level.correlation
    assert 0.6 < horizontal < 0.85
    assert 0.35 < vertical < 0.6
    assert found.level.sigma == pytest.approx(0.1, rel=0.15)
    assert "Neighbouring pixels share their noise" in said(found)
    made = parse(found.noise)
    assert isinstance(made, Correlated)
    assert (made.across, made.down) == (pytest.approx(1, rel=0.15), pytest.approx(0.6, rel=0.15))
    white = inspect(corrupted(clouds(), "gaussian:0.1"))
    assert max(map(abs, white.level.correlation)) < 0.08
    assert "Neighbouring" not in said(white)


@pytest.mark.parametrize(
    ("length", "margin"), [("0.5", 0.03), ("0.68", 0.03), ("0.68x0", 0.03), ("0.4x0.8", 0.03), ("1", 0.06)]
)
def test_level_and_correlation_of_noise_that_neighbours_share(length: str, margin: float) -> None:
    noise = f"correlated:0.1/{length}"
    truth, found = parse(noise), inspect(corrupted(clouds(), noise))
    assert isinstance(truth, Correlated)
    assert found.level.sigma == pytest.approx(0.1, rel=margin)
    for seen, blur in zip(found.level.correlation, (truth.across, truth.down), strict=True):
        assert seen == pytest.approx(neighbour_correlation(blur), abs=0.04)
    made = parse(found.noise)
    assert isinstance(made, Correlated)
    assert (made.down == 0) == (truth.down == 0)
    assert (made.across == made.down) == (truth.across == truth.down)


def test_noise_that_is_very_smooth_is_said_to_be_measured_too_low() -> None:
    assert "measured too low" in said(inspect(corrupted(clouds(), "correlated:0.1/1.5")))
    assert "measured too low" not in said(inspect(corrupted(clouds(), "correlated:0.1/0.68")))


def test_in_small_images_noise_that_neighbours_share_is_said_to_be_a_guess() -> None:
    assert "hardly more than a guess" in said(inspect(corrupted(digits(), "correlated:0.1/0.68")))
    assert "hardly more than a guess" not in said(inspect(corrupted(clouds(), "correlated:0.1/0.68")))


def test_rows_columns_and_waves() -> None:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:176, :160][..., None]
    white = [image + 0.05 * rng.standard_normal(image.shape) for image in clouds()]
    rows = [image + 0.03 * rng.standard_normal((176, 1, 1)) for image in white]
    wave = [image + 0.05 * np.sin(2 * np.pi * (0.8 * x + 0.6 * y) / 6) for image in white]
    found = inspect(eight_bits(rows))
    assert (found.rows, found.columns) == (pytest.approx(0.03, rel=0.2), 0)
    assert found.level.sigma == pytest.approx(0.05, rel=0.1)
    assert "Whole rows" in said(found)
    assert kinds(found.noise) == {"gaussian", "rows"}
    assert parse(found.noise).parts[1].sigma == pytest.approx(0.03, rel=0.2)
    turned = inspect([image.swapaxes(0, 1) for image in eight_bits(rows)])
    assert (turned.rows, turned.columns) == (0, pytest.approx(found.rows))
    found = inspect(eight_bits(wave))
    assert found.wave == (pytest.approx(0.05, rel=0.25), pytest.approx(6, rel=0.05))
    assert "regular pattern" in said(found)
    assert kinds(found.noise) == {"gaussian"}  # though a wave correlates neighbours
    assert found.level.sigma == pytest.approx(0.05, rel=0.06)
    plain = inspect(eight_bits(white))
    assert (plain.rows, plain.columns, plain.wave) == (0, 0, None)


@pytest.mark.parametrize("noise", ["gaussian:0.1", "poisson:30", "correlated:0.08/0.7", "gaussian:0.03+rows:0.03"])
def test_the_picture_shows_drawn_noise_like_the_real(noise: str) -> None:
    images = corrupted(clouds(), noise)
    curve, real, drawn = draw(inspect(images), images[1]).axes
    assert curve.get_xlabel() == "mean brightness"
    assert drawn.get_title().startswith(f"drawn: {noise.partition(':')[0]}:")
    shown = [np.asarray(axis.images[0].get_array()) for axis in (real, drawn)]
    assert shown[0].shape == shown[1].shape == (64, 64)
    assert shown[1].std() == pytest.approx(shown[0].std(), rel=0.15)
    assert shown[1].mean() == pytest.approx(shown[0].mean(), abs=0.05)
    clean = eight_bits(clouds())
    assert len(draw(inspect(clean), clean[0]).axes) == 1


def test_jpeg_blocks_are_noticed() -> None:
    made = []
    for image in corrupted(clouds(), "gaussian:0.05"):
        file = io.BytesIO()
        Image.fromarray(image[..., 0]).save(file, "JPEG", quality=40)
        made.append(np.asarray(Image.open(file)))
    assert "JPEG" in said(inspect(made))
    assert "JPEG" not in said(inspect(corrupted(clouds(), "gaussian:0.05")))


def test_twelve_bits_in_sixteen() -> None:
    noisy = [np.clip(image, 0, 1) for image in corrupted(clouds(), "gaussian:0.05:unclipped")]
    frames = [np.rint(4095 * image).astype(np.uint16) for image in noisy]
    found = inspect(frames)
    assert (found.values.bits, found.values.white) == (12, 4095)
    assert found.level.sigma == pytest.approx(0.05, rel=0.06)
    assert "found in the values: 0 to 4095" in said(found)
    struck = [np.where(RNG.random(frame.shape) < 0.05, np.uint16(4095), frame) for frame in frames]
    assert inspect(struck).impulses.shares == (0, pytest.approx(0.05, rel=0.1))
    shifted = inspect([frame << 4 for frame in frames]).values
    assert (shifted.bits, shifted.white, shifted.found) == (12, 65535, False)


@pytest.mark.parametrize(
    "noise", ["gaussian:0.05", "poisson:30", "speckle:0.2", "poisson:50+gaussian:0.05", "gaussian:0.05+rows:0.02"]
)
def test_the_noise_of_fewer_bits_as_training_reads_them(noise: str) -> None:
    """What it adds to clean images is what the noisy ones have, in the range that is found."""
    clean = [np.rint(4095 * (0.1 + 0.7 * image)).astype(np.uint16) for image in clouds()]
    noisy = [parse(noise)(image[None] / np.float32(4095), np.random.default_rng(1))[0] for image in clean]
    frames = [np.rint(4095 * image).astype(np.uint16) for image in noisy]
    found = inspect(frames)
    assert found.ranges == {"uint16": (0, 4095)}
    assert kinds(found.noise) == kinds(noise)
    image, frame = np.stack([to_unit(one) for one in clean]), np.stack([to_unit(one) for one in frames])
    drawn = parse(found.noise)(image, np.random.default_rng(2))
    for part in (image < 0.4, image > 0.56):
        assert (drawn - image)[part].std() == pytest.approx((frame - image)[part].std(), rel=0.06)


def test_floats_of_both_widths_have_one_range() -> None:
    counts = [5 * image for image in corrupted(clouds()[:2], "gaussian:0.05")]
    mixed = [counts[0].astype(np.float32), counts[1].astype(np.float64)]
    assert inspect(mixed).ranges == inspect([one.astype(np.float64) for one in mixed]).ranges
    assert inspect(mixed[::-1]).ranges == inspect(mixed).ranges


def test_clean_images_and_what_cannot_be_told() -> None:
    clean = inspect(eight_bits(clouds()))
    assert clean.clean
    assert training_commands(clean, ["my scans"]) == {"command": "pellucid train 'my scans' --noise gaussian:0.02-0.2"}
    for noise in ("poisson:20", "speckle:0.2"):
        assert inspect(corrupted(digits(), noise)).level.kind == "unclear"
    assert inspect(eight_bits(digits())).level.kind == "unclear"


def test_colour_alpha_and_types_make_no_difference() -> None:
    gray = corrupted(clouds()[:1], "gaussian:0.1")[0]
    gray.flags.writeable = False
    once = inspect([gray]).level
    assert inspect([gray[..., 0]]).level == once
    assert inspect([np.repeat(gray, 3, axis=2)]).level.sigma == pytest.approx(once.sigma, rel=0.03)
    assert inspect([np.dstack([gray, np.arange(gray.size).reshape(gray.shape).astype(np.uint8)])]).level == once
    assert inspect([gray / np.float32(255)]).level.sigma == pytest.approx(once.sigma, rel=0.03)


RNG = np.random.default_rng(0)
ODD = {
    "one pixel": np.full((1, 1), 7, np.uint8),
    "one value": np.full((64, 64, 3), 99, np.uint8),
    "black": np.zeros((64, 64), np.uint16),
    "tiny": RNG.integers(0, 255, (8, 8), dtype=np.uint8),
    "bits": RNG.random((50, 50)) < 0.3,
    "saturated": np.clip(250 + 20 * RNG.standard_normal((64, 64)), 0, 255).astype(np.uint8),
    "few patches": RNG.integers(0, 255, (10, 10), dtype=np.uint8),
    "steep": np.tile(np.arange(64, dtype=np.float32) / 64, (64, 1)),
    "ramp": np.mgrid[:200, :200][0].astype(np.uint8),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_images_get_a_report(name: str, command: Command, tmp_path: Path) -> None:
    np.save(tmp_path / "odd.npy", ODD[name])
    done = command("inspect", "odd.npy", "--json", "odd.json", "-o", "odd.svg")
    assert (done.returncode, done.stderr) == (0, "")
    whole = json.loads((tmp_path / "odd.json").read_text())
    parse(whole["noise"])
    assert f"--noise {whole['noise']}" in done.stdout
    assert (tmp_path / "odd.svg").stat().st_size > 1000


BAD = [
    (("empty",), "no images in empty"),
    (("nothing.png",), "No such file"),
    (("nan.npy",), "NaN"),
    (("broken.png",), "broken.png is not supported"),
    (("mnist",), "could not be downloaded"),
    (("noisy.png", "--limit", "-1"), "0 (all) or more"),
    (("noisy.png", "-o", "x.nonsense"), "x.nonsense"),
]


@pytest.mark.parametrize(("arguments", "reason"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_what_the_user_can_mend(arguments: tuple[str, ...], reason: str, command: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.png").write_bytes(b"no image")
    np.save(tmp_path / "nan.npy", np.full((30, 30), np.nan, np.float32))
    write_image(tmp_path / "noisy.png", RNG.integers(0, 255, (30, 30), dtype=np.uint8))
    done = command("inspect", *arguments)
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.startswith("pellucid: ")
    assert done.stderr.count("\n") == 1


def test_the_function_refuses_what_is_no_image() -> None:
    with pytest.raises(PellucidError, match="no images to inspect"):
        inspect([])
    with pytest.raises(PellucidError, match="image 2 has the shape"):
        inspect([np.zeros((20, 20)), np.zeros(5)])


def test_a_folder_of_all_sorts(command: Command, tmp_path: Path) -> None:
    images = corrupted(clouds(), "gaussian:0.1")
    write_image(tmp_path / "scans" / "a.png", images[0])
    write_image(tmp_path / "scans" / "b.tif", images[1])
    write_image(tmp_path / "scans" / "deep" / "c.png", images[2])
    np.save(tmp_path / "scans" / "stack.npy", np.stack(images)[..., 0])
    (tmp_path / "scans" / "broken.png").write_bytes(b"no image")
    done = command("inspect", "scans")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "broken.png" in done.stderr
    line = re.search("pellucid train CLEAN_IMAGES --noise gaussian:(.*)\n", done.stdout)
    assert line
    assert float(line[1]) == pytest.approx(0.1, rel=0.03)
    assert done.stdout.index("pellucid train --noisy scans\n") < line.start()
    done = command("inspect", "scans/a.png", "scans/stack.npy", "scans/deep", "-r", "--json", "found.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "found.json").read_text())["images"] == 6
    done = command("inspect", "scans/a.png", "scans/stack.npy", "--limit", 3)
    assert "2, 56,320 pixels" in done.stdout


@pytest.mark.real
@pytest.mark.parametrize(
    ("noise", "margin"),
    [
        ("gaussian:0.02", 0.15),
        ("gaussian:0.1", 0.06),
        ("gaussian:0.5", 0.06),
        ("poisson:50", 0.15),
        ("speckle:0.2", 0.08),
    ],
)
def test_natural_images(noise: str, margin: float, real: Path) -> None:
    images = [read_image(path)[..., None] / np.float32(255) for path in sorted((real / "set12").glob("*.png"))]
    found = inspect(corrupted(images, noise))
    assert kinds(found.noise) == kinds(noise)
    assert found.level.strength == pytest.approx(float(noise.split(":")[1]), rel=margin)


@pytest.mark.real
@pytest.mark.parametrize(
    ("noise", "sigma", "rows"),
    [("correlated:0.1/0.68", 0.1, 0), ("correlated:0.1/0.68x0", 0.1, 0), ("gaussian:0.05+rows:0.03", 0.05, 0.03)],
)
def test_natural_images_with_a_pattern(noise: str, sigma: float, rows: float, real: Path) -> None:
    images = [read_image(path)[..., None] / np.float32(255) for path in sorted((real / "set12").glob("*.png"))]
    found = inspect(corrupted(images, noise))
    assert kinds(found.noise) == kinds(noise)
    assert found.level.sigma == pytest.approx(sigma, rel=0.05)
    assert found.rows == pytest.approx(rows, rel=0.06)
