from __future__ import annotations

from pathlib import Path

import pytest

import pellucid


def test_the_public_index_is_small_and_every_name_is_there() -> None:
    assert len(pellucid.__all__) <= 12
    assert dir(pellucid) == pellucid.__all__
    for name in pellucid.__all__:
        assert getattr(pellucid, name).__doc__
    with pytest.raises(AttributeError, match="nonsense"):
        pellucid.nonsense  # noqa: B018


def test_evaluate_stays_a_function_after_use(trained: tuple[Path, str], digits: Path) -> None:
    denoiser = pellucid.Denoiser(trained[0])
    split = pellucid.load(digits)
    scores = pellucid.evaluate({"mine": denoiser}, split.test, "gaussian:0.5", limit=10)
    assert [scored.name for scored in scores] == ["noisy", "mine"]
    assert scores[1].psnr.shape == (10,)
    assert scores[1].psnr.mean() > scores[0].psnr.mean() + 3
    assert callable(pellucid.evaluate)


def test_nothing_is_left_undone() -> None:
    for path in Path(pellucid.__file__).parent.rglob("*.py"):
        text = path.read_text()
        assert "TODO" not in text
        assert "FIXME" not in text
