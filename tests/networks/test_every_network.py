"""The contract of networks and of the files written from them; a new network gets these tests without a line here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pellucid.common.errors import PellucidError
from pellucid.modelfile.engines import ENGINES
from pellucid.modelfile.export import TOLERANCE, check_same, random_batches
from pellucid.networks.registry import NETWORKS, build, find
from small_networks import CHANNELS, DENOISERS, shaken, written

pytestmark = pytest.mark.keras


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("name", DENOISERS)
def test_it_maps_images_of_any_size_on_its_grid(name: str, channels: int) -> None:
    model = build(name, channels)
    grid = NETWORKS[name].multiple_of
    for height, width in ((grid, 3 * grid), (28, 28)):
        image = np.random.default_rng(0).random((2, height, width, channels), dtype=np.float32)
        result = np.asarray(model(image, training=False))
        assert result.shape == image.shape
        assert np.isfinite(result).all()


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("name", DENOISERS)
def test_every_engine_answers_as_keras_does(name: str, channels: int, tmp_path: Path) -> None:
    """The conformance of files: within `TOLERANCE` = 1e-5 of Keras, for every network, size and batch."""
    model = shaken(name, channels)
    denoisers = [written(model, name, channels, tmp_path, engine) for engine in ENGINES]
    grid = NETWORKS[name].multiple_of
    for count, height, width in ((1, 28, 28), (128, 28, 28), (3, grid, 5 * grid), (2, 9 * grid, grid), (1, 132, 100)):
        images = np.random.default_rng(1).random((count, height, width, channels), dtype=np.float32)
        expected = np.asarray(model(images, training=False))
        assert expected.std() > 1e-3
        for denoiser in denoisers:
            np.testing.assert_allclose(
                denoiser.batch(images), expected, rtol=0, atol=TOLERANCE, err_msg=denoiser.engine
            )


@pytest.mark.one_backend
def test_a_file_that_answers_differently_is_refused(tmp_path: Path) -> None:
    model = shaken("classic", 1)
    denoiser = written(model, "classic", 1, tmp_path)
    batches = random_batches(1, 4)
    assert check_same(denoiser.batch, lambda images: np.asarray(model(images)), batches) < TOLERANCE
    for wrong in (lambda images: np.asarray(model(images)) + 2e-5, lambda images: images * np.nan):
        with pytest.raises(PellucidError, match="differs from the trained one"):
            check_same(denoiser.batch, wrong, batches)


@pytest.mark.one_backend
def test_every_backend_writes_the_same_bytes(tmp_path: Path) -> None:
    """The file of a network whose weights are set depends on nothing else."""
    import keras

    other = {"tensorflow": "jax", "jax": "tensorflow"}[keras.backend.backend()]
    pytest.importorskip(other)
    code = (
        "import sys; from pathlib import Path; from small_networks import CHANNELS, DENOISERS, shaken, written\n"
        "for name in DENOISERS: written(shaken(name, 3), name, 3, Path(sys.argv[1]) / name)"
    )
    for name in DENOISERS:
        for backend in ("here", other):
            (tmp_path / backend / name).mkdir(parents=True)
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / other)],
        cwd=Path(__file__).parents[1],  # where `small_networks` is
        env={**os.environ, "KERAS_BACKEND": other},
        check=True,
    )
    for name in DENOISERS:
        build(name)  # so that Keras gives the layers of this one other names
        written(shaken(name, 3), name, 3, tmp_path / "here" / name)
        here, there = (tmp_path / backend / name / "model.onnx" for backend in ("here", other))
        assert here.read_bytes() == there.read_bytes(), name


@pytest.mark.one_backend
@pytest.mark.parametrize("name", DENOISERS)
def test_no_pixel_beyond_its_halo_matters(name: str, tmp_path: Path) -> None:
    denoiser = written(shaken(name, 1), name, 1, tmp_path)
    grid, halo = denoiser.card.multiple_of, denoiser.card.halo
    reach = -(-halo // grid) * grid
    side = 2 * reach + grid
    image = np.random.default_rng(0).random((1, side, side, 1), dtype=np.float32)
    cell = (0, slice(reach, reach + grid), slice(reach, reach + grid))
    inside = image.copy()
    keep = slice(reach - halo, reach + grid + halo)
    mask = np.ones((side, side), bool)
    mask[keep, keep] = False
    inside[0, mask] = 1 - inside[0, mask]
    np.testing.assert_allclose(denoiser.batch(inside)[cell], denoiser.batch(image)[cell], atol=1e-6)
    if halo > 0:  # and it is not larger than it must be
        edge = image.copy()
        edge[0, reach - halo, :] = 1 - edge[0, reach - halo, :]
        other = image.copy()
        other[0, reach + grid + halo - 1, :] = 1 - other[0, reach + grid + halo - 1, :]
        changed = [np.abs(denoiser.batch(one)[cell] - denoiser.batch(image)[cell]).max() for one in (edge, other)]
        assert max(changed) > 0


@pytest.mark.one_backend
@pytest.mark.parametrize("name", DENOISERS)
def test_its_file_is_minimal_and_takes_any_size(name: str, tmp_path: Path) -> None:
    import onnx

    written(build(name), name, 1, tmp_path)
    proto = onnx.load(tmp_path / "model.onnx")
    allowed = {"Conv", "ConvTranspose", "MaxPool", "Relu", "Sigmoid", "Add", "Concat"}
    assert {node.op_type for node in proto.graph.node} <= allowed
    assert [dim.dim_param for dim in proto.graph.input[0].type.tensor_type.shape.dim] == [
        "batch",
        "",
        "height",
        "width",
    ]
    if name == "classic":
        assert len(proto.graph.node) == 12


def test_the_classic_network_is_the_tutorials() -> None:
    model = build("classic")
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    kinds = [type(layer).__name__ for part in (encoder, decoder) for layer in part.layers[1:]]
    assert kinds == [
        *("Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D"),
        *("Conv2D", "UpSampling2D", "Conv2D", "UpSampling2D", "Conv2D"),
    ]
    assert model.count_params() == 28_353
    images = np.random.default_rng(0).random((2, 28, 28, 1), dtype=np.float32)
    code = np.asarray(encoder(images))
    assert code.shape == (2, 7, 7, 32)
    np.testing.assert_allclose(np.asarray(decoder(code)), np.asarray(model(images)), atol=1e-6)


def test_the_classifier_has_the_tutorials_shapes() -> None:
    model = build("classifier")
    assert [layer.output.shape[1:] for layer in model.layers[1:4]] == [(28, 28, 64), (28, 28, 32), (14, 14, 32)]
    assert model.output_shape == (None, 10)


@pytest.mark.one_backend
def test_an_unknown_network_names_the_nearest() -> None:
    with pytest.raises(PellucidError, match="Did you mean 'classic'"):
        build("clasic")


@pytest.mark.one_backend
@pytest.mark.parametrize("name", ["residual:widths=8/16/24,depth=1", "swift:widths=8/16/24,depth=1"])
def test_each_width_halves_the_resolution(name: str, tmp_path: Path) -> None:
    model = shaken(name, 1)
    assert find(name).multiple_of == 8
    image = np.random.default_rng(0).random((1, 40, 24, 1), dtype=np.float32)
    denoiser = written(model, name, 1, tmp_path)
    np.testing.assert_allclose(denoiser.batch(image), np.asarray(model(image)), rtol=0, atol=TOLERANCE)
    assert denoiser(image[0, :37, :21]).shape == (37, 21, 1)
