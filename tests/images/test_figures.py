"""Pictures, whatever the names in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pellucid.images.figures import drawable, gallery, save_figure


def test_names_that_a_font_cannot_draw(tmp_path: Path) -> None:
    """Matplotlib would warn of each letter, and warnings are errors here."""
    assert drawable("é [1] 图像.png") == "é [1] ??.png"
    image = np.zeros((8, 8, 1), np.float32)
    save_figure(gallery({"图": [image]}, "图像 $x^ [1]$", ["像"]), tmp_path / "a.png")
