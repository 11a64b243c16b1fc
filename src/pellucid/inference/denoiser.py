"""Using a trained denoiser: image in, image out, of any size; neither Keras nor a training set is needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import Report
from pellucid.images import (
    Extent,
    Image,
    Scale,
    ValueRange,
    as_channels,
    axes_of,
    check_range,
    fill_holes,
    from_planes,
    planes,
    told_of,
    turned,
    turned_back,
)
from pellucid.inference.tiling import Tiling
from pellucid.modelfile import Card, RunBatch, locate, open_session

Denoise = Callable[[Image], Image]
"""What every denoiser is, learned or classical: one image (float32 HWC, [0, 1]) to its clean guess, same shape."""


WHOLE = 2**20
"""Images of up to so many pixels are run whole, larger ones in tiles: memory stays bounded, and caches are used."""

TILE = 512
"""Side of a tile's own square, in pixels, rounded up to the model's grid."""


class Denoiser:
    """A trained model file, run by ONNX Runtime or another engine.

        denoiser = Denoiser("runs/latest")
        clean = denoiser(noisy)

    Parameters
    ----------
    source : a run folder or an `.onnx` file that pellucid wrote
    threads : for the engine; 0 leaves the choice to it
    engine : "onnxruntime", "openvino" (needs the extra `pellucid[openvino]`), or "auto", which is ONNX Runtime
    value_range : the values that are black and white; None takes those of the training for images of a type that
        occurred in it, and finds them for others (see `images.to_unit`)
    ensemble : average the results for the image mirrored and turned in all eight ways (the geometric self-ensemble of
        Timofte, Rothe and Van Gool, CVPR 2016): eight times the work, a little better where the training images may be
        turned, as those of the recipe `photos`; worse for digits

    Attributes
    ----------
    card : what the model file says of itself
    engine : the engine that runs it
    ensemble : as given
    path : the model file
    threads, value_range : as given

    Notes
    -----
    It can be pickled: its path and settings are, and where it arrives the file is opened again, on one thread, since
    the processes that it is sent to share the processors.

    Raises
    ------
    PellucidError
        If there is no such file, it is not a denoiser, or the engine is not installed.
    """

    def __init__(
        self,
        source: str | os.PathLike[str],
        threads: int = 0,
        engine: str = "auto",
        value_range: ValueRange | None = None,
        *,
        ensemble: bool = False,
    ) -> None:
        self.path: Path = locate(source)
        self.threads, self.value_range = threads, value_range
        if value_range is not None:
            check_range(value_range)
        session, self.card = open_session(self.path, threads, engine)
        self.engine, self.ensemble = session.engine, ensemble
        self._run = _all_ways(session.run) if ensemble else session.run

    @property
    def name(self) -> str:
        """For tables: the network, and whether it is run as an ensemble."""
        return self.card.network + (", ensemble" if self.ensemble else "")

    def __repr__(self) -> str:
        card: Card = self.card
        about = f"{self.name}, {card.channels} channels, for {card.noise}"
        return f"Denoiser({str(self.path)!r}: {about}, run by {self.engine})"

    def __reduce__(self) -> tuple[Any, ...]:
        return self._opener(1), ()

    def with_threads(self, threads: int) -> Denoiser:
        """Open the same model once more, with the same settings but so many threads."""
        return self._opener(threads)()

    def _opener(self, threads: int) -> Callable[[], Denoiser]:
        # `runs/latest` may lead elsewhere by then.
        path = self.path.resolve()
        return partial(type(self), path, threads, self.engine, self.value_range, ensemble=self.ensemble)

    def __call__(self, image: NDArray[Any], report: Report | None = None, *, axes: str | None = None) -> NDArray[Any]:
        """Denoise an image of any size, or a stack of them, of any numeric type and range.

        Parameters
        ----------
        image : (H, W), (H, W, 3), or more planes: along further axes before these, or as channels after them
            Each plane is an image of its own. A gray model takes a colour image channel by channel; a colour model
            takes a gray image as three equal channels.
        report : called with the number of rows done, while a large image is run in tiles
        axes : what the axes are, as tifffile spells them: Y and X, S for the samples of RGB or RGBA (whose alpha is
            passed through), any other letter for planes, as in TZCYX or YXC; None guesses (see `images.axes`)

        Returns
        -------
        A new array of the same shape and dtype. Values that are no numbers (NaN, infinite) stay as they were; the
        nearest ones stand for them in the run.

        Raises
        ------
        PellucidError
            If the image is none.
        """
        array = np.asarray(image)
        axes = axes_of(axes, array.shape, "image")
        scale = Scale.by(array.dtype, lambda: Extent.of(array), self.known_range(array.dtype))
        clean = [self.plane(plane, scale, report) for plane in planes(array, axes)]
        return from_planes(clean, axes, array.shape)

    def range_of(self, image: NDArray[Any]) -> ValueRange:
        """Return the values that are taken as black and white in an image or stack of any shape."""
        return Scale.by(image.dtype, lambda: Extent.of(image), self.known_range(image.dtype)).range

    def known_range(self, dtype: np.dtype[Any]) -> ValueRange | None:
        """Return what is black and white in images of a type, as told or as in training; None if it is to be found."""
        return told_of(self.value_range or self.card.ranges, dtype)

    def plane(self, image: NDArray[Any], scale: Scale, report: Report | None = None) -> NDArray[Any]:
        """Denoise one plane, (H, W) or (H, W, C), of which 2 and 4 channels mean that the last is alpha."""
        filled, holes = fill_holes(image)
        whole = image.shape[0] * image.shape[1] <= WHOLE
        clean = self.piece(filled, scale) if whole else self.in_tiles(filled, self.tiling, scale, report)
        if holes is not None:
            clean[holes] = image[holes]
        return clean

    def unit(self, image: Image) -> Image:
        """Denoise an image of the contract: float32 (H, W, C), in [0, 1] already."""
        return self.plane(image, Scale(0.0, 1.0, inside=False))

    @property
    def tiling(self) -> Tiling:
        """How images of more than `WHOLE` pixels are cut; put together, the tiles equal the whole."""
        grid = self.card.multiple_of
        return Tiling(-(-TILE // grid) * grid, self.card.halo, grid)

    def in_tiles(
        self, image: NDArray[Any], tiling: Tiling, scale: Scale | None = None, report: Report | None = None
    ) -> NDArray[Any]:
        """Denoise one plane tile by tile, with the same result as `piece`."""
        scale = scale or Scale.of(image, self.known_range(image.dtype))
        result = np.empty(image.shape, image.dtype)
        for rows, columns in tiling.tiles(*image.shape[:2]):
            result[rows.own, columns.own] = self.piece(image[rows.read, columns.read], scale)[rows.crop, columns.crop]
            if report and columns.end == image.shape[1]:
                report(rows.end)
        return result

    def piece(self, image: NDArray[Any], scale: Scale | None = None) -> NDArray[Any]:
        """Denoise one plane, or a part of it, in a single run, whatever its size; None finds its own scale."""
        scale = scale or Scale.of(image, self.known_range(image.dtype))
        unit = scale.to_unit(image)
        given = unit.shape[2]
        if self.card.channels == 1:
            planes = np.moveaxis(unit, 2, 0)[..., None]  # each colour becomes an image of a batch
            result = np.moveaxis(self.batch(planes)[..., 0], 0, 2)
        else:
            result = as_channels(self.batch(as_channels(unit, 3)[None])[0], given)
        return scale.from_unit(result, image)

    def batch(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Denoise several images of one size.

        Parameters
        ----------
        images : float32 (count, height, width, channels), channels as the model's, nominally in [0, 1]

        Returns
        -------
        float32, the same shape. Sizes off the model's grid are mirrored outwards for the run and cropped again.
        """
        height, width = images.shape[1:3]
        bottom, right = -height % self.card.multiple_of, -width % self.card.multiple_of
        if bottom or right:
            images = np.pad(images, ((0, 0), (0, bottom), (0, right), (0, 0)), mode="symmetric")
        noisy = np.ascontiguousarray(np.moveaxis(images, 3, 1), dtype=np.float32)
        result = self._run(noisy)
        return np.ascontiguousarray(np.moveaxis(result, 1, 3)[:, :height, :width])


def denoise_plane(denoise: Denoise, image: NDArray[Any], scale: Scale, report: Report | None = None) -> NDArray[Any]:
    """Denoise one plane, as `Denoiser.plane` does, by any denoiser."""
    if isinstance(denoise, Denoiser):
        return denoise.plane(image, scale, report)
    filled, holes = fill_holes(image)
    clean = scale.from_unit(denoise(scale.to_unit(filled)), filled)
    return clean if holes is None else np.where(holes, image, clean)


def on_unit(denoise: Denoise) -> Denoise:
    """Return what denoises images of the contract: those of a `Denoiser` are in [0, 1] already, however dark."""
    return denoise.unit if isinstance(denoise, Denoiser) else denoise


def _all_ways(run: RunBatch) -> RunBatch:
    """Average over all eight ways to turn the images, NCHW."""
    axes = (2, 3)

    def mean(images: NDArray[np.float32]) -> NDArray[np.float32]:
        total = np.zeros_like(images)
        for way in range(8):
            total += turned_back(run(np.ascontiguousarray(turned(images, way, axes))), way, axes)
        return total / np.float32(8)

    return mean
