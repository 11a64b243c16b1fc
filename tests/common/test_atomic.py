"""Files that appear whole or not at all, wherever that is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.common import PellucidError, atomic, write_json, write_text


def test_where_folders_cannot_be_opened_files_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows."""
    real = os.open

    def files_only(path: Any, *arguments: Any, **options: Any) -> int:
        if Path(path).is_dir():
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", files_only)
    write_text(tmp_path / "new" / "text.txt", "one\n")
    write_text(tmp_path / "new" / "text.txt", "two\n")
    assert (tmp_path / "new" / "text.txt").read_text() == "two\n"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["text.txt"]


def test_a_file_that_could_not_be_written_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("old")

    def write_half() -> None:
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(PellucidError, match=r"cannot write .*text\.txt: No space left on device"):
        write_half()
    assert [one.name for one in tmp_path.iterdir()] == ["text.txt"]
    assert path.read_text() == "old"


def write_folder(path: Path, name: str) -> None:
    with atomic(path) as temporary:
        (temporary / "deep").mkdir(parents=True)
        (temporary / "deep" / name).write_text(name)


def test_a_folder_appears_whole_and_takes_the_place_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("old", "new"):
        write_folder(tmp_path / "a", name)
        assert [path.name for path in (tmp_path / "a" / "deep").iterdir()] == [name]
    rename = Path.rename

    def fails(path: Path, target: Path) -> Path:
        if path.name.startswith(".") and (path / "deep" / "newest").exists():
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(PellucidError, match=r"cannot write .*a: Input/output error"):
        write_folder(tmp_path / "a", "newest")
    assert [path.name for path in (tmp_path / "a" / "deep").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_numbers_that_are_not_finite_are_null_in_json(tmp_path: Path) -> None:
    wild = {"list": [float("nan"), {"deep": float("-inf")}], "pair": (np.float64("inf"), 2)}
    values = {"one": 1.5, "text": "NaN", **wild}
    write_json(tmp_path / "values.json", values)
    text = (tmp_path / "values.json").read_text()
    assert json.loads(text) == {"one": 1.5, "text": "NaN", "list": [None, {"deep": None}], "pair": [None, 2]}
    assert text.startswith('{\n  "one": 1.5,\n')
    assert text.endswith("}\n")
