"""Using a trained denoiser: image in, image out, of any size; neither Keras nor a training set is needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.artifact import Card, locate, open_session
from pellucid.images import Image, as_channels, from_unit, to_unit

Denoise = Callable[[Image], Image]
"""What every denoiser is, learned or classical: one image (float32 HWC, [0, 1]) to its clean guess, same shape."""


class Denoiser:
    """A trained model file, run by ONNX Runtime.

        denoiser = Denoiser("runs/latest")
        clean = denoiser(noisy)

    Parameters
    ----------
    source : a run folder or an `.onnx` file that pellucid wrote
    threads : for ONNX Runtime; 0 leaves the choice to it

    Attributes
    ----------
    card : what the model file says of itself
    path : the model file

    Raises
    ------
    PellucidError
        If there is no such file, or it is not a denoiser.
    """

    def __init__(self, source: str | os.PathLike[str], threads: int = 0) -> None:
        self.path: Path = locate(source)
        self._session, self.card = open_session(self.path, threads)
        self._input = self._session.get_inputs()[0].name

    def __repr__(self) -> str:
        card: Card = self.card
        return f"Denoiser({str(self.path)!r}: {card.network}, {card.channels} channels, for {card.noise})"

    def __call__(self, image: NDArray[Any]) -> NDArray[Any]:
        """Denoise one image of any size.

        Parameters
        ----------
        image : (H, W) or (H, W, C), of dtype bool, uint8, uint16 or float in [0, 1]
            A gray model takes a colour image channel by channel; a colour model takes a gray image as three equal
            channels. Alpha is passed through.

        Returns
        -------
        A new array of the same shape and dtype.

        Raises
        ------
        PellucidError
            If the image is not one (see `images.to_unit`).
        """
        unit = to_unit(image)
        given = unit.shape[2]
        if self.card.channels == 1:
            planes = np.moveaxis(unit, 2, 0)[..., None]  # each colour becomes an image of a batch
            result = np.moveaxis(self.batch(planes)[..., 0], 0, 2)
        else:
            result = as_channels(self.batch(as_channels(unit, 3)[None])[0], given)
        return from_unit(result, np.asarray(image))

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
        (result,) = self._session.run(None, {self._input: noisy})
        return np.ascontiguousarray(np.moveaxis(result, 1, 3)[:, :height, :width])
