"""The layers of a network or of a model file."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.common import PellucidError
from pellucid.modelfile import summarize

VALID = Path(__file__).parent / "corpus" / "valid.onnx"


@pytest.mark.keras
@pytest.mark.one_backend
@pytest.mark.parametrize("what", ["classic", str(VALID)])
def test_sizes_that_no_image_has_are_refused(what: str) -> None:
    for wrong in ({"side": 0}, {"side": -4}, {"channels": 2}, {"channels": -1}):
        with pytest.raises(PellucidError, match=r"got -?\d") as caught:
            summarize(what, **wrong)
        assert caught.value.argument in wrong
