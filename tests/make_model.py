"""Write a small model file and a noisy image into a folder, for trying the wheel: make_model.py FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from pellucid.images.formats import write_image
from pellucid.modelfile.card import Card
from pellucid.modelfile.export import to_onnx
from pellucid.modelfile.file import write
from pellucid.networks.registry import build

folder = Path(sys.argv[1])
card = Card("classic", 1, 4, 11, "gaussian:0.5", "nothing", "2026-01-01T00:00:00+00:00")
write(folder / "model.onnx", to_onnx(build("classic"), 1), card)
write_image(folder / "noisy.png", np.random.default_rng(0).integers(0, 255, (45, 70, 3), dtype=np.uint8))
