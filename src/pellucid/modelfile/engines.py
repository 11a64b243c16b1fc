"""What runs a model file's graph: ONNX Runtime, or OpenVINO where it is installed.

An engine takes the file's content, already checked, and a number of threads (0: the engine's choice), and gives a
function from float32 NCHW to float32 NCHW that several threads may call at once.

ONNX Runtime is the default. It opens a model and denoises a first image in 0.05 s where OpenVINO takes 0.25 s, and a
size not seen before costs it nothing where OpenVINO generates code for 15 ms. An image's result is the same to the bit
in every batch; OpenVINO's differs by up to 2e-7 on several threads. Which of them is faster depends on the processor:
on an AMD EPYC (Zen 4) ONNX Runtime was, by 1.1 to 2.6 times (`benchmarks/engines.py`).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, unknown

Array = NDArray[np.float32]
RunBatch = Callable[[Array], Array]
"""From a batch to its results, as a graph, or the network it was written from, computes them."""

Load = Callable[[bytes, int], RunBatch]

AUTO = "auto"


@dataclass(frozen=True)
class Session:
    """A loaded graph: the name of the engine that holds it, and the function with which that runs it."""

    engine: str
    function: RunBatch

    def run(self, images: Array) -> Array:
        """Run the graph on float32 NCHW images.

        Raises
        ------
        PellucidError
            If a result is not a finite number: weights can be so large that sums overflow.
        """
        result = self.function(images)
        if not np.isfinite(result).all():
            raise PellucidError("the model's result holds values that are not finite numbers. Train it anew.")
        return result


def choose(engine: str = AUTO, threads: int = 0) -> Callable[[bytes], Session]:
    """Return the function that loads a model file's content into an engine; `safety.check` comes before.

    Raises
    ------
    PellucidError
        If there is no engine of that name or it is not installed. The function that is returned raises one, too, if
        the engine does not take the file; that one's text completes "the file ...".
    """
    name = "onnxruntime" if engine == AUTO else engine
    if name not in ENGINES:
        raise unknown("engine", name, [AUTO, *ENGINES])
    if threads < 0:
        raise PellucidError(f"threads must be 0 (the engine's choice) or more; got {threads}.")
    if find_spec(name) is None:
        raise PellucidError(f'the engine {name} is not installed. Install it: pip install "pellucid[{name}]".')

    def load(content: bytes) -> Session:
        try:
            return Session(name, ENGINES[name](content, threads))
        except Exception as error:  # the engines' errors have no common class
            raise PellucidError(f"is not taken by {name}: {str(error)[:300]}") from error

    return load


def load_onnxruntime(content: bytes, threads: int = 0, max_memory: int = 0) -> RunBatch:
    """Let ONNX Runtime load a graph of one input and one output.

    Parameters
    ----------
    content : of the file, already checked
    threads : 0 is one per core
    max_memory : bytes that all graphs loaded with such a bound may use in this process; 0 sets no bound
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what matters is raised
    # Measured on images of 1024x1024: planning the memory of every size seen takes two thirds more of it and gains no
    # time; without the arena, fresh pages from the system take twice to three times as long.
    options.enable_mem_pattern = False
    left_out = []
    if max_memory:
        # All its memory then comes from one pool of that size; but constants are folded outside of it, at loading.
        options.add_session_config_entry("session.use_env_allocators", "1")
        place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
        ort.create_and_register_allocator(place, ort.OrtArenaCfg({"max_mem": max_memory}))
        left_out = ["ConstantFolding"]
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"], disabled_optimizers=left_out)
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})[0]


def _openvino(content: bytes, threads: int) -> RunBatch:
    ov = _silent_openvino()
    # Without the first, a processor that has bfloat16 would use it; the second runs one image on all threads.
    settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    core = ov.Core()
    model = core.compile_model(core.read_model(content), "CPU", settings)
    mine = threading.local()  # a request serves one caller at a time

    def run(images: Array) -> Array:
        if not hasattr(mine, "request"):
            mine.request = model.create_infer_request()
        result: Array = mine.request.infer([images], share_inputs=True)[0]
        return result

    return run


def _silent_openvino() -> Any:
    """Import OpenVINO without its telemetry, which would tell Google Analytics of it, from a forked process.

    With that package out of sight, OpenVINO takes its own stub instead. A program that has imported OpenVINO before has
    settled this itself.
    """
    hidden = "openvino_telemetry"
    if {"openvino", hidden} & sys.modules.keys():
        return import_module("openvino")
    modules: dict[str, Any] = sys.modules
    modules[hidden] = None
    try:
        return import_module("openvino")
    finally:
        del modules[hidden]


ENGINES: dict[str, Load] = {"onnxruntime": load_onnxruntime, "openvino": _openvino}
"""Every engine by its name, which is also that of its package; the optional ones are extras of the same name."""
