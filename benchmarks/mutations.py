"""Valid model files and their mutants, for `fuzz_models`.

Bits, bytes and slices of a file are changed and, through `onnx`, operators, attributes, dimensions, weights, names and
the card.
"""

from __future__ import annotations

import copy
import json
import random
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def valid_files() -> list[bytes]:
    """Small files of every network, gray and colour, as training would write them."""
    from pellucid.modelfile.card import Card
    from pellucid.modelfile.export import to_onnx
    from pellucid.modelfile.file import write
    from pellucid.networks.keras import require_keras
    from pellucid.networks.registry import build

    require_keras().utils.set_random_seed(0)
    files = []
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in (("classic", {"width": 2}), ("swift", {"widths": (2, 3), "depth": 1})):
            for channels in (1, 3):
                usual = {"mean": (0.1, 0.2, 0.3)}
                card = Card(name, channels, 4, 30, "gaussian:0.5", "nothing", "2026-01-01", statistics=usual)
                path = Path(folder) / "model.onnx"
                write(path, to_onnx(build(name, channels, **arguments), channels), card)
                files.append(path.read_bytes())
    return files


ODD_NUMBERS = (0, 1, -1, 2, 3, 4, 5, 7, 16, 63, 64, 65, 255, 256, 1000, 65536, 2**31 - 1, 2**31, 2**32, -(2**31), 2**62,
               2**63 - 1, -(2**63))  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (None, True, "", "x" * 10_000, "\x1b[2J", [], {}, [0, 1], 1.5, float("nan"), 1e308,
                               10**400, {"a": {}}, *ODD_NUMBERS)  # fmt: skip
OPERATORS = ("Conv", "ConvTranspose", "MaxPool", "AveragePool", "Relu", "Sigmoid", "Tanh", "Add", "Sub", "Mul",
             "Concat", "Div", "Resize", "Upsample", "Tile", "Expand", "Pad", "Loop", "If", "Scan", "Range",
             "ConstantOfShape", "Reshape", "DepthToSpace", "SpaceToDepth", "Identity", "QLinearConv", "X")  # fmt: skip
ATTRIBUTES = ("pads", "strides", "kernel_shape", "group", "dilations", "auto_pad", "output_shape", "ceil_mode", "axis",
              "output_padding", "body", "value")  # fmt: skip


def mutate_bytes(content: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """Change bits, bytes or slices, one to three times."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = data or bytearray(1)
        here, there = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
        near = min(there, here + rng.randrange(1, 40))
        other = rng.choice(others)
        begin = rng.randrange(len(other))
        match rng.randrange(8):
            case 0:
                for _ in range(rng.choice((1, 2, 8))):
                    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            case 1:
                data[here:near] = rng.randbytes(near - here)
            case 2:
                del data[here:]
            case 3:
                del data[here:near]
            case 4:
                data[here:here] = data[here:near] * rng.choice((1, 2, 100))
            case 5:
                data[here:near] = other[begin : begin + rng.randrange(1, 400)]
            case 6:
                data[here:here] = b"\xff" * rng.choice((1, 5, 9, 10, 11)) + b"\x01"
            case _:
                data[here : here + 4] = struct.pack("<i", rng.choice((0, -1, 2**31 - 1, 127, 128)))
    return bytes(data)


def mutate_fields(content: bytes, rng: random.Random) -> bytes:
    """Change the graph or the card through `onnx`, one to three times."""
    import onnx

    proto = onnx.load_model_from_string(content)
    for _ in range(rng.choice((1, 1, 2, 3))):
        rng.choice(EDITS)(proto, rng)
    return bytes(proto.SerializeToString())


def _node(proto: Any, rng: random.Random) -> Any:
    return rng.choice(proto.graph.node) if proto.graph.node else proto.graph.node.add()


def _weight(proto: Any, rng: random.Random) -> Any:
    return rng.choice(proto.graph.initializer) if proto.graph.initializer else proto.graph.initializer.add()


def edit_operator(proto: Any, rng: random.Random) -> None:
    """Another operator, or another domain."""
    _node(proto, rng).op_type = rng.choice(OPERATORS)
    if rng.random() < 0.1:
        _node(proto, rng).domain = rng.choice(("", "ai.onnx", "com.microsoft", "ai.onnx.ml", "x"))


def edit_attribute(proto: Any, rng: random.Random) -> None:
    """Odd numbers, or more or fewer of them, or another type of value."""
    node = _node(proto, rng)
    if not node.attribute or rng.random() < 0.2:
        from onnx import TensorProto, helper

        name = rng.choice(ATTRIBUTES)
        value = rng.choice(
            (
                rng.choice(ODD_NUMBERS),
                [rng.choice(ODD_NUMBERS)] * rng.choice((1, 2, 4, 30)),
                "SAME_UPPER",
                1.5,
                helper.make_graph([], "g", [], []),
                helper.make_tensor("t", TensorProto.FLOAT, [1], [1.0]),
            )
        )
        if not -(2**63) <= (value if isinstance(value, int) else 0) < 2**63:
            value = 1
        node.attribute.append(helper.make_attribute(name, value))
        return
    attribute = rng.choice(node.attribute)
    match rng.randrange(5):
        case 0 if attribute.ints:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(ODD_NUMBERS)
        case 1:
            attribute.ints.append(rng.choice(ODD_NUMBERS))
        case 2:
            attribute.type = rng.randrange(15)
        case 3:
            node.attribute.remove(attribute)
        case _:  # the whole list alike: strides and kernels that fit one another
            attribute.ints[:] = [rng.choice((1, 2, 3, 4, 8, 64))] * len(attribute.ints)


def edit_weight(proto: Any, rng: random.Random) -> None:
    """Dimensions, type, data, or where the data lie."""
    weight = _weight(proto, rng)
    match rng.randrange(9):
        case 0 if weight.dims:
            weight.dims[rng.randrange(len(weight.dims))] = rng.choice(ODD_NUMBERS)
        case 1:
            dims = list(weight.dims)
            rng.shuffle(dims)
            weight.dims[:] = dims
        case 2:
            weight.data_type = rng.randrange(25)
        case 3:
            weight.raw_data = weight.raw_data[: rng.randrange(len(weight.raw_data) + 1)]
        case 4:
            weight.data_location = 1
            place = rng.choice(("/etc/passwd", "../secret", "/dev/zero", "weights.bin"))
            for key, value in (("location", place), ("offset", "0"), ("length", str(len(weight.raw_data)))):
                weight.external_data.add(key=key, value=value)
        case 5:
            data = bytearray(weight.raw_data.ljust(4))
            place = rng.randrange(len(data) // 4) * 4
            data[place : place + 4] = struct.pack("<f", rng.choice((3e38, -3e38, float("nan"), float("inf"), 1e-45)))
            weight.raw_data = bytes(data)
        case 6:
            weight.name = rng.choice(("", "noisy", "denoised", "t1", "x" * 300, _weight(proto, rng).name))
        case 7:
            weight.float_data.extend([1.0] * 10)
        case _:  # consistent, but large
            weight.dims[:] = [rng.choice((1, 64, 1000)), rng.choice((1, 2, 64)), 1, 1]
            weight.raw_data = b"\0" * min(weight.dims[0] * weight.dims[1] * 4, 300_000)


def edit_wiring(proto: Any, rng: random.Random) -> None:
    """Nodes that take, make, repeat or lack what they should not; ports of other shapes."""
    node, graph = _node(proto, rng), proto.graph
    names = [name for one in graph.node for name in (*one.input, *one.output)] + ["", "nowhere"]
    match rng.randrange(9):
        case 0 if node.input:
            node.input[rng.randrange(len(node.input))] = rng.choice(names)
        case 1 if node.output:
            node.output[0] = rng.choice(names)
        case 2:
            node.input.extend([rng.choice(names)] * rng.choice((1, 2, 500)))
        case 3:
            graph.node.remove(node)
        case 4:  # the same node many times in a row
            at = list(graph.node).index(node)
            copies = []
            for number in range(rng.choice((1, 3, 30, 1500))):
                another = copy.deepcopy(node)
                another.output[0], another.input[0] = f"c{number}", f"c{number - 1}" if number else node.input[0]
                copies.append(another)
            node.input[0] = copies[-1].output[0]
            rest = [copy.deepcopy(one) for one in graph.node]
            del graph.node[:]
            graph.node.extend([*rest[:at], *copies, *rest[at:]])
        case 5:  # channels that double and double
            last = node.output[0]
            for number in range(rng.choice((3, 12, 40))):
                graph.node.add(op_type="Concat", input=[last, last], output=[f"d{number}"]).attribute.add(
                    name="axis", i=1, type=2
                )
                last = f"d{number}"
        case 6:
            port = rng.choice((graph.input, graph.output))[0]
            dims = port.type.tensor_type.shape.dim
            rng.choice(dims).dim_value = rng.choice(ODD_NUMBERS)
        case 7:
            rng.choice((graph.input, graph.output))[0].type.tensor_type.elem_type = rng.randrange(20)
        case _:
            rng.choice((graph.input, graph.output)).add(name=rng.choice(names))


def edit_chain(proto: Any, rng: random.Random) -> None:
    """Append layers that fit the last one: kernels, strides and widths as large as they may be, or larger."""
    from onnx import helper, numpy_helper

    if not proto.graph.node or len(proto.graph.input) != 1:
        return
    dims = proto.graph.input[0].type.tensor_type.shape.dim
    now = last = min(dims[1].dim_value, 3) if len(dims) == 4 else 1
    tensor = proto.graph.node[-1].output[0] = "chain"
    depth = rng.choice((1, 3, 8))
    for number in range(depth):
        kind = rng.choice(("Conv", "Conv", "ConvTranspose", "MaxPool", "AveragePool", "Add", "Concat", "Tanh"))
        filters = last if number == depth - 1 else rng.choice((1, 8, 64, 512))
        size = rng.choice((1, 2, 3, 8, 31, 64))
        stride = rng.choice((1, 1, 1, size, 2))
        before = rng.randrange(max(size - stride, 0) + 1)
        pads = [before, before, max(size - stride, 0) - before, max(size - stride, 0) - before]
        taken, attributes = [tensor], {"kernel_shape": [size, size], "strides": [stride, stride], "pads": pads}
        if kind in ("Conv", "ConvTranspose"):
            shape = (filters, now) if kind == "Conv" else (now, filters)
            if filters * now * size * size > 2**20:
                continue
            kernel = np.full((*shape, size, size), rng.choice((0.01, -1e3)), np.float32)
            proto.graph.initializer.append(numpy_helper.from_array(kernel, f"k{number}"))
            taken, now = [tensor, f"k{number}"], filters
        elif kind in ("Add", "Concat", "Tanh"):
            taken, attributes = [tensor] * (1 if kind == "Tanh" else 2), {"axis": 1} if kind == "Concat" else {}
            now *= 2 if kind == "Concat" else 1
        tensor = f"chain{number}"
        proto.graph.node.append(helper.make_node(kind, taken, [tensor], **attributes))
    proto.graph.node[-1].output[0] = proto.graph.output[0].name


def edit_card(proto: Any, rng: random.Random) -> None:
    """Fields of the card: odd values, too many, too few; or no JSON at all."""
    entry = rng.choice(proto.metadata_props) if proto.metadata_props else proto.metadata_props.add(key="pellucid")
    try:
        card = json.loads(entry.value)
        name = rng.choice(list(card))
    except (ValueError, TypeError, IndexError, RecursionError):
        card, name = {}, "network"
    match rng.randrange(6):
        case 0 | 1 | 2:
            card[name] = rng.choice(ODD_VALUES)
        case 3:
            card.pop(name, None)
        case 4:
            card["more"] = rng.choice(ODD_VALUES)
        case _:
            entry.value = rng.choice(("", "[" * 60_000, "{}", "null", '"', "1e999", "x" * 100_000))
            return
    entry.value = json.dumps(card)


def edit_model(proto: Any, rng: random.Random) -> None:
    """Versions, further metadata, functions, sparse weights, training graphs."""
    match rng.randrange(7):
        case 0:
            proto.ir_version = rng.choice(ODD_NUMBERS)
        case 1 if proto.opset_import:
            proto.opset_import[0].version = rng.choice((*ODD_NUMBERS, *range(30)))
        case 2:
            proto.opset_import.add(domain=rng.choice(("", "com.microsoft", "x")), version=1)
        case 3:
            proto.metadata_props.add(key="ort_config", value='{"session_options": {}}')
        case 4:
            proto.functions.add(name="Relu", domain="")
        case 5:
            proto.graph.sparse_initializer.add().values.name = "s"
        case _:
            proto.training_info.add()


Edit = Callable[[Any, random.Random], None]
EDITS: tuple[Edit, ...] = (edit_operator, edit_attribute, edit_weight, edit_wiring, edit_chain, edit_card, edit_model)


def mutant(number: int, seed: int, files: list[bytes]) -> bytes:
    """The mutant of that number; the same for the same seed and files."""
    rng = random.Random(f"{seed}.{number}")
    content = rng.choice(files)
    kind = rng.random()
    if kind < 0.7:
        content = mutate_fields(content, rng)
    return content if kind < 0.6 else mutate_bytes(content, rng, files)
