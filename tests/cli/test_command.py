"""The command line as a user meets it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Command, run_command
from pellucid.cli import main
from pellucid.images.formats import read_image, write_image
from stopped import SETTINGS, results

pytestmark = [pytest.mark.keras, pytest.mark.one_backend]


def test_training_leaves_a_whole_run_folder_and_a_verdict(trained: tuple[Path, str]) -> None:
    folder, said = trained
    assert {path.name for path in folder.iterdir()} == {
        *("run.json", "config.json", "history.csv", "model.onnx", "model.keras", "scores.json", ".lock"),
        *("before-after.png", "curves.png", "verdict.txt"),
    }
    assert (folder.parent / "latest").resolve() == folder.resolve()
    assert "It helps" in said
    assert str(Path("runs/small/before-after.png")) in said
    scores = {row["name"]: row for row in json.loads((folder / "scores.json").read_text())["scores"]}
    assert scores["swift"]["psnr"] > scores["noisy"]["psnr"] + 4
    assert scores["swift"]["images"] == 60
    assert len(scores) == 3
    history = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
    assert len(history) == 4
    assert float(history[-1]["loss"]) < float(history[0]["loss"]) / 1.5
    config = json.loads((folder / "config.json").read_text())
    assert config["epochs"] == 4
    assert config["learning_rate"] == 0.01
    for picture in ("before-after.png", "curves.png"):
        with Image.open(folder / picture) as opened:
            assert opened.width > 500


def test_the_same_seed_gives_the_same_model(small: Path, command: Command, tmp_path: Path) -> None:
    weights = []
    for name in ("a", "b", "c"):
        seed = 1 if name == "c" else 0
        sizes = ("--network", "classic", "--epochs", 1, "--limit", 100, "--batch-size", 32)
        done = command("train", small, *sizes, "--seed", seed, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
        import onnx

        weights.append([w.raw_data for w in onnx.load(tmp_path / name / "model.onnx").graph.initializer])
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_denoise_writes_beside_the_image_as_it_came(
    trained: tuple[Path, str], photo: np.ndarray, tmp_path: Path
) -> None:
    files = {
        "gray.png": photo[..., 0],
        "colour.png": photo,
        "alpha.png": np.dstack([photo, np.arange(45 * 70, dtype=np.uint8).reshape(45, 70)]),
        "deep.png": photo[..., 0].astype(np.uint16) * 256,
        "deep.tif": photo.astype(np.uint16) * 256,
        "bits.png": photo[..., 0] > 100,
        "line.png": photo[:1, :, 0],
    }
    for name, array in files.items():
        write_image(tmp_path / name, array)
    before = {name: (tmp_path / name).read_bytes() for name in files}
    done = run_command("denoise", *files, "-m", trained[0], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name, array in files.items():
        result = read_image(tmp_path / f"{Path(name).stem}.denoised{Path(name).suffix}")
        assert result.shape == array.shape, name
        assert result.dtype == array.dtype, name
        assert not np.array_equal(result, array), name
        assert (tmp_path / name).read_bytes() == before[name]
    assert np.array_equal(read_image(tmp_path / "alpha.denoised.png")[..., 3], files["alpha.png"][..., 3])


def test_denoise_never_replaces_unasked(
    trained: tuple[Path, str], photo: np.ndarray, command: Command, tmp_path: Path
) -> None:
    write_image(tmp_path / "a.png", photo)
    model = ("-m", trained[0])
    assert command("denoise", "a.png", *model).returncode == 0
    again = command("denoise", "a.png", *model)
    assert (again.returncode, "--overwrite" in again.stderr) == (2, True)
    assert command("denoise", "a.png", "--overwrite", *model).returncode == 0
    onto = command("denoise", "a.png", "-o", "a.png", "--overwrite", *model)
    assert (onto.returncode, "never replaced" in onto.stderr) == (2, True)
    assert np.array_equal(read_image(tmp_path / "a.png"), photo)
    assert command("denoise", "a.png", "a.denoised.png", "-o", "many", *model).returncode == 0
    assert sorted(path.name for path in (tmp_path / "many").iterdir()) == ["a.denoised.png", "a.png"]


def test_denoise_imports_no_training(trained: tuple[Path, str], photo: np.ndarray, tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", photo)
    script = (
        "import sys; from pellucid.cli import main; code = main(sys.argv[1:]); "
        "heavy = {'keras', 'tensorflow', 'jax', 'onnx', 'matplotlib', 'skimage', 'scipy', 'rich'} & set(sys.modules); "
        "sys.exit(code or (f'imported {heavy}' if heavy else 0))"
    )
    arguments = ["denoise", str(tmp_path / "a.png"), "-m", str(trained[0])]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_and_the_package_import_nothing_heavy() -> None:
    script = (
        "import sys, pellucid; from pellucid.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'keras', 'onnxruntime', 'PIL', 'matplotlib', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "denoise" in done.stdout


def test_evaluate_prints_a_table_and_writes_json(
    trained: tuple[Path, str], digits: Path, command: Command, tmp_path: Path
) -> None:
    done = command("evaluate", digits, "-m", trained[0], "--limit", 20, "--json", "scores.json")
    assert done.returncode == 0, done.stderr
    for word in (
        "noisy",
        "swift",
        "median",
        "Gaussian blur",
        "total variation",
        "non-local means",
        "wavelets",
        "It helps",
    ):
        assert word in done.stdout
    (written,) = json.loads((tmp_path / "scores.json").read_text())
    assert [row["images"] for row in written["scores"]] == [20] * 7
    assert written["noise"] == "gaussian:0.5"
    for row in written["scores"]:
        assert row["psnr_low"] < row["psnr"] < row["psnr_high"]
        assert (row["seconds_per_megapixel"] > 0) == (row["name"] != "noisy")


def test_folder_of_mixed_images_trains_on_patches(photo: np.ndarray, command: Command, tmp_path: Path) -> None:
    for index in range(6):
        write_image(tmp_path / "scans" / f"{index}.png", np.roll(photo, 7 * index, axis=1)[: 45 - 3 * index])
    done = command(
        "train", "scans", "--noise", "gaussian:0.2+salt-pepper:0.02", "--epochs", 2, "--batch-size", 2, "--patch", 32
    )
    assert done.returncode == 0, done.stderr
    assert "patches" in done.stderr
    assert (tmp_path / "runs" / "latest" / "before-after.png").exists()
    done = command("denoise", "scans/0.png")
    assert done.returncode == 0, done.stderr
    assert read_image(tmp_path / "scans" / "0.denoised.png").shape == photo.shape


@pytest.mark.usefixtures("few_digits")
def test_without_data_it_says_so_and_trains_on_strokes(command: Command) -> None:
    done = command("train", "--limit", 64, "--epochs", 1, "--out", "run", "--network", "classic")
    assert done.returncode == 0, done.stderr
    assert "MNIST cannot be had" in done.stdout
    assert "strokes" in done.stdout


def test_a_runs_config_is_a_recipe_that_repeats_it(whole: Path, command: Command, tmp_path: Path) -> None:
    done = command("train", "--recipe", whole / "config.json", "--out", "again")
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "again") == results(whole)
    (tmp_path / "bad.json").write_text('{"epochs": 3, "colour": 1}')
    refused = command("train", "--recipe", "bad.json")
    assert (refused.returncode, "not a config" in refused.stderr) == (2, True)


def test_the_tutorial_recipe_judges_on_the_noisy_test_set(small: Path, command: Command, tmp_path: Path) -> None:
    done = command("train", small, "--recipe", "tutorial", "--epochs", 1, "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "test loss" in done.stdout
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["network"], config["fresh_noise"], config["validate_on"]) == ("classic", False, "test")


def test_show_summary_and_data(digits: Path, trained: tuple[Path, str], command: Command, tmp_path: Path) -> None:
    shown = command("show", digits, "--noise", "gaussian:0.5")
    assert shown.stdout == "digits-gaussian-0.5.png\n"
    assert (tmp_path / "digits-gaussian-0.5.png").stat().st_size > 10_000
    summary = command("summary", "classic")
    assert "28,353 parameters" in summary.stdout
    assert "7x7x32" in summary.stdout
    assert "14x14x32" in command("summary", "classifier").stdout
    assert "swift" in command("summary").stdout
    assert "trained for gaussian:0.5 on digits" in command("summary", trained[0]).stdout
    data = command("data")
    assert "strokes" in data.stdout
    assert "not here" in data.stdout


def test_ctrl_c_keeps_the_best_so_far(small: Path, tmp_path: Path) -> None:
    options = ["train", str(small), "--network", str(SETTINGS["network"])]
    options += ["--epochs", "5000", "--patience", "0", "--out", "run"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pellucid", *options],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    history = tmp_path / "run" / "history.csv"
    end = time.monotonic() + 120
    while not history.exists() and time.monotonic() < end:
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "interrupted: keeping the weights of epoch" in said
    assert "PSNR" in said
    assert (tmp_path / "run" / "model.onnx").exists()
    assert "Traceback" not in errors


BAD = [
    (("trian",), "Did you mean 'train'"),
    (("train", "mnits"), "Did you mean 'mnist'"),
    (("train", "mnist"), "could not be downloaded"),
    (("train", "nowhere/at/all"), "does not exist"),
    (("train", "{digits}", "--recipe", "tutoral"), "Did you mean 'tutorial'"),
    (("train", "{digits}", "--network", "clasic"), "Did you mean 'classic'"),
    (("train", "{digits}", "--network", "classifier"), "not a denoiser"),
    (("train", "{digits}", "--model", "classic"), "is told by `network`. (--network)"),
    (("train", "{digits}", "--noise", "gauss:1"), "unknown noise"),
    (("train", "{digits}", "--epochs", "0"), "at least 1"),
    (("train", "{digits}", "--learning-rate", "nan"), "above 0"),
    (("train", "{digits}", "--loss", "l7"), "unknown loss"),
    (("train", "{digits}", "--seed", "-1"), "at least 0"),
    (("train", "{run}"), "no images"),
    (("train", "{digits}", "--out", "{run}"), "already holds a run"),
    (("train", "{digits}", "--out", "{digits}/inside"), "cannot make the run folder"),
    (("denoise", "nothing.png", "-m", "{run}"), "No such file"),
    (("denoise", "{digits}", "-m", "{run}"), "it holds 2 arrays (x_train, x_test); expected one"),
    (("denoise", "x.png", "-m", "nowhere"), "no model at"),
    (("denoise", "x.png", "-m", "{digits}"), "is not a model that pellucid can run"),
    (("evaluate", "{digits}", "-m", "{run}", "--limit", "-3"), "0 (all) or more"),
    (("evaluate", "nothing", "-m", "{run}"), "unknown data set"),
    (("summary", "clasic"), "Did you mean 'classic'"),
    (("summary", "classic", "--side", "27"), "multiples of 4"),
    (("show", "{digits}", "-o", "{digits}/x.png"), "cannot write"),
    (("show", "{digits}", "-o", "x.nonsense"), "x.nonsense"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_what_the_user_can_mend_is_one_sentence_and_exit_code_2(
    arguments: tuple[str, ...],
    said: str,
    digits: Path,
    trained: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    filled = [part.format(digits=digits, run=trained[0]) for part in arguments]
    if said == "no images":
        filled[1] = str(tmp_path)
    assert main(filled) == 2
    errors = capfd.readouterr().err
    assert said in errors
    assert errors.startswith("pellucid: ")
    assert errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.datasets.NAMED", None)
    with pytest.raises(AttributeError):
        main(["data"])


@pytest.mark.real
@pytest.mark.usefixtures("few_digits")
def test_real_digits_end_to_end(real: Path, command: Command, tmp_path: Path) -> None:
    environment = {"PELLUCID_DATA": str(real)}
    done = command("train", "mnist", "--limit", 1500, "--epochs", 2, "--batch-size", 32, "--out", "run", **environment)
    assert done.returncode == 0, done.stderr
    scores = {row["name"]: row for row in json.loads((tmp_path / "run" / "scores.json").read_text())["scores"]}
    assert scores["noisy"]["psnr"] == pytest.approx(9.4, abs=0.1)
    assert scores["median 3x3"]["psnr"] == pytest.approx(14.1, abs=0.3)
    assert scores["swift"]["psnr"] > 16
    assert scores["swift"]["bce"] < 0.2
