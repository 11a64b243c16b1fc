"""Writing pictures to bytes, and what is said of bytes that are refused."""

from __future__ import annotations

import io
from typing import Any

import pytest

from pellucid.common.errors import PellucidError
from pellucid.images.formats import Picture, read_picture, write_picture


def written(picture: Picture, suffix: str | None = None) -> bytes:
    stream = io.BytesIO()
    write_picture(stream, picture, suffix)
    return stream.getvalue()


def refusal(data: bytes, name: str = "a.file", **options: Any) -> str:
    with pytest.raises(PellucidError) as caught:
        read_picture(data, name=name, **options)
    return str(caught.value)
