"""Real images: they come back bit for bit, and starting to read one imports no more than it needs."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.images.formats import probe, read_image, read_picture, write_picture


def comes_back(data: bytes) -> None:
    picture, stream = read_picture(data), io.BytesIO()
    write_picture(stream, picture)
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(stream.getvalue()))
    assert (after.mode, after.size, after.info.get("dpi")) == (before.mode, before.size, before.info.get("dpi"))
    assert np.array_equal(np.asarray(after), np.asarray(before))
    assert np.array_equal(picture.pages[0], np.asarray(before))


@pytest.mark.real
def test_real_images_come_back(real: Path) -> None:
    paths = [*sorted((real / "set12").glob("*.png"))[:3], *sorted((real / "microscopy").rglob("*.png"))]
    assert len(paths) > 10
    for path in paths:
        comes_back(path.read_bytes())
        assert probe(path) == (*read_image(path).shape[:2], 1)


@pytest.mark.real
def test_real_documents_come_back(real: Path) -> None:
    with zipfile.ZipFile(next((real / "dirty-documents").glob("*.zip"))) as archive:
        names = [name for name in archive.namelist() if name.endswith(".png")][:10]
        assert names
        for name in names:
            comes_back(archive.read(name))


@pytest.mark.real
def test_real_sixteen_bit_micrograph(real: Path) -> None:
    frame = read_image(real / "microscopy" / "pairs" / "bacteria_16bit_noisy.png")
    assert (frame.dtype, frame.shape) == (np.uint16, (512, 512))
    assert frame.max() > 2000


def test_reading_a_png_imports_pillow_alone(tmp_path: Path) -> None:
    Image.new("L", (5, 5)).save(tmp_path / "a.png")
    script = (
        "import sys; from pellucid.images import read_picture, write_picture; "
        "write_picture('b.png', read_picture('a.png')); "
        "heavy = {'tifffile', 'imagecodecs', 'scipy', 'skimage', 'PIL.TiffImagePlugin'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
