"""MNIST and Fashion-MNIST: the official IDX files, byte-exact, found on this machine or downloaded."""

from __future__ import annotations

import hashlib
import os
import zipfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError, Report, atomic, progress
from pellucid.datasets.idx import read_idx

TIMEOUT = (4, 30)
"""Seconds to wait for a connection, and for the next bytes."""

_CHUNK = 2**16  # bytes between two looks at a download

_TRAIN, _TEST = "train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"
_TRAIN_LABELS, _TEST_LABELS = "train-labels-idx1-ubyte.gz", "t10k-labels-idx1-ubyte.gz"

_KERAS_PIXELS = (  # sha256 of the shape, written as Python does, and the bytes of Keras' two arrays
    "783b1c0807cfc66ca1ef125e96f8a41ab816d75b1d8d28920718b6428b08cb9e",
    "010c0c13f96d5658bae4c04d605aa85a9ac8bc6ce619f5cb5f05aeb402f41514",
)
_KERAS_LABELS = (  # likewise
    "a79c46cff32cade98d7ade6d1dab8916171d8d1c65cb276c8998bc34d3e2707b",
    "b3b5727c195d9df958a13e9da4e1717a11307903ed50d26abca19d49bb33a8cb",
)


@dataclass(frozen=True)
class Official:
    """A published pair of IDX files: their sha256, the mirrors to try in turn, and what Keras calls its copy.

    `labels` are the sha256 of the files of labels, and `classes` what their numbers mean.
    """

    name: str
    sha256: dict[str, str]
    mirrors: tuple[str, ...]
    keras: str
    labels: dict[str, str]
    classes: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """The folder in pellucid's cache."""
        return cache_folder() / self.name


OFFICIAL = {
    "mnist": Official(
        "mnist",
        {
            _TRAIN: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            _TEST: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        },
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        "mnist.npz",
        {
            _TRAIN_LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            _TEST_LABELS: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
        tuple("0123456789"),
    ),
    "fashion-mnist": Official(
        "fashion-mnist",
        {
            _TRAIN: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            _TEST: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        },
        (
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        "fashion-mnist",
        {
            _TRAIN_LABELS: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            _TEST_LABELS: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
        ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
    ),
}


def cache_folder() -> Path:
    """Return the folder of data sets: `PELLUCID_DATA`, or the user's cache folder for pellucid."""
    named = os.environ.get("PELLUCID_DATA")
    if named:
        return Path(named).expanduser()
    import pooch

    return Path(pooch.os_cache("pellucid"))


def keras_folder() -> Path:
    """Return the folder where Keras keeps the data sets that it downloaded."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def where(official: Official) -> Path | None:
    """Return the place on this machine that holds the data set, or None."""
    keras = keras_folder() / official.keras
    if all((official.folder / name).is_file() for name in official.sha256):
        return official.folder
    if keras.is_file() or all((keras / name).is_file() for name in official.sha256):
        return keras
    return None


def read_official(official: Official) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Path]:
    """Return (training images, test images, where they were found), downloading them if they are nowhere.

    Images are uint8 (count, 28, 28).

    Raises
    ------
    PellucidError
        If a file is not the published one, or nothing could be downloaded.
    """
    place = where(official)
    if place is None:
        for name, digest in official.sha256.items():
            _download(official, name, digest)
        place = official.folder
    if place.is_file():
        return *_read_keras(place, "x", _KERAS_PIXELS), place
    train, test = (_read(place / name, digest) for name, digest in official.sha256.items())
    return train, test, place


def read_labels(official: Official, place: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return (training labels, test labels), uint8 (count,); they are downloaded where `place` lacks them.

    Parameters
    ----------
    place : where the images were found

    Raises
    ------
    PellucidError
        As `read_official`.
    """
    if place.is_file():
        return _read_keras(place, "y", _KERAS_LABELS)
    if not all((place / name).is_file() for name in official.labels):
        for name, digest in official.labels.items():
            _download(official, name, digest)
        place = official.folder
    train, test = (_read(place / name, digest) for name, digest in official.labels.items())
    return train, test


def _read(path: Path, digest: str) -> NDArray[np.uint8]:
    if not _is_published(path, digest):
        raise PellucidError(f"{path} is not the published file (its sha256 differs). Delete it.")
    return read_idx(path)


def _read_keras(path: Path, what: str, published: tuple[str, str]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            train, test = arrays[f"{what}_train"], arrays[f"{what}_test"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise PellucidError(f"Keras' copy {path} cannot be read: {error}. Delete it.") from error
    if (_digest(train), _digest(test)) != published:
        raise PellucidError(f"Keras' copy {path} does not hold the published data (their sha256 differs). Delete it.")
    return train, test


def _digest(array: NDArray[Any]) -> str:
    return hashlib.sha256(str(array.shape).encode() + array.tobytes()).hexdigest()


def _is_published(path: Path, digest: str) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest


class _Bar:
    """What pooch tells of a download as it goes: it sets `total`, in bytes, and calls the methods."""

    def __init__(self, title: str) -> None:
        self._title, self._done, self.total = title, 0, 0
        self._shown = ExitStack()
        self._report: Report | None = None

    def update(self, count: int) -> None:
        """Show `count` further bytes; the last chunk counts as a whole one, and a total of 0 is unknown."""
        done = min(self._done + count, self.total)
        if done > self._done:
            if self._report is None:
                self._report = self._shown.enter_context(progress(self._title, self.total, "bytes"))
            self._done = done
            self._report(done)

    def reset(self) -> None:
        """Begin anew, which pooch asks for before it shows the end: there is nothing to do."""

    def close(self) -> None:
        """End the bar."""
        self._shown.close()


def _download(official: Official, name: str, digest: str) -> None:
    target = official.folder / name
    if target.is_file():
        return
    import pooch
    from requests.exceptions import ContentDecodingError, RequestException

    failures = []
    for mirror in official.mirrors:
        bar = _Bar(f"downloading {name}")
        fetch = pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK, timeout=TIMEOUT)
        try:
            with atomic(target) as temporary, closing(bar):
                fetch(mirror + name, str(temporary), None)
                if not _is_published(temporary, digest):
                    raise ContentDecodingError("not the published file")
        except RequestException as error:
            failures.append(f"{urlsplit(mirror).netloc} ({type(error).__name__})")
        else:
            return
    raise PellucidError(
        f"{official.name}: {name} is not on this machine and could not be downloaded from {' or '.join(failures)}. "
        f"Connect to the network, or put it into {official.folder}, or use the embedded data set: strokes."
    )
