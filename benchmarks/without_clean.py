"""Training without clean images: each kind of noisy data, judged by clean images that the training never sees.

`python benchmarks/without_clean.py ROW ... [--minutes M] [--data FOLDER]`, ROW one or more of those below, or `all`.
Noise is drawn once, written to files, and stays: redrawn from the clean images in every epoch, as in many a published
table, it flatters. Each row prints the command, the core-seconds that it took (training, and measuring and judging
beside it), and PSNR in dB against the clean images. FOLDER holds `train400`, `set12`, `mnist` and `microscopy`.

set12       train400 with Gaussian noise of 25/255, unclipped; judged on Set12 with the same noise
shots       two shots of each of these
supervised  the clean ones, for comparison
one         each of Set12's 256x256 images alone, the same noise, beside BM3D (needs `pip install bm3d`)
w2s         nine real frames of photons; the clean averages fitted by gain and offset
frames      a frame of bacteria and one of cells (FMD), each alone, beside every filter tuned by the truth
mnist       10,000 digits with Gaussian noise of 0.5, clipped
correlated  train400 and Set12 with Gaussian noise of 0.1 whose neighbours have a correlation of 0.58
rows        train400 and Set12 with rows shifted by 0.03 and Gaussian noise of 0.05
"""

from __future__ import annotations

import argparse
import gzip
import resource
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid import Denoiser, read_image
from pellucid.evaluation.classical import FAMILIES, BlockMatching
from pellucid.images import Scale, to_unit
from pellucid.inference import on_unit
from pellucid.noise import parse, unclipped

Images = Sequence[NDArray[np.float32]]

SIGMA = 25 / 255
ROWS: dict[str, Callable[[Path, Path, float | None], None]] = {}


def row(function: Callable[[Path, Path, float | None], None]) -> Callable[[Path, Path, float | None], None]:
    """Make a function a row of the table."""
    ROWS[function.__name__] = function
    return function


def folder(source: Path) -> list[NDArray[np.float32]]:
    """Read the images of a folder, float32 (height, width, channels) in [0, 1]."""
    return [to_unit(read_image(path)) for path in sorted(source.rglob("*.png"))]


def train400(data: Path, work: Path) -> NDArray[np.float32]:
    """Return the 400 photographs as one array."""
    if not (work / "train400").exists():
        with zipfile.ZipFile(data / "train400" / "train400.zip") as archive:
            archive.extractall(work / "train400")
    return np.stack(folder(work / "train400"))


def noisy_like(images: Images, noise: str, seed: int) -> list[NDArray[np.float32]]:
    """Draw noise on images, once."""
    corruption, rng = unclipped(parse(noise)), np.random.default_rng(seed)
    return [corruption(image[None], rng)[0] for image in images]


def train(*options: object, out: Path) -> Path:
    """Run a training and say what it took; return its folder."""
    command = ["pellucid", "train", *map(str, options), "--out", str(out)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"$ {' '.join(command)}\n  {seconds:.0f} core-seconds in all")
    if done.returncode:
        raise SystemExit(done.stderr)
    for line in done.stdout.splitlines():
        if line.startswith(("noise:", "method:", "the second")) or " steps of " in line or "helps" in line:
            print(f"  {line}")
    sys.stdout.flush()
    return out


def psnr(clean: NDArray[np.float32], result: NDArray[np.float32]) -> float:
    """Return the PSNR in dB, of results clipped to [0, 1]."""
    return float(-10 * np.log10(np.mean(np.square(np.clip(result, 0, 1) - clean))))


def judge(run: Path, clean: Images, noisy: Images) -> None:
    """Print the mean PSNR of a run's model, of its first stage, and with `--ensemble`."""
    models = {"model": Denoiser(run), "with --ensemble": Denoiser(run, ensemble=True)}
    if (run / "rough" / "model.onnx").exists():
        models["first stage"] = Denoiser(run / "rough")
    found = {}
    for name, model in {"noisy": np.copy, **models}.items():
        results = [on_unit(model)(image) for image in noisy]
        found[name] = np.mean([psnr(*pair) for pair in zip(clean, results, strict=True)])
    print("  " + ", ".join(f"{name} {value:.2f}" for name, value in found.items()) + " dB", flush=True)


def budget(minutes: float | None, usual: float) -> tuple[object, ...]:
    """Return the options of a budget."""
    return ("--minutes", minutes or usual)


def photographs(data: Path, work: Path, noise: str) -> tuple[NDArray[np.float32], list, list]:
    """Return noisy training images, and Set12 clean and noisy."""
    learned, test = train400(data, work), folder(data / "set12")
    return np.stack(noisy_like(learned, noise, 1)), test, noisy_like(test, noise, 2)


@row
def set12(data: Path, work: Path, minutes: float | None) -> None:
    """Noisy photographs alone."""
    noisy, *test = photographs(data, work, f"gaussian:{SIGMA}")
    np.save(work / "noisy.npy", noisy)
    judge(train("--noisy", work / "noisy.npy", *budget(minutes, 1.5), out=work / "set12"), *test)


@row
def shots(data: Path, work: Path, minutes: float | None) -> None:
    """Two noisy shots of each photograph."""
    noisy, *test = photographs(data, work, f"gaussian:{SIGMA}")
    np.save(work / "first.npy", noisy)
    np.save(work / "second.npy", np.stack(noisy_like(train400(data, work), f"gaussian:{SIGMA}", 3)))
    both = ("--noisy", work / "first.npy", "--second", work / "second.npy")
    judge(train(*both, *budget(minutes, 1.5), out=work / "shots"), *test)


@row
def supervised(data: Path, work: Path, minutes: float | None) -> None:
    """The clean photographs, for comparison."""
    _, *test = photographs(data, work, f"gaussian:{SIGMA}")
    np.save(work / "clean.npy", train400(data, work))
    noise = ("--noise", f"gaussian:{SIGMA}:unclipped")
    judge(train(work / "clean.npy", *noise, *budget(minutes, 1.5), out=work / "supervised"), *test)


@row
def one(data: Path, work: Path, minutes: float | None) -> None:
    """One small image alone."""
    gains = []
    for path in sorted((data / "set12").glob("*.png"))[:7]:
        clean = to_unit(read_image(path))
        (noisy,) = noisy_like([clean], f"gaussian:{SIGMA}", 2)
        np.save(work / f"{path.stem}.npy", noisy)
        run = train("--noisy", work / f"{path.stem}.npy", *budget(minutes, 2), out=work / f"one-{path.stem}")
        judge(run, [clean], [noisy])
        own = psnr(clean, Denoiser(run, ensemble=True).unit(noisy))
        rival = psnr(clean, BlockMatching(SIGMA)(noisy))
        gains.append((own, rival))
        print(f"  BM3D {rival:.2f} dB", flush=True)
    print("  mean: with --ensemble {:.2f}, BM3D {:.2f} dB".format(*np.mean(gains, axis=0)))


@row
def w2s(data: Path, work: Path, minutes: float | None) -> None:
    """Nine real frames of photons."""
    from skimage.restoration import calibrate_denoiser, denoise_tv_chambolle

    source = data / "microscopy" / "w2s"
    noisy, clean = folder(source / "noisy"), []
    for truth, image in zip(folder(source / "clean"), noisy, strict=True):
        gain, offset = np.polyfit(truth.ravel(), image.ravel(), 1)
        clean.append(np.float32(gain) * truth + np.float32(offset))
    judge(train("--noisy", source / "noisy", *budget(minutes, 3), out=work / "w2s"), clean, noisy)
    weights = {"weight": list(np.geomspace(0.02, 1, 20))}
    smooth = [calibrate_denoiser(image[..., 0], denoise_tv_chambolle, weights)(image[..., 0]) for image in noisy]
    found = [psnr(truth[..., 0], result) for truth, result in zip(clean, smooth, strict=True)]
    print(f"  total variation, weight by scikit-image's calibrate_denoiser: {np.mean(found):.2f} dB")


@row
def frames(data: Path, work: Path, minutes: float | None) -> None:
    """Real frames, each alone."""
    pairs = data / "microscopy" / "pairs"
    for name in ("bacteria_16bit", "fmd_confocal_bpae_r_1"):
        noisy, clean = (read_image(pairs / f"{name}_{kind}.png") for kind in ("noisy", "clean"))
        noisy, clean = (to_unit(image, value_range=Scale.of(noisy).range) for image in (noisy, clean))
        judge(train("--noisy", pairs / f"{name}_noisy.png", *budget(minutes, 2), out=work / name), [clean], [noisy])
        filters = [one for family in FAMILIES.values() for one in family]
        found = {str(each): psnr(clean, each(noisy)) for each in filters}
        best = max(found, key=found.__getitem__)
        print(f"  best filter, by the truth: {best}, {found[best]:.2f} dB")


@row
def mnist(data: Path, work: Path, minutes: float | None) -> None:
    """Noisy digits alone."""
    names = ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz")
    parts = [
        np.frombuffer(gzip.decompress((data / "mnist" / name).read_bytes()), np.uint8, offset=16) for name in names
    ]
    learned, test = (part.reshape(-1, 28, 28, 1).astype(np.float32) / 255 for part in parts)
    noise = parse("gaussian:0.5")
    np.save(work / "digits.npy", noise(learned[:10_000], np.random.default_rng(1))[..., 0])
    options = budget(minutes, 0) if minutes else ()
    run = train("--noisy", work / "digits.npy", *options, out=work / "mnist")
    judge(run, test[:2000], noise(test[:2000], np.random.default_rng(2)))


def beside_supervised(data: Path, work: Path, name: str, noise: str, options: tuple[object, ...]) -> None:
    """Train from noisy photographs alone, and from the clean ones with the same noise."""
    noisy, *test = photographs(data, work, noise)
    np.save(work / "noisy.npy", noisy)
    judge(train("--noisy", work / "noisy.npy", *options, out=work / name), *test)
    np.save(work / "clean.npy", train400(data, work))
    known = ("--noise", str(unclipped(parse(noise))))
    judge(train(work / "clean.npy", *known, *options, out=work / f"{name}-supervised"), *test)


@row
def correlated(data: Path, work: Path, minutes: float | None) -> None:
    """Noise that neighbours share."""
    beside_supervised(data, work, "correlated", "correlated:0.1/0.678", budget(minutes, 1))


@row
def rows(data: Path, work: Path, minutes: float | None) -> None:
    """Shifted rows."""
    beside_supervised(data, work, "rows", "gaussian:0.05+rows:0.03", budget(minutes, 1.5))


def main() -> None:
    """Run the rows that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+", choices=[*ROWS, "all"])
    parser.add_argument("--minutes", type=float, help="in place of the row's own budget")
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    for name in ROWS if "all" in options.rows else options.rows:
        with tempfile.TemporaryDirectory() as work:
            print(f"\n{name}", flush=True)
            ROWS[name](options.data, Path(work), options.minutes)


if __name__ == "__main__":
    main()
