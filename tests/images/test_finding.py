"""Which files a folder, a name or a pattern stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.common import PellucidError
from pellucid.images import find_images


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Images on two levels, hidden ones, other files, and links within and out of the folder."""
    for name in (
        "in/b.png",
        "in/a.TIF",
        "in/.hidden.png",
        "in/.cache/c.png",
        "in/deep/a.png",
        "in/text.txt",
        "out/x.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"not looked into")
    (tmp_path / "in" / "away.png").symlink_to(tmp_path / "out" / "x.png")
    (tmp_path / "in" / "kept.png").symlink_to(tmp_path / "in" / "b.png")
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "out")
    return tmp_path / "in"


def below(found: dict[Path, Path]) -> list[str]:
    return [path.as_posix() for path in found.values()]


def test_one_set_of_rules(tree: Path) -> None:
    assert below(find_images(tree)) == ["a.TIF", "b.png", "kept.png"]
    assert below(find_images(tree, recursive=True)) == ["a.TIF", "b.png", "deep/a.png", "kept.png"]
    assert list(find_images(tree)) == [tree / "a.TIF", tree / "b.png", tree / "kept.png"]


def test_a_name_is_taken_as_it_is(tree: Path) -> None:
    assert find_images(tree / "away.png") == {tree / "away.png": Path("away.png")}
    assert find_images("nowhere.png") == {Path("nowhere.png"): Path("nowhere.png")}


def test_a_pattern_finds_every_file_once(tree: Path) -> None:
    assert below(find_images(f"{tree}/*.png")) == ["away.png", "b.png", "kept.png"]
    assert below(find_images(f"{tree}/d*")) == ["a.png"]
    everything = find_images(f"{tree}/**", recursive=True)
    assert list(everything) == sorted(everything)
    assert everything[tree / "deep" / "a.png"] == Path("deep/a.png")


def test_nothing_is_said_with_what_was_left_out(tree: Path) -> None:
    with pytest.raises(PellucidError, match="nothing matches the pattern"):
        find_images(f"{tree}/*.bmp")
    (tree / "only").mkdir()
    with pytest.raises(PellucidError, match=r"no images in .*only"):
        find_images(tree / "only")
    (tree / "only" / "x.png").symlink_to(tree / "b.png")
    with pytest.raises(PellucidError, match="links that lead out of it were left out"):
        find_images(tree / "only", recursive=True)
