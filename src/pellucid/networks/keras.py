"""Keras, imported when it is first needed, and quietly."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError


def require_keras() -> Any:
    """Import Keras, quietly, and return it.

    Raises
    ------
    PellucidError
        If it or its backend is not installed.
    """
    try:
        with _quiet():
            return import_module("keras")
    except ModuleNotFoundError as error:
        raise PellucidError(
            f"training needs Keras and a backend ({error.name} is missing). Install it: "
            'pip install "pellucid[tensorflow]".'
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what C++ code writes to standard error while it is loaded, and write it only if that fails.

    TensorFlow describes its build there before any setting can stop it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "keras" in sys.modules:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def predict(model: Any, noisy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Run a Keras model on a batch, NHWC float32."""
    return np.asarray(require_keras().ops.convert_to_numpy(model(noisy, training=False)), dtype=np.float32)
