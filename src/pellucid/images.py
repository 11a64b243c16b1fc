"""The image contract, and reading and writing image files.

Inside pellucid an image is float32 in [0, 1], laid out HWC (several: NHWC), with 1 or 3 channels. Integer types live
at the edges: `to_unit` brings an array in, `from_unit` gives it back as it came.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import PellucidError
from pellucid.files import atomic

Image = NDArray[np.float32]
"""One image: float32, (height, width, channels), channels 1 or 3, nominally in [0, 1]."""

SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".webp", ".bmp", ".pgm", ".ppm")
"""The file name endings that pellucid reads and writes."""

MAX_PIXELS = 2**28
"""Larger files are refused: a few bytes can claim any size."""

_FORMATS = ("PNG", "TIFF", "JPEG", "WEBP", "BMP", "PPM")  # the decoders that strangers' files may reach
_BYTES = {("uint8", 1), ("uint8", 3)}
_HOLDS = {  # what a format gives back as it was written: dtype and channels
    ".png": {("bool", 1), ("uint16", 1), ("uint8", 2), ("uint8", 4), *_BYTES},
    ".webp": {("uint8", 4), *_BYTES},  # gray comes back as three equal channels
    ".bmp": {("bool", 1), *_BYTES},
    ".jpg": _BYTES,
    ".jpeg": _BYTES,
    ".pgm": {("uint8", 1), ("uint16", 1)},
    ".ppm": {("uint8", 3)},
}
_EXIF_ORIENTATION = 0x0112
_FLOAT_LIMITS = (-8.0, 9.0)  # unclipped noise may leave [0, 1]; an image in 0..255 leaves this too


def to_unit(array: NDArray[Any], name: str = "image") -> Image:
    """Bring one image into the contract, without its alpha.

    Parameters
    ----------
    array : (H, W) or (H, W, C) with C in 1..4, of dtype bool, uint8, uint16 or float
        C of 2 or 4 means that the last channel is alpha. Floats must already be scaled to [0, 1]; unclipped noise
        may leave that range a little.
    name : how error messages call the image

    Returns
    -------
    float32, (H, W, 1) or (H, W, 3); integers are divided by the largest value of their type. Never a view of `array`.

    Raises
    ------
    PellucidError
        For another shape or dtype, zero size, NaN, infinities, or floats that are clearly not in [0, 1].
    """
    array = np.asarray(array)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        raise PellucidError(
            f"{name} has the shape {array.shape}; expected (height, width) or (height, width, channels) with 1 to 4 "
            "channels. Give one image at a time."
        )
    if 0 in array.shape:
        raise PellucidError(f"{name} is empty: its shape is {array.shape}. Give an image with at least one pixel.")
    colour = array[..., None] if array.ndim == 2 else array[..., : array.shape[2] - (array.shape[2] in (2, 4))]
    return _scale(colour, name)


def _scale(array: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Scale an array of any shape to float32 in [0, 1] by its dtype alone."""
    if array.dtype == np.bool_:
        return array.astype(np.float32)
    if array.dtype in (np.uint8, np.uint16):
        return array.astype(np.float32) * np.float32(1 / np.iinfo(array.dtype).max)
    if not np.issubdtype(array.dtype, np.floating):
        raise PellucidError(
            f"{name} has the type {array.dtype}; expected bool, uint8, uint16, or floats in [0, 1]. Convert it first."
        )
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise PellucidError(f"{name} holds NaN or infinite values; expected numbers. Replace them first.")
    if low < _FLOAT_LIMITS[0] or high > _FLOAT_LIMITS[1]:
        raise PellucidError(
            f"{name} holds floats from {low:g} to {high:g}; expected the range [0, 1]. "
            "Divide by the largest possible value."
        )
    return array.astype(np.float32)


def scale_batch(array: NDArray[Any], name: str = "images") -> NDArray[np.float32]:
    """Scale an NHW or NHWC array of images as `to_unit` does, to float32 NHWC with 1 or 3 channels."""
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] not in (1, 3)):
        raise PellucidError(
            f"{name} has the shape {array.shape}; expected (count, height, width) or (count, height, width, channels) "
            "with 1 or 3 channels."
        )
    if 0 in array.shape[1:]:
        raise PellucidError(f"{name} holds images of zero size: its shape is {array.shape}.")
    batch = array[..., None] if array.ndim == 3 else array
    return _scale(batch, name) if batch.size else batch.astype(np.float32)


def from_unit(image: Image, like: NDArray[Any]) -> NDArray[Any]:
    """Give `image` back as `like` came: same dtype and shape, alpha of `like` untouched.

    Values are clipped to [0, 1] and integers rounded to the nearest. `image` has as many channels as `like` has
    colour channels.
    """
    if np.issubdtype(like.dtype, np.floating):
        result = np.clip(image, 0, 1).astype(like.dtype)
    elif like.dtype == np.bool_:
        result = image >= 0.5
    else:
        result = np.rint(np.clip(image, 0, 1) * np.iinfo(like.dtype).max).astype(like.dtype)
    if like.ndim == 2:
        return np.asarray(result[..., 0])
    if like.shape[2] in (2, 4):
        return np.concatenate([result, like[..., -1:]], axis=2)
    return np.asarray(result)


def as_channels(image: Image, channels: int) -> Image:
    """Return `image` with 1 channel (the mean of its colours) or 3 (its gray repeated)."""
    if image.shape[-1] == channels:
        return image
    if channels == 1:
        return np.asarray(image.mean(axis=-1, keepdims=True, dtype=np.float32))
    return np.repeat(image, channels, axis=-1)


def read_image(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an image file as it is: (H, W) gray or (H, W, C) colour or with alpha; bool, uint8, uint16 or float.

    A palette is resolved to RGB or RGBA. The EXIF orientation is applied.

    Raises
    ------
    PellucidError
        If the file is missing, empty, truncated, not an image, of a kind that is not read, or larger than
        `MAX_PIXELS`.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise PellucidError(f"cannot read {path}: {error.strerror}. Check the name.") from error
    if path.is_dir():
        raise PellucidError(f"{path} is a folder; expected an image file. Name the files in it.")
    if size == 0:
        raise PellucidError(f"{path} is empty (0 bytes); expected an image file.")
    if path.suffix.lower() == ".npy":
        return read_array(path)
    return _read_tiff(path) if path.suffix.lower() in (".tif", ".tiff") else _read_pillow(path)


def probe(path: str | os.PathLike[str]) -> tuple[int, int, int]:
    """Return (height, width, colour channels) from an image file's header alone; errors as `read_image`."""
    from PIL import Image as pillow

    path = Path(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        with contextlib.suppress(Exception), pillow.open(path, formats=_FORMATS) as opened:
            width, height = opened.size
            if opened.getexif().get(_EXIF_ORIENTATION, 1) >= 5:  # stored lying on its side
                width, height = height, width
            return height, width, 1 if opened.mode in ("1", "L", "LA", "I", "I;16", "F") else 3
    array = read_image(path)  # a TIFF, or a file with something wrong that reading it will name
    return array.shape[0], array.shape[1], to_unit(array[:1, :1], str(path)).shape[2]


def _read_pillow(path: Path) -> NDArray[Any]:
    from PIL import Image as pillow
    from PIL import ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters about a file is raised, or checked here
            with pillow.open(path, formats=_FORMATS) as opened:
                _check_size(path, opened.width, opened.height)
                if opened.format == "PNG" and _png_is_deep_colour(path):
                    raise PellucidError(
                        f"{path} is a 16-bit colour PNG, which would lose half its bits here. Save it as TIFF."
                    )
                picture = ImageOps.exif_transpose(opened)
                if picture.mode == "P":
                    picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
                if picture.mode == "I":  # how Pillow holds 16-bit PGM
                    return np.asarray(picture).astype(np.uint16)
                if picture.mode not in ("1", "L", "LA", "RGB", "RGBA", "I;16", "F"):
                    raise PellucidError(
                        f"{path} has the colour mode {picture.mode}; expected gray or RGB. Convert it first."
                    )
                return np.array(picture)
    except PellucidError:
        raise
    except UnidentifiedImageError as error:
        raise PellucidError(
            f"{path} is not an image that pellucid reads ({', '.join(_FORMATS)}). Convert it first."
        ) from error
    except Exception as error:  # decoders raise nearly anything on hostile bytes
        raise PellucidError(f"{path} is damaged or truncated: {error}.") from error


def _png_is_deep_colour(path: Path) -> bool:
    with path.open("rb") as file:
        header = file.read(26)  # signature, IHDR length and name, width, height, then bit depth and colour type
    return len(header) == 26 and header[24] == 16 and header[25] != 0


def _read_tiff(path: Path) -> NDArray[Any]:
    import tifffile

    try:
        with tifffile.TiffFile(path) as opened:
            if len(opened.pages) != 1:
                raise PellucidError(f"{path} has {len(opened.pages)} pages; expected one image. Save a single page.")
            page = opened.pages.first
            _check_size(path, page.imagewidth, page.imagelength)
            array: NDArray[Any] = page.asarray()
    except PellucidError:
        raise
    except Exception as error:  # as above
        raise PellucidError(f"{path} is not a TIFF file that pellucid reads, or it is damaged: {error}.") from error
    if array.ndim not in (2, 3):
        raise PellucidError(f"{path} has the shape {array.shape}; expected one gray or RGB image.")
    return array


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PellucidError(
            f"{path} claims {width}x{height} pixels, more than the limit of {MAX_PIXELS}. Cut it up first."
        )


def read_array(path: Path) -> NDArray[Any]:
    """Open a .npy file memory-mapped; nothing in it is ever unpickled."""
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise PellucidError(f"{path} is not a NumPy array file that pellucid reads: {error}.") from error


def write_image(path: str | os.PathLike[str], array: NDArray[Any]) -> None:
    """Write `array`, as `read_image` returns it, in the format that the name's ending says; whole or not at all.

    Raises
    ------
    PellucidError
        If the ending is not known, the format cannot hold the array, or the place cannot be written.
    """
    from PIL import Image as pillow

    suffix = Path(path).suffix.lower()
    if suffix not in (*SUFFIXES, ".npy"):
        raise PellucidError(f"cannot write {path}: the ending {suffix!r} is not one of {' '.join(SUFFIXES)} .npy.")
    gray = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    held = _HOLDS.get(suffix)
    if held and (gray.dtype.name, 1 if gray.ndim == 2 else gray.shape[2]) not in held:
        raise PellucidError(
            f"cannot write {path}: the format does not hold {gray.dtype} of shape {gray.shape}. Use .tiff or .npy."
        )
    with atomic(path) as temporary:
        if suffix == ".npy":
            np.save(temporary, array, allow_pickle=False)
        elif suffix in (".tif", ".tiff"):
            import tifffile

            colours = gray.shape[2] if gray.ndim == 3 else 1
            extra: dict[str, Any] = {"extrasamples": ["unassalpha"]} if colours in (2, 4) else {}
            tifffile.imwrite(temporary, gray, photometric="rgb" if colours > 2 else "minisblack", **extra)
        else:
            options: dict[str, Any] = {"quality": 95} if suffix in (".jpg", ".jpeg", ".webp") else {}
            pillow.fromarray(gray).save(temporary, **options)
