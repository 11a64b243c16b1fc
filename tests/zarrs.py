"""OME-Zarr folders for tests, of version 2 (OME-NGFF 0.4) and 3 (0.5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

zarr = pytest.importorskip("zarr")

UNITS = {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"}
KINDS = {"t": "time", "c": "channel"}


def halves(array: np.ndarray, levels: int) -> list[np.ndarray]:
    """A pyramid by plain subsampling, as many programs make it: sides are rounded up."""
    pyramid = [array]
    for _ in range(levels - 1):
        pyramid.append(pyramid[-1][..., ::2, ::2])
    return pyramid


def attributes(version: int, axes: str, paths: list[str]) -> dict[str, Any]:
    """What OME-NGFF says of an image, and something of the user's own."""
    scales = [[1.0 if axis in "tc" else 0.1 * 2**level for axis in axes] for level in range(len(paths))]
    multiscale = {
        "name": "cells",
        "axes": [
            {"name": axis, "type": KINDS.get(axis, "space")} | ({"unit": UNITS[axis]} if axis in UNITS else {})
            for axis in axes
        ],
        "datasets": [
            {"path": path, "coordinateTransformations": [{"type": "scale", "scale": scale}]}
            for path, scale in zip(paths, scales, strict=True)
        ],
        "metadata": {"method": "subsampled"},
    }
    ome = {"multiscales": [multiscale], "omero": {"channels": [{"label": "DAPI", "color": "0000FF"}]}}
    if version == 2:
        multiscale["version"] = "0.4"
        return {**ome, "microscope": {"name": "Ä 5"}}
    return {"ome": {"version": "0.5", **ome}, "microscope": {"name": "Ä 5"}}


def write_ome(
    path: Path, array: np.ndarray, axes: str = "tczyx", *, version: int = 3, levels: int = 1, **options: Any
) -> Any:
    """Write an array as an OME-Zarr; `options` are those of `Group.create_array`."""
    pyramid = halves(array, levels)
    paths = [str(level) for level in range(levels)]
    group = zarr.open_group(str(path), mode="w", zarr_format=version, attributes=attributes(version, axes, paths))
    options = {"chunk_key_encoding": {"name": "v2", "separator": "/"}} | options if version == 2 else options
    for name, level in zip(paths, pyramid, strict=True):
        group.create_array(name, shape=level.shape, dtype=level.dtype, **options)[...] = level
    return group
