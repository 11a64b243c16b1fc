"""The tutorial's commands and Python examples run, on less data; the README's commands exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from conftest import REAL, Command

pytestmark = [pytest.mark.keras, pytest.mark.one_backend]

ROOT = Path(__file__).parents[2]
SMALLER = {
    "train": ["--limit", "300", "--epochs", "1"],
    "evaluate": ["--limit", "20"],
}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[list[str]]:
    lines = [line for block in blocks(page, "sh") for line in block.splitlines() if line.startswith("pellucid ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


@pytest.mark.usefixtures("few_digits")
def test_the_tutorials_commands_and_examples_run(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ROOT / "docs" / "tutorial.md"
    found = commands(page)
    assert {words[0] for words in found} >= {"data", "show", "summary", "train", "evaluate", "denoise"}
    known = (REAL / "mnist").is_dir()
    if known:
        monkeypatch.setenv("PELLUCID_DATA", str(REAL.resolve()))
    for words in found:
        here = words if known else [word.replace("mnist", "strokes") for word in words]
        done = command(*here, *SMALLER.get(words[0], []))
        assert done.returncode == 0, (words, done.stderr)
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), {})


def test_both_languages_have_the_same_commands_and_examples() -> None:
    def code(page: str) -> list[str]:
        return [re.sub(r"\s*#.*", "", block) for block in blocks(ROOT / page, "python")]

    for english, chinese in (("README.md", "README.zh-CN.md"), ("docs/tutorial.md", "docs/tutorial.zh-CN.md")):
        assert commands(ROOT / english) == commands(ROOT / chinese)
        assert blocks(ROOT / english, "sh") != []
        assert code(english) == code(chinese)


def test_the_readme_names_commands_and_options_that_exist() -> None:
    from pellucid.cli.main import make_parser

    for words in commands(ROOT / "README.md"):
        make_parser("0", words[0]).parse_args(words)


def test_no_page_has_a_dead_link() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)
