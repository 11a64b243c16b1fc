"""Photographs: train on train400, judge on Set12 beside BM3D: `python benchmarks/photographs.py TRAIN TEST`.

TRAIN and TEST are folders of images, or a .zip file of them; without them, the few colour photographs that come with
scikit-image are used, at half their size, so that little is left of their compression. One network is trained for a
range of noise levels with the recipe `photos`; it and BM3D (which is told the noise level) then get the same noisy
images. Noise is Gaussian and not clipped, as the literature has it; results are clipped to [0, 1]. The curve is the
validation loss, as dB of the mean squared error over all noise levels, against the minutes of training. Further options
are those of `pellucid train`, values joined by `=`: `--epochs=90`. Needs `pip install bm3d`, whose licence allows
non-commercial use only.
"""

from __future__ import annotations

import argparse
import csv
import math
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from pellucid.datasets.sources import FileImages
from pellucid.evaluation.classical import BlockMatching
from pellucid.evaluation.compare import evaluate, tune_classical
from pellucid.images.finding import find_images
from pellucid.images.formats import write_image
from pellucid.inference.denoiser import Denoiser

NOISE = "gaussian:0.045-0.21:unclipped"


def unpack(source: Path, target: Path) -> None:
    """Put the images of a folder or a .zip file at `target`."""
    if source.suffix == ".zip":
        with zipfile.ZipFile(source) as archive:
            archive.extractall(target)
    else:
        target.symlink_to(source.resolve(), target_is_directory=True)


def bundled(folder: Path) -> None:
    """Put scikit-image's own colour photographs into `folder`: six to train on, two to judge by."""
    from skimage import data
    from skimage.transform import downscale_local_mean

    parts = {
        "train": ("coffee", "rocket", "retina", "hubble_deep_field", "immunohistochemistry", "stereo_motorcycle"),
        "test": ("astronaut", "chelsea"),
    }
    for part, names in parts.items():
        (folder / part).mkdir()
        for name in names:
            image = getattr(data, name)()
            image = image[0] if isinstance(image, tuple) else image
            half = downscale_local_mean(image, (2, 2, 1))[: image.shape[0] // 2, : image.shape[1] // 2]
            write_image(folder / part / f"{name}.png", np.rint(half).astype(np.uint8))


def train(folder: Path, run: Path, options: list[str]) -> None:
    """Train, and print dB over minutes."""
    command = [sys.executable, "-m", "pellucid", "train", folder, "--recipe", "photos", "--out", run]
    subprocess.run([*command, *options], check=True)
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    minutes = np.cumsum([float(row["seconds"]) + float(row["validation_seconds"]) for row in rows]) / 60
    print("minutes of training: dB on the validation part")
    for index in sorted({round((len(rows) - 1) * part / 12) for part in range(13)}):
        print(f"  {minutes[index]:5.1f}: {-10 * math.log10(float(rows[index]['validation_loss'])):.2f}")


def judge(model: Path, images: FileImages, tuning: FileImages, levels: list[float]) -> None:
    """Print mean PSNR and SSIM of all, per noise level."""
    denoiser, ensemble = Denoiser(model), Denoiser(model, ensemble=True)
    for level in levels:
        noise = f"gaussian:{level / 255}:unclipped"
        best, chosen = next(iter(tune_classical(tuning, noise).items()))
        rivals = {"BM3D": BlockMatching(level / 255), best: chosen}
        methods = {"pellucid": denoiser, "pellucid --ensemble": ensemble, **rivals}
        scores = evaluate(methods, images, noise)
        gain = scores[1].psnr - scores[3].psnr
        print(f"sigma {level:g} of 255, {len(images)} images; better than BM3D in {np.sum(gain > 0)}")
        for one in scores:
            print(f"  {one.name:32s} {one.psnr.mean():.2f} dB, SSIM {one.ssim.mean():.3f}", flush=True)


def main() -> None:
    """Train and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, nargs="?")
    parser.add_argument("test", type=Path, nargs="?")
    parser.add_argument("--levels", type=float, nargs="+", default=[15, 25, 50], help="sigma, of 255")
    parser.add_argument("--out", type=Path, help="run folder to keep")
    parser.add_argument("--run", type=Path, help="judge this run instead of training one")
    given, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "photographs"
        folder.mkdir()
        if given.test:
            unpack(given.train, folder / "train")
            unpack(given.test, folder / "test")
        else:
            bundled(folder)
        run = given.run or given.out or Path(name) / "run"
        if not given.run:
            train(folder, run, ["--noise", NOISE, *options])
        images, tuning = (FileImages(list(find_images(folder / part, recursive=True))) for part in ("test", "train"))
        judge(run, images, tuning, given.levels)


if __name__ == "__main__":
    main()
