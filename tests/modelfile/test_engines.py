"""Engines: chosen by name, told apart, and alike in what they answer."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pellucid.common.errors import PellucidError
from pellucid.inference.denoiser import Denoiser
from pellucid.modelfile import engines
from pellucid.modelfile.engines import ENGINES

VALID = Path(__file__).parent / "corpus" / "valid.onnx"


@pytest.mark.parametrize("engine", ENGINES)
def test_the_engine_is_told(engine: str) -> None:
    denoiser = Denoiser(VALID, engine=engine)
    assert denoiser.engine == engine
    assert f"run by {engine}" in repr(denoiser)


def test_auto_is_onnx_runtime() -> None:
    assert Denoiser(VALID).engine == "onnxruntime"


@pytest.mark.parametrize("engine", ENGINES)
def test_an_image_has_the_same_result_in_every_batch(engine: str) -> None:
    tolerance = {"onnxruntime": 0, "openvino": 5e-7}[engine]  # OpenVINO is exact on one thread only
    denoiser = Denoiser(VALID, engine=engine)
    images = np.random.default_rng(0).random((7, 28, 36, 1), dtype=np.float32)
    whole = denoiser.batch(images)
    for count in (1, 2, 5):
        np.testing.assert_allclose(denoiser.batch(images[:count]), whole[:count], rtol=0, atol=tolerance)
    denoiser.batch(images[:, ::-1])
    np.testing.assert_array_equal(denoiser.batch(images), whole)  # and an answer does not lie in memory used again


@pytest.mark.parametrize("engine", ENGINES)
def test_threads_can_share_a_denoiser(engine: str) -> None:
    denoiser = Denoiser(VALID, threads=1, engine=engine)
    images = np.random.default_rng(0).random((40, 1, 64, 64, 1), dtype=np.float32)
    alone = [denoiser.batch(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        np.testing.assert_array_equal(list(pool.map(denoiser.batch, images)), alone)


def test_an_engine_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(PellucidError, match=r'pip install "pellucid\[openvino\]"'):
        Denoiser(VALID, engine="openvino")


def test_an_unknown_engine_names_the_nearest() -> None:
    with pytest.raises(PellucidError, match="Did you mean 'openvino'"):
        Denoiser(VALID, engine="openvin")


def test_threads_are_0_or_more() -> None:
    with pytest.raises(PellucidError, match="got -1"):
        Denoiser(VALID, threads=-1)


def test_openvino_tells_nobody(tmp_path: Path) -> None:
    """Left alone, `import openvino` forks a process that writes to Google Analytics, and leaves a file at home."""
    code = (
        "import os, sys, time; from pellucid import Denoiser\n"
        "os.register_at_fork(before=lambda: print('fork', flush=True))\n"
        "Denoiser(sys.argv[1], engine='openvino'); time.sleep(0.5)\n"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry')])"
    )
    command = [sys.executable, "-c", code, str(VALID)]
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "[]\n"
    assert not list(tmp_path.iterdir())


BUSY_THREADS = """
import os, sys, time, numpy as np
from pathlib import Path
from pellucid import Denoiser
denoiser = Denoiser(sys.argv[1], threads=int(sys.argv[2]), engine=sys.argv[3])
images = np.zeros((1, 512, 512, 1), np.float32)
denoiser.batch(images)
def spent():
    return {task.name: int((task / "stat").read_text().split()[13]) for task in Path("/proc/self/task").iterdir()}
before, end = spent(), time.monotonic() + 1
while time.monotonic() < end:
    denoiser.batch(images)
print(sum(ticks - before.get(name, 0) >= 5 for name, ticks in spent().items()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
@pytest.mark.parametrize(("threads", "busy"), [(1, {1}), (3, {2, 3, 4})])  # the caller's may come on top
@pytest.mark.parametrize("engine", ENGINES)
def test_no_more_threads_work_than_were_asked_for(engine: str, threads: int, busy: set[int]) -> None:
    command = [sys.executable, "-c", BUSY_THREADS, str(VALID), str(threads), engine]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) in busy
