"""Progress where no terminal is: plain lines."""

from __future__ import annotations

import time

import pytest

from pellucid.common import progress


@pytest.mark.parametrize(
    ("seconds", "rate"),
    [(0.001, "2,000 images/s"), (0.1, "20 images/s"), (0.7, "2.9 images/s"), (60, "0.033 images/s")],
)
def test_slow_work_is_not_no_work(
    seconds: float, rate: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with progress("denoising", 2, "images") as report:
        now[0] += seconds
        report(2, "done")
    assert capsys.readouterr().err == f"denoising: 2/2 images, {rate}, 0 s left, done\n"
