"""Pairs of clean and noisy images: who belongs to whom, and that no scene is parted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from pellucid.common.errors import PellucidError
from pellucid.datasets import Split, load
from pellucid.datasets.brightness import doubt, gains
from pellucid.datasets.matching import suggestion
from pellucid.datasets.pairs import PairedImages
from pellucid.images.formats import write_image

Folders = tuple[Path, Path]


def image(seed: int, size: tuple[int, ...] = (12, 10)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, size, dtype=np.uint8)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Eight scenes of three shots each: the clean image of a scene is the same every time."""
    for scene in range(8):
        for shot in range(3):
            write_image(tmp_path / "clean" / f"s{scene}" / f"{shot}.png", image(scene))
            write_image(tmp_path / "noisy" / f"s{scene}" / f"{shot}.png", image(100 + 10 * scene + shot))
    return tmp_path / "clean", tmp_path / "noisy"


def refused(clean: Path, noisy: Path, **options: str) -> str:
    with pytest.raises(PellucidError) as caught:
        load(clean, noisy=noisy, **options)
    return str(caught.value)


def parts(split: Split) -> list[PairedImages]:
    found = [split.train, split.validation, split.test]
    assert all(isinstance(part, PairedImages) for part in found)
    return found  # type: ignore[return-value]


def scenes(split: Split) -> list[set[bytes]]:
    return [{part.clean[index].tobytes() for index in range(len(part))} for part in parts(split)]


def test_files_of_one_name_belong_together_whatever_their_ending(folders: Folders) -> None:
    clean, noisy = folders
    for shot in range(3):
        (noisy / "s3" / f"{shot}.png").unlink()
        write_image(noisy / "s3" / f"{shot}.tif", image(130 + shot))
    split = load(clean, noisy=noisy)
    assert split.channels == 1
    wanted = {(scene, shot): image(100 + 10 * scene + shot) for scene in range(8) for shot in range(3)}
    seen = set()
    for part in parts(split):
        for index in range(len(part)):
            pair = np.rint(part[index] * 255).astype(np.uint8)
            assert pair.shape == (12, 10, 2)
            (which,) = (key for key, noise in wanted.items() if np.array_equal(noise, pair[..., 1]))
            assert np.array_equal(pair[..., 0], image(which[0]))
            seen.add(which)
    assert seen == set(wanted)


@pytest.mark.parametrize("seed", range(5))
def test_equal_clean_images_are_never_parted(folders: Folders, seed: int) -> None:
    split = load(folders[0], noisy=folders[1], seed=seed)
    train, validation, test = scenes(split)
    assert len(train) + len(validation) + len(test) == 8
    assert train.isdisjoint(validation | test)
    assert validation.isdisjoint(test)
    assert len(split.training_part) == len(split.train) + len(split.validation)
    assert len(split.test) == len(split.validation) == 3


def test_a_group_in_the_names_is_never_parted(tmp_path: Path) -> None:
    for index in range(12):
        for side in ("clean", "noisy"):
            write_image(tmp_path / side / f"page{index // 3}-{index}.png", image(index + 50 * (side == "noisy")))
    for group in (r"page(\d)-", r"page\d"):
        split = load(tmp_path / "clean", noisy=tmp_path / "noisy", group=group)
        held = [{name[0] for name in names(part)} for part in parts(split)]
        assert sum(map(len, held)) == 4
    assert "not a regular expression" in refused(tmp_path / "clean", tmp_path / "noisy", group="(")
    assert "not found in 9 of 12 names: page1-3, page1-4" in refused(
        tmp_path / "clean", tmp_path / "noisy", group="page0"
    )
    assert "1 different scene(s); expected at least 3" in refused(tmp_path / "clean", tmp_path / "noisy", group="page")
    with pytest.raises(PellucidError, match="Give noisy images too"):
        load(tmp_path / "clean", group="page")


def names(part: PairedImages) -> list[str]:
    return [path.stem.removeprefix("page") for path in part.clean.paths]  # type: ignore[attr-defined]


def test_given_parts_are_kept_and_a_scene_in_two_of_them_is_refused(folders: Folders, tmp_path: Path) -> None:
    for side in folders:
        for scene, part in enumerate(("train", "train", "training", "val", "test", "test")):
            (side / f"s{scene}").rename(side / f"{part}-{scene}")
            (side / part).mkdir(exist_ok=True)
            (side / f"{part}-{scene}").rename(side / part / f"s{scene}")
    split = load(folders[0], noisy=folders[1])
    assert [len(part) for part in parts(split)] == [9, 3, 6]
    write_image(folders[0] / "train" / "again.png", image(4))
    write_image(folders[1] / "train" / "again.png", image(1))
    said = refused(*folders)
    assert "the same scene lies in two parts" in said
    assert "test/s4/0 and train/again" in said


def test_what_does_not_fit_is_named(folders: Folders, tmp_path: Path) -> None:
    clean, noisy = folders
    assert "are the same" in refused(clean, clean)
    assert "lies inside" in refused(clean, tmp_path)
    assert "does not exist" in refused(clean, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "no images in" in refused(clean, tmp_path / "empty")
    assert "two folders of images, two .npy" in refused(clean, noisy / "s1" / "0.png")
    for shot in range(3):
        write_image(noisy / "s1" / f"{shot}.png", image(1, (12, 11)))
    write_image(noisy / "s2" / "1.png", image(2, (12, 10, 3)))
    said = refused(*folders)
    assert "4 of 24 pairs differ in size or channels: s1/0 (10x12 gray clean, 11x12 gray noisy)" in said
    assert said.count("s1/") == 3
    assert "and 1 more" in said
    write_image(noisy / "s2" / "1.tif", image(2))
    assert "s2/1 more than once" in refused(*folders)
    for index in (0, 1):
        (noisy / "s2" / f"{index}.png").unlink()
    (clean / "s7" / "2.png").unlink()
    said = refused(*folders)
    assert "2 of 46 images lack" in said
    assert "s2/0.png has no partner" in said
    assert "s7/2.png has no partner" in said


def test_two_arrays_are_pairs_as_well(tmp_path: Path) -> None:
    clean = np.stack([image(index // 2) for index in range(20)])
    np.save(tmp_path / "clean.npy", clean)
    np.save(tmp_path / "noisy.npy", clean // 2)
    split = load(tmp_path / "clean.npy", noisy=tmp_path / "noisy.npy")
    assert sum(map(len, scenes(split))) == 10
    pair = np.rint(split.test[0] * 255).astype(np.uint8)
    np.testing.assert_array_equal(pair[..., 1], pair[..., 0] // 2)
    np.save(tmp_path / "noisy.npy", clean[:-1])
    assert "one shape; got (20, 12, 10) clean and (19, 12, 10) noisy" in refused(
        tmp_path / "clean.npy", tmp_path / "noisy.npy"
    )
    np.save(tmp_path / "noisy.npy", clean)
    assert "arrays have none" in refused(tmp_path / "clean.npy", tmp_path / "noisy.npy", group="x")


def pairs(gain: float, offset: float, sigma: float) -> Split:
    rng = np.random.default_rng(0)
    clean = rng.random((30, 16, 16)).cumsum(axis=2).astype(np.float32) / 20
    noisy = (gain * clean + offset + sigma * rng.standard_normal(clean.shape)).astype(np.float32)
    from pellucid.datasets import ArrayImages

    both = PairedImages(ArrayImages(clean), ArrayImages(noisy))
    return Split("pairs", both, both, both, both, "", "")


def test_another_brightness_or_contrast_is_found_and_noise_alone_is_not() -> None:
    slopes, offsets = gains(pairs(0.7, 0.1, 0.1).train)  # type: ignore[arg-type]
    assert np.median(slopes) == pytest.approx(0.7, abs=0.02)
    assert np.median(offsets) == pytest.approx(0.1, abs=0.02)
    assert doubt(pairs(1, 0, 0.2)) == []
    assert "about 0.70 x clean + 0.10" in doubt(pairs(0.7, 0.1, 0.1))[0]
    assert len(doubt(pairs(1, 0.2, 0.1))) == 1


def test_a_pair_of_image_files_is_split_by_place(tmp_path: Path) -> None:
    clean = np.random.default_rng(0).integers(0, 200, (40, 240), dtype=np.uint8)
    write_image(tmp_path / "clean.png", clean)
    write_image(tmp_path / "noisy.png", clean + 9)
    split = load(tmp_path / "clean.png", noisy=tmp_path / "noisy.png")
    assert "1 pair(s), split by place" in split.about
    for part in (split.train, split.validation, split.test):
        clean_part, noisy_part = np.split(np.rint(255 * part[0]), 2, axis=2)
        assert np.array_equal(noisy_part, clean_part + 9)
    write_image(tmp_path / "other.png", clean[:, :200])
    assert "differ in size" in refused(tmp_path / "clean.png", tmp_path / "other.png")


def test_names_are_matched_by_an_expression_which_the_refusal_suggests(tmp_path: Path) -> None:
    for number in range(6):
        write_image(tmp_path / "clean" / f"clean_{number}.png", image(number))
        write_image(tmp_path / "noisy" / f"noisy_{number}.tif", image(50 + number))
    said = refused(tmp_path / "clean", tmp_path / "noisy")
    assert said.endswith("Match them by '^(?:clean_|noisy_)(.+)$'.")
    split = load(tmp_path / "clean", noisy=tmp_path / "noisy", match="^(?:clean_|noisy_)(.+)$")
    for part in parts(split):
        clean, noisy = np.moveaxis(np.rint(255 * part[0]), 2, 0)
        number = next(number for number in range(6) if np.array_equal(clean, image(number)))
        assert np.array_equal(noisy, image(50 + number))
    assert "is not found in" in refused(tmp_path / "clean", tmp_path / "noisy", match="x")
    assert "more than once, by what is matched" in refused(tmp_path / "clean", tmp_path / "noisy", match="_")
    with pytest.raises(PellucidError, match="takes pairs"):
        load(tmp_path / "clean", match="_")


@pytest.mark.parametrize(
    ("clean", "noisy", "expected"),
    [
        (["a", "b"], ["noisy_a", "noisy_b"], "^(?:noisy_)?(.+)$"),
        (["1-GT", "2-GT"], ["1-IN", "2-IN"], "^(.+?)(?:\\-GT|\\-IN)$"),
        (["img1", "img2"], ["img_noisy1", "img_noisy2"], "^(?:img_noisy|img)(.+)$"),
        (["a", "b"], ["c", "d"], None),
    ],
)
def test_suggested_expressions(clean: list[str], noisy: list[str], expected: str | None) -> None:
    assert suggestion(clean, noisy) == expected


def test_gray_saved_in_colour_is_gray_beside_a_gray_partner(tmp_path: Path) -> None:
    for number in range(6):
        write_image(tmp_path / "clean" / f"{number}.png", image(number))
        write_image(tmp_path / "noisy" / f"{number}.png", np.stack([image(50 + number)] * 3, axis=2))
    split = load(tmp_path / "clean", noisy=tmp_path / "noisy")
    assert split.channels == 1
    assert split.notes == ("6 images in colour are taken as gray, as their partners: their channels are equal",)
    assert split.train[0].shape == (12, 10, 2)


def test_a_kind_of_number_has_one_range_in_all_files_and_constant_images_are_said(tmp_path: Path) -> None:
    for number in range(6):
        dtype = np.float32 if number % 2 else np.float64
        tifffile.imwrite(tmp_path / f"{number}.tif", (image(number) * (0.5 if number % 2 else 9.0)).astype(dtype))
    write_image(tmp_path / "one.png", np.full((12, 10), 7, np.uint8))
    split = load(tmp_path)
    assert split.train.ranges["float"][1] > 9 * 240
    assert "of one value throughout, so nothing can be learned from them: 1 images" in split.notes
