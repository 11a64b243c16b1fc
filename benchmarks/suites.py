"""Public image suites through a denoiser that changes nothing: `python benchmarks/suites.py FOLDER...`.

Each folder is a suite. Every file in it that pellucid takes for an image is denoised by a model file whose result
equals its input, as `pellucid denoise` does it. Then other libraries read both files, and should see the same:

- equal: every library that reads both sees the same pixels (lossy ones within `LOSSY`)
- said: some see other pixels, and a note says what was written in another form
- unread: no other library reads the file
- refused: not supported, or too large
- damaged: refused as damaged or truncated; beside it, how many of these other libraries read in full
- wrong: none of these; each is listed, and exit code 1 says so

The suites are what source packages hold: `pip download --no-clean --no-deps --no-binary :all: pillow scikit-image ...`,
`apt-get source --download-only tiff libpng1.6 vips graphicsmagick ...`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError
from pellucid.images import SUFFIXES, Limits
from pellucid.images.formats.source import open_source
from pellucid.images.formats.writing import WRITTEN_AS
from pellucid.inference import Denoiser, Job, Result, denoise_files
from pellucid.modelfile import Card
from pellucid.modelfile.export import to_onnx
from pellucid.modelfile.file import write

Pages = list[NDArray[Any]]

LOSSY = {"JPEG": 8.0, "WEBP": 8.0, "AVIF": 8.0, "JPEG2000": 0.1}
"""Mean absolute difference of 8-bit values up to which a copy is the same; libraries round JPEG 2000 differently."""

_SUFFIX = {"PNM": ".ppm", "JPEG": ".jpg", "JPEG2000": ".jp2", "JPEGXL": ".jxl", "DICOM": ".dcm"}
_NO_FORM = ("a gray model", "a colour model", "values that are no numbers", "black and white")
"""How notes begin that say nothing of how the copy is written."""


def identity(path: Path) -> None:
    """Write a model file that gives back what it gets."""
    import keras

    noisy = keras.Input((None, None, 1), name="noisy")
    layer = keras.layers.Conv2D(1, 1, kernel_initializer="ones", name="same")
    write(path, to_onnx(keras.Model(noisy, layer(noisy), name="identity"), 1), Card("identity", 1, 1, 0, "", "", ""))


def images(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files that pellucid takes for images, and their kinds, told by their content."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with contextlib.suppress(PellucidError), open_source(path, Limits()) as opened:
                yield path, opened.kind


def by_pillow(path: Path) -> Pages:
    """Read 8 bits as RGBA, as a viewer shows them, and deeper gray values as they are."""
    from PIL import Image, ImageOps, ImageSequence

    with Image.open(path) as opened:
        pages = []
        for frame in ImageSequence.Iterator(opened):
            upright = ImageOps.exif_transpose(frame)
            deep = upright.mode[0] in "IF"
            pages.append(np.asarray(upright if deep else upright.convert("RGBA")))
        return pages


def by_tifffile(path: Path) -> Pages:
    """Read upright files: every page that is no smaller version, or all planes where they have no directories."""
    import tifffile

    with tifffile.TiffFile(path) as opened:
        first = opened.series[0]
        page = opened.pages.first
        if page.tags.valueof("Orientation", 1) != 1 or page.compression in (2, 3, 4):  # it misreads some CCITT fax
            raise ValueError
        if len(opened.series) == 1 and len(opened.pages) == 1:
            return [first.asarray()]
        return [page.asarray() for page in opened.pages if not getattr(page, "is_reduced", False)]


def by_imagecodecs(path: Path) -> Pages:
    """Read upright files with the format's own library."""
    import imagecodecs
    from PIL import ExifTags, Image

    data = path.read_bytes()
    with Image.open(path) as opened:
        if opened.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            raise ValueError
    for name in ("png", "jpeg8", "jpeg2k", "jpegxl", "webp", "avif"):
        if getattr(imagecodecs, f"{name}_check")(data):
            return [getattr(imagecodecs, f"{name}_decode")(data)]
    raise ValueError


def by_pydicom(path: Path) -> Pages:
    """Read the values as they are stored."""
    import pydicom

    return [pydicom.dcmread(path).pixel_array]


def by_astropy(path: Path) -> Pages:
    """Read all images as they are stored."""
    from astropy.io import fits

    with fits.open(path, do_not_scale_image_data=True) as opened:
        return [np.array(each.data) for each in opened if each.is_image and each.data is not None]


def by_mrcfile(path: Path) -> Pages:
    """Read the volume."""
    import mrcfile

    with mrcfile.open(path, permissive=True) as opened:
        return [np.array(opened.data)]


def by_numpy(path: Path) -> Pages:
    """Read one array, or several."""
    loaded = np.load(path)
    return [loaded] if isinstance(loaded, np.ndarray) else [loaded[name] for name in loaded.files]


READERS: dict[str, tuple[Callable[[Path], Pages], ...]] = {
    "TIFF": (by_tifffile, by_pillow),
    "DICOM": (by_pydicom,),
    "FITS": (by_astropy,),
    "MRC": (by_mrcfile,),
    "NPY": (by_numpy,),
    "NPZ": (by_numpy,),
}
_USUAL = (by_pillow, by_imagecodecs)


def seen(reader: Callable[[Path], Pages], path: Path) -> Pages | None:
    """Return what a library reads; None if it does not."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            return reader(path)
    except Exception:
        return None


def same(one: Pages, other: Pages, kind: str) -> bool:
    """Whether two files hold the same pixels."""
    if [page.squeeze().shape for page in one] != [page.squeeze().shape for page in other]:
        return False
    for left, right in zip(one, other, strict=True):
        a, b = left.squeeze(), right.squeeze()
        if kind in LOSSY and a.dtype == np.uint8:
            if np.abs(a.astype(np.int16) - b).mean() > LOSSY[kind]:
                return False
        elif a.dtype.newbyteorder("=") != b.dtype.newbyteorder("=") or not np.array_equal(
            a, b, equal_nan=a.dtype.kind == "f"
        ):
            return False
    return True


def judge(result: Result, kind: str) -> tuple[str, str]:
    """Return what became of a file, as a column of the table, and the details."""
    source, target = Path(result.source), Path(result.target)
    readers = READERS.get(kind, _USUAL)
    if result.error:
        text = str(result.error)
        if ": unexpected " in text or "the process that worked on it" in text:
            return "wrong", text
        if "is damaged or truncated" in text:
            whole = [reader.__name__ for reader in readers if seen(reader, source) is not None]
            return ("damaged, read by others" if whole else "damaged"), f"{text} {whole}"
        return "refused", text
    notes = [note.text for note in result.notes if not note.text.startswith(_NO_FORM)]
    differ, agree = [], 0
    for reader in readers:
        before = seen(reader, source)
        if before is None:
            continue
        after = seen(reader, target)
        if after is not None and same(before, after, kind):
            agree += 1
        else:
            differ.append(f"{reader.__name__} {_shapes(before)} -> {_shapes(after)}")
    if not differ:
        return ("equal" if agree else "unread"), ""
    return ("said" if notes else "wrong"), f"{source}: {'; '.join(differ)} {notes}"


def _shapes(pages: Pages | None) -> list[tuple[Any, ...]]:
    return [(page.shape, page.dtype.name) for page in (pages or ())[:3]]


COLUMNS = ("equal", "said", "unread", "refused", "damaged", "damaged, read by others", "wrong")


def main() -> int:
    """Print a row for each suite, and what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="suites")
    parser.add_argument("--list", nargs="*", default=["wrong"], choices=COLUMNS, help="columns whose files are listed")
    options = parser.parse_args()
    rows, listed = [], []
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "identity.onnx"
        identity(model)
        denoiser = Denoiser(model)
        for folder in options.folders:
            kinds = dict(images(folder))
            jobs = []
            for number, (path, kind) in enumerate(kinds.items()):
                usual = path.suffix.lower() in (*SUFFIXES, ".npy", ".npz")
                suffix = path.suffix.lower() if usual else _SUFFIX.get(kind, f".{kind.lower()}")
                target = Path(scratch) / folder.name / f"{number}{WRITTEN_AS.get(suffix, suffix)}"
                jobs.append(Job(path, target))
            counts: Counter[str] = Counter()
            for result in denoise_files(denoiser, jobs):
                column, details = judge(result, kinds[Path(result.source)])
                counts[column] += 1
                if column in options.list:
                    listed.append(f"{column}: {details}")
                Path(result.target).unlink(missing_ok=True)
            rows.append((folder.name, *(str(counts[column]) for column in COLUMNS)))
    print("\n".join(listed))
    for row in (("suite", *COLUMNS), ("---",) * (len(COLUMNS) + 1), *rows):
        print("|", " | ".join(row), "|")
    return int(any(row[-1] != "0" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
