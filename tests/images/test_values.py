"""What is black and white, for every kind of numbers; and that no value is lost on the way in and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from conftest import Command
from pellucid.images import Extent, Scale, fill_holes, find_range, to_unit
from pellucid.inference import Denoiser
from pellucid.modelfile import Card
from pellucid.modelfile.file import write

Array = NDArray[Any]
SIDE = (40, 50)
TYPES = ("u1", "u2", ">u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", ">f4", "f8")


def numbers(seed: int = 0) -> NDArray[np.float64]:
    """Values within [0, 1]: a ramp with noise."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0.05, 0.95, SIDE[1]) * np.ones(SIDE)
    return np.clip(ramp + rng.normal(0, 0.02, SIDE), 0, 1)


def spread(low: float, high: float, dtype: str) -> Array:
    """Numbers from `low` to `high`, both of which occur."""
    values = numbers()
    values.flat[:2] = 0, 1
    values = low + values * (high - low)
    return (np.rint(values) if np.dtype(dtype).kind in "iu" else values).astype(dtype)


def with_padding() -> Array:
    image = spread(-1000, 1500, "int16")
    image[-3:] = -2000
    return image


def with_holes() -> Array:
    image = spread(0, 800, "float32") + np.float32(0.3)
    image[-2:], image[5, 7], image[6, 7] = np.nan, np.inf, -np.inf
    return image


def with_highlights() -> Array:
    image = spread(0, 1, "float32") * 0.5
    image[5, 7] = 900
    return image


KINDS: dict[str, tuple[Callable[[], Array], tuple[float, float]]] = {
    "bits": (lambda: numbers() > 0.5, (0, 1)),
    "bytes": (lambda: spread(30, 200, "uint8"), (0, 255)),
    "10 bits": (lambda: spread(3, 1000, "uint16"), (0, 1023)),
    "12 bits in 16": (lambda: spread(0, 4095, "uint16"), (0, 4095)),
    "16 bits": (lambda: spread(0, 65535, "uint16"), (0, 65535)),
    "16 bits, big-endian": (lambda: spread(0, 65535, ">u2"), (0, 65535)),
    "sums": (lambda: spread(0, 200_000, "uint32"), (0, 200_000)),
    "int8": (lambda: spread(-128, 127, "int8"), (-128, 127)),
    "CT": (lambda: spread(-1024, 1500, "int16"), (-1024, 3071)),
    "CT with padding": (with_padding, (-2000, 1500)),
    "int32": (lambda: spread(-70_000, 90_000, "int32"), (-70_000, 90_000)),
    "int64": (lambda: spread(0, 251, "int64"), (0, 255)),
    "uint64, large": (lambda: spread(0, 1, "float64").astype("uint64") + np.uint64(2**63 + 3), (0, 9.23e18)),
    "few counts": (lambda: spread(0, 12, "float32").round(), (0, 12)),
    "counts": (lambda: spread(0, 4000, "float32").round(), (0, 4095)),
    "unit": (lambda: spread(0.01, 0.98, "float32"), (0, 1)),
    "unit, noise beyond": (lambda: spread(-0.2, 1.2, "float64"), (0, 1)),
    "half": (lambda: spread(0, 1, "float16"), (0, 1)),
    "half, wide": (lambda: spread(0, 5000.5, "float16"), (0, 5000)),
    "-1 to 1": (lambda: spread(-1, 1, "float32"), (-1, 1)),
    "z-scores": (lambda: spread(-2.31, 3.69, "float32"), (-2.31, 3.69)),
    "attenuation": (lambda: spread(0.0181, 0.0223, "float32"), (0.0181, 0.0223)),
    "transmission": (lambda: spread(0.99, 1.01, "float64"), (0.99, 1.01)),
    "highlights": (with_highlights, (0, 1)),
    "holes": (with_holes, (0, 801)),
}

kinds = pytest.mark.parametrize("kind", KINDS)


def close(found: tuple[float, float], expected: tuple[float, float]) -> bool:
    width = expected[1] - expected[0]
    return bool(np.allclose(found, expected, rtol=0, atol=0.01 * width))


@kinds
def test_black_and_white_are_found(kind: str) -> None:
    image, expected = KINDS[kind][0](), KINDS[kind][1]
    scale = Scale.of(image)
    assert close(scale.range, expected), scale.range
    unit = to_unit(image)
    assert np.isfinite(unit).all()
    inside = ((unit >= -0.3) & (unit <= 1.3)).mean()
    assert inside >= 0.99


@kinds
def test_what_is_not_changed_comes_back_exactly(kind: str) -> None:
    image = KINDS[kind][0]()
    filled, _ = fill_holes(image)
    for told in (None, (-3.0, 7.0), (0.0, 1.0), (0.0, 70_000.0)):
        scale = Scale.of(image, told)
        back = scale.from_unit(scale.to_unit(filled), filled)
        assert back.dtype == image.dtype
        np.testing.assert_array_equal(back, filled)


@st.composite
def images(draw: st.DrawFn) -> Array:
    """Numbers of any type, anywhere within it, with outliers and holes."""
    dtype = np.dtype(draw(st.sampled_from(TYPES)))
    if dtype.kind == "f":
        least, most = (-6e4, 6e4) if dtype.itemsize == 2 else (-1e30, 1e30)
    else:
        least, most = float(np.iinfo(dtype).min), float(np.nextafter(np.float64(np.iinfo(dtype).max), 0))
    ends = sorted(draw(st.tuples(st.floats(least, most), st.floats(least, most))))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = (ends[0] + rng.random((9, 11)) * (ends[1] - ends[0])).clip(least, most).astype(dtype)
    values.flat[: draw(st.integers(0, 3))] = values.flat[-1]
    if dtype.kind == "f":
        values.flat[: draw(st.integers(0, 98))] = np.nan
    return values


@settings(max_examples=300, deadline=None)
@given(images())
def test_a_found_range_rises_and_holds_nearly_all_values(image: Array) -> None:
    low, high = find_range(image.dtype, Extent.of(image))
    assert np.isfinite([low, high]).all()
    assert low < high
    scale = Scale.of(image)
    filled, holes = fill_holes(image)
    unit = scale.to_unit(filled)
    assert np.isfinite(unit).all()
    if scale.range not in ((0, 1), (-1, 1)):
        assert ((unit > -1e-3) & (unit < 1 + 1e-3)).mean() > 0.9
    np.testing.assert_array_equal(scale.from_unit(unit, filled), filled)
    if holes is not None:
        np.testing.assert_array_equal(holes, ~np.isfinite(image))


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose result equals its input."""
    shape = ["batch", 1, "height", "width"]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("noisy", "denoised")]
    weights = [numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "w")]
    node = helper.make_node("Conv", ["noisy", "w"], ["denoised"], kernel_shape=[1, 1])
    graph = helper.make_graph([node], "identity", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path_factory.mktemp("identity") / "model.onnx"
    write(path, model, Card("identity", 1, 1, 0, "", "", ""))
    return path


@kinds
def test_a_denoiser_gives_back_what_it_does_not_change(kind: str, identity: Path) -> None:
    image = KINDS[kind][0]()
    given = image.copy()
    result = Denoiser(identity)(image)
    assert result.dtype == image.dtype
    np.testing.assert_array_equal(result, given)
    np.testing.assert_array_equal(image, given)


@pytest.mark.parametrize("memory", [(), ("--memory", "2GB")], ids=["whole", "streamed"])
def test_the_command_keeps_the_values_of_every_kind(
    memory: tuple[str, ...], identity: Path, command: Command, tmp_path: Path
) -> None:
    """Among them stacks in which one plane has holes, and images of one row or column."""
    made = {kind: KINDS[kind][0]() for kind in KINDS}
    made["stack"] = np.stack([spread(0, 900, "float32"), with_holes()])
    made["channels"] = np.stack([spread(0, 4095, "uint16")] * 5)
    made |= {"row [图像]": spread(0, 700, "int16")[:1], "column": spread(0, 7, "float64")[:, :1]}
    for name, image in made.items():
        np.save(tmp_path / f"{name}.npy", image)
        if image.dtype != np.bool_:
            tifffile.imwrite(tmp_path / f"{name}.tif", image, photometric="minisblack")
    done = command("denoise", ".", "-o", "out", "-m", identity, *memory)
    assert done.returncode == 0, done.stderr
    for path in tmp_path.glob("*.*"):
        read = np.load if path.suffix == ".npy" else tifffile.imread
        result, image = read(tmp_path / "out" / path.name), read(path)
        assert (result.dtype, result.shape) == (image.dtype, image.shape), path.name
        np.testing.assert_array_equal(result, image, err_msg=path.name)
    assert "values that are no numbers (NaN) stay as they are" in done.stderr
    assert "black and white were found in the values of int16" in done.stderr
