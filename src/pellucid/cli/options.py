"""The commands and their options. Nothing heavy is imported here: `pellucid --help` answers at once."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from typing import Any

EXAMPLES = """\
examples:
  pellucid inspect ./scans                             what noise they have
  pellucid train                                       MNIST, or the embedded digits
  pellucid train ./scans --noise gaussian:0.1-0.3      your own images
  pellucid train --noisy ./stained --clean ./pages     real pairs, the same names in both
  pellucid denoise noisy.png -m runs/latest            writes noisy.denoised.png
  pellucid evaluate mnist -m runs/latest               a table beside the classical filters
"""


def make_parser(version: str, command: str) -> argparse.ArgumentParser:
    """Build the parser; only `command` gets its options, so that no other's are paid for."""
    parser = argparse.ArgumentParser(
        prog="pellucid",
        description="Train a small denoiser on your own images, see whether it helps, use it anywhere.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pellucid {version}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (text, add) in COMMANDS.items():
        parser_of_command = commands.add_parser(name, help=text, description=text)
        if name == command:
            add(parser_of_command)
    return parser


def _train(command: argparse.ArgumentParser) -> None:
    from pellucid.training.config import RECIPES, Config

    command.add_argument("data", nargs="?", help="data set name, folder, .npz, .npy or IDX; none: MNIST, or strokes")
    _clean(command)
    command.add_argument("--recipe", help=f"{', '.join(RECIPES)}, or a run's config.json (default: default)")
    command.add_argument("--out", metavar="FOLDER", help="the run folder to make (default: a new one in runs)")
    command.add_argument("--resume", metavar="RUN", help="continue the unfinished run in this folder")
    command.add_argument(
        "--checkpoint-every", type=float, default=60.0, metavar="SECONDS", help="within an epoch (default 60)"
    )
    command.add_argument("--tensorboard", action="store_true", help="write the history for TensorBoard, too")
    settings = command.add_argument_group(
        "settings", "each overrides the recipe; shown are those of the default recipe"
    )
    for item in dataclasses.fields(Config):
        if item.name != "data":
            _setting(settings, item)


def _setting(group: Any, item: dataclasses.Field[Any]) -> None:
    """Declare one field of `Config` as an option; left out, it is absent from the result."""
    name = "--" + item.name.replace("_", "-")
    text = f"{item.metadata['help']} ({'none' if item.default == '' else item.default})"
    options: dict[str, Any] = {"default": argparse.SUPPRESS, "help": text.replace("%", "%%"), "dest": item.name}
    if isinstance(item.default, bool):
        group.add_argument(name, action=argparse.BooleanOptionalAction, **options)
    else:
        group.add_argument(name, type=type(item.default), metavar=type(item.default).__name__.upper(), **options)


def _repeat(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", help="the folder of a finished run")
    command.add_argument("--out", metavar="FOLDER", help="the run folder to make (default: beside it, named -again)")


def _denoise(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="image files, folders, patterns such as 'scans/*.png'; - reads standard input",
    )
    _model(command)
    command.add_argument("-o", "--output", help="file to write; for several images, a folder; - writes standard output")
    command.add_argument("-r", "--recursive", action="store_true", help="folders below the given ones, too")
    command.add_argument(
        "--overwrite", action="store_true", help="replace outputs that exist; inputs are never replaced"
    )
    command.add_argument("--skip-existing", action="store_true", help="leave out images whose output exists")
    command.add_argument(
        "--memory", metavar="SIZE", help="stay within this much memory, as in 500MB; TIFF and .npy are streamed"
    )
    command.add_argument("--range", metavar="LOW-HIGH", help="what is black and white, as 0-4095 for 12 bits in 16")
    command.add_argument(
        "--strict", action="store_true", help="refuse images outside of what the model was trained for"
    )
    command.add_argument("--engine", default="auto", help="onnxruntime (auto takes it) or openvino")
    command.add_argument(
        "--workers", type=int, default=0, metavar="N", help="files at a time (default: one per processor)"
    )
    command.add_argument("--max-pixels", type=float, metavar="N", help="refuse larger images (default 2.7e8)")


def _inspect(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "images", nargs="+", metavar="IMAGES", help="image files, folders, patterns, .npy; or one data set, as mnist"
    )
    command.add_argument("-r", "--recursive", action="store_true", help="folders below the given ones, too")
    command.add_argument(
        "--limit", type=int, default=40, metavar="N", help="look at N images, evenly chosen (default 40; 0: all)"
    )
    command.add_argument("-o", "--output", metavar="PICTURE", help="draw the noise against brightness there")
    command.add_argument("--json", metavar="FILE", help="write the findings there, too")


def _evaluate(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", nargs="?", help="data set: name or path; its test part is used")
    _pairs(command)
    _model(command)
    _noise(command, "that of the pairs, else what the model was trained for", several=True)
    command.add_argument("--bm3d", action="store_true", help="judge BM3D, too; slow, needs pellucid[bm3d]")
    command.add_argument(
        "--recognise",
        nargs="?",
        const="",
        metavar="CLASSIFIER.onnx",
        help="is the content still right? By this classifier, or one trained on the data set's own labels",
    )
    command.add_argument("--limit", type=int, default=0, metavar="N", help="use only the first N test images")
    command.add_argument("--seed", type=int, default=0, help="of the noise and of a random split (default 0)")
    command.add_argument("--html", metavar="FILE", help="write a report with pictures, one self-contained page")
    command.add_argument("--json", metavar="FILE", help="write the mean scores and times there")
    command.add_argument("--csv", metavar="FILE", help="write the scores of every image there")


def _judge(command: argparse.ArgumentParser) -> None:
    command.add_argument("images", nargs="+", metavar="NOISY", help="noisy image files, folders, patterns")
    _model(command)
    command.add_argument("--second", metavar="SHOT", help="second shot of an image, or folder of them, same names")
    command.add_argument("-r", "--recursive", action="store_true", help="folders below the given ones, too")
    command.add_argument("--range", metavar="LOW-HIGH", help="what is black and white, as 0-4095 for 12 bits in 16")
    command.add_argument("--json", metavar="FILE", help="write all marks there")
    command.add_argument("-o", "--output", metavar="PICTURE", help="draw noisy, denoised, residual, autocorrelation")


def _show(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", nargs="?", help="data set: name or path")
    _pairs(command)
    _noise(command, "that of the pairs, else gaussian:0.5")
    command.add_argument("--seed", type=int, default=0, help="of the noise (default 0)")
    command.add_argument("-o", "--output", metavar="FILE", help="picture to write (default: named for data and noise)")


def _summary(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", nargs="?", help="network name, model file or run folder; none: list the networks")
    command.add_argument("--side", type=int, default=28, help="image side in pixels for the shapes (default 28)")
    command.add_argument("--channels", type=int, default=1, choices=(1, 3), help="1 gray, 3 colour (default 1)")


def _data(command: argparse.ArgumentParser) -> None:
    """Nothing to choose."""


def _clean(command: argparse.ArgumentParser) -> None:
    command.add_argument("--clean", metavar="DATA", help="the same as DATA, for reading well beside --noisy")


def _pairs(command: argparse.ArgumentParser) -> None:
    """What `_train` takes from `Config`, but for `--clean`."""
    _clean(command)
    command.add_argument("--noisy", default="", metavar="NOISY", help="noisy images, named as the clean ones in DATA")
    command.add_argument("--group", default="", metavar="REGEX", help="of pairs: see `pellucid train --help`")


def _noise(command: argparse.ArgumentParser, said: str, *, several: bool = False) -> None:
    from pellucid.corruptions import KINDS

    text = f"KIND:STRENGTH, a range as gaussian:0.1-0.6, '+' chains; kinds: {', '.join(KINDS)} (default: {said})"
    if several:
        command.add_argument("--noise", action="append", help=f"{text}; may be given several times")
    else:
        command.add_argument("--noise", help=text)


def _model(command: argparse.ArgumentParser) -> None:
    command.add_argument("-m", "--model", default="runs/latest", help="run folder or .onnx file (default runs/latest)")
    command.add_argument(
        "--ensemble",
        action="store_true",
        help="average over the image mirrored and turned in eight ways: better on photographs, eight times as long",
    )


COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "inspect": ("estimate what noise is in your images, and what to train against it", _inspect),
    "train": ("train a denoiser and judge it", _train),
    "denoise": ("denoise image files with a trained model", _denoise),
    "repeat": ("train a finished run again, and see whether the result is the same", _repeat),
    "evaluate": ("compare a model with the classical filters on test images", _evaluate),
    "judge": ("judge a model on noisy images alone, or on two shots of a scene", _judge),
    "show": ("draw images of a data set with noise, before any training", _show),
    "summary": ("list the layers of a network or of a model file", _summary),
    "data": ("list the data sets: what, and whether they are here", _data),
}
"""Every command: what it does, and what declares its options."""
