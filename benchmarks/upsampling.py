"""Which exact form of "upsample, then convolve" runs fastest: python benchmarks/upsampling.py [--threads N].

Three graphs of the tutorial's network with the same weights: nearest x2 and a 3x3 convolution; the two as one 4x4
transposed convolution of stride 2; the two as one convolution at low resolution, one output per channel and phase, and
DepthToSpace. All are compiled in one process and timed in turn (A B C A B C ...), so that whatever else the machine
does falls on all alike; a row gives the median of the rounds' ratios to the first form.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pellucid.modelfile.engines import ENGINES
from pellucid.modelfile.export import UNFOLD

Array = NDArray[np.float32]
WIDTH = 32
FORMS = ("resize + conv 3x3", "conv-transpose 4x4", "conv + depth-to-space")
CASES = ((128, 28), (1, 28), (1, 512))


def phases(kernel: NDArray[Any]) -> NDArray[Any]:
    """The 3x3 kernels (4 phases * out, in, 3, 3) whose outputs, interleaved, equal a 4x4 stride-2 transposed one's.

    `kernel` is (out, in, 4, 4). Row p of a pair of output rows sees input row y + d through row p - 2 d + 1.
    """
    filters, inputs = kernel.shape[:2]
    result = np.zeros((2, 2, filters, inputs, 3, 3))
    for p, d in ((0, -1), (0, 0), (1, 0), (1, 1)):
        for q, e in ((0, -1), (0, 0), (1, 0), (1, 1)):
            result[p, q, :, :, d + 1, e + 1] = kernel[:, :, p - 2 * d + 1, q - 2 * e + 1]
    return result.reshape(4 * filters, inputs, 3, 3)


def classic(form: str) -> bytes:
    """The tutorial's network as an ONNX file, its two upsampled convolutions in one of three forms."""
    rng = np.random.default_rng(0)
    nodes, weights = [], []

    def weight(values: Array) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), f"w{len(weights)}"))
        return weights[-1].name

    def add(kind: str, inputs: list[str], **attributes: object) -> str:
        nodes.append(helper.make_node(kind, inputs, [f"t{len(nodes)}"], **attributes))
        return f"t{len(nodes) - 1}"

    def conv(x: str, kernel: Array, bias: Array, activation: str, kind: str = "Conv", **attributes: object) -> str:
        x = add(kind, [x, weight(kernel), weight(bias)], **attributes)
        return add(activation, [x])

    def drawn(filters: int, inputs: int) -> tuple[Array, Array]:
        scale = np.sqrt(2 / (9 * inputs))
        return rng.normal(0, scale, (filters, inputs, 3, 3)).astype(np.float32), rng.normal(0, 0.1, filters)

    def upsampled(x: str, kernel: Array, bias: Array, activation: str) -> str:
        if form == FORMS[0]:
            scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), f"scales{len(nodes)}")
            weights.append(scales)
            x = add("Resize", [x, "", scales.name], mode="nearest", coordinate_transformation_mode="asymmetric",
                    nearest_mode="floor")  # fmt: skip
            return conv(x, kernel, bias, activation, pads=[1] * 4)
        folded = np.einsum("ai,bj,ocij->ocab", UNFOLD, UNFOLD, kernel)
        if form == FORMS[1]:
            return conv(x, folded.swapaxes(0, 1), bias, activation, "ConvTranspose", strides=[2, 2], pads=[1] * 4)
        x = conv(x, phases(folded), np.tile(bias, 4), activation, pads=[1] * 4)
        return add("DepthToSpace", [x], blocksize=2)

    x = "noisy"
    for inputs in (1, WIDTH):
        x = conv(x, *drawn(WIDTH, inputs), "Relu", pads=[1] * 4)
        x = add("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = conv(x, *drawn(WIDTH, WIDTH), "Relu", pads=[1] * 4)
    x = upsampled(x, *drawn(WIDTH, WIDTH), "Relu")
    x = upsampled(x, *drawn(1, WIDTH), "Sigmoid")
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 1, "h", "w"]) for n in ("noisy", x)]
    graph = helper.make_graph(nodes, "classic", ports[:1], ports[1:], weights)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(proto)
    return proto.SerializeToString()


def seconds(run: Callable[[Array], Array], images: Array, least: float = 0.3) -> float:
    """Seconds per call, over at least `least` seconds."""
    calls, begin = 0, time.perf_counter()
    while (spent := time.perf_counter() - begin) < least:
        run(images)
        calls += 1
    return spent / calls


def main() -> None:
    """Print one table per engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    files = {form: classic(form) for form in FORMS}
    print(f"{options.threads} threads; images/s (median), ratio to the first form (median of {options.rounds} rounds)")
    for engine, make in ENGINES.items():
        runs = {form: make(content, options.threads) for form, content in files.items()}
        for count, side in CASES:
            images = np.random.default_rng(1).random((count, 1, side, side), dtype=np.float32)
            results = [run(images) for run in runs.values()]
            worst = max(float(np.abs(one - results[0]).max()) for one in results)
            rounds = [{form: seconds(run, images) for form, run in runs.items()} for _ in range(options.rounds)]
            print(f"\n{engine}, {count} x {side}x{side}; the forms differ by at most {worst:.1g}")
            for form in FORMS:
                rate = count / statistics.median(one[form] for one in rounds)
                ratio = statistics.median(one[FORMS[0]] / one[form] for one in rounds)
                print(f"    {form:24}{rate:12,.1f}{ratio:8.2f}")


if __name__ == "__main__":
    main()
