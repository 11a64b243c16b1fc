"""Damaged and hostile model files are refused in one sentence: python benchmarks/fuzz_models.py --count 1000 --seed 0.

A child process under limits of time and address space opens each mutant of `mutations` and, if it opens, denoises a
16x16 image. Anything but a result or a `PellucidError` is a finding: a traceback, a crash, more than 10 s, too much
memory. Findings are kept in a folder, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import select
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from mutations import mutant, valid_files

HANG = 10.0
"""Seconds."""
SPARE = 2**30
"""Bytes of address space that opening and running a file may take beyond what a valid one does."""

WORKER = """
import re, resource, sys, warnings
from pathlib import Path
import numpy as np
from pellucid import Denoiser
from pellucid.common import PellucidError
image = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
engine, spare, valid = sys.argv[1], int(sys.argv[2]), sys.argv[3]
Denoiser(valid, threads=1, engine=engine)(image)
used = 1024 * int(re.search(r"VmSize:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
resource.setrlimit(resource.RLIMIT_AS, (used + spare, used + spare))
warnings.simplefilter("error")
print("ready", flush=True)
for line in sys.stdin:
    try:
        result = Denoiser(line.strip(), threads=1, engine=engine)(image)
        said = "ran" if result.shape == image.shape and result.dtype == image.dtype else f"FOUND {result.shape}"
    except PellucidError as error:
        said = f"refused {str(error)[:400]!r}"
    except BaseException as error:
        said = f"FOUND {type(error).__name__}: {str(error)[:400]!r}"
    print(said, flush=True)
"""


class Child:
    """A process that opens one file after another, started anew when it died."""

    def __init__(self, engine: str, valid: Path) -> None:
        self.command = [sys.executable, "-c", WORKER, engine, str(SPARE), str(valid)]
        self.process: subprocess.Popen[str] | None = None

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        if process.stdout.readline() != "ready\n":
            sys.exit("a valid file does not run")
        return process

    def open(self, path: Path) -> str:
        """Open the file: `ran`, `refused ...` or `FOUND ...`."""
        self.process = self.process or self._start()
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], HANG)[0]:
            self.close()
            return f"FOUND no answer in {HANG:g} s"
        said = self.process.stdout.readline().strip()
        if not said:
            code = self.process.wait()
            self.process = None
            return f"FOUND crash, exit code {code}"
        return said

    def close(self) -> None:
        """End the process."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


def main() -> int:
    """Run the mutants and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", default="onnxruntime")
    parser.add_argument(
        "--keep", type=Path, default=Path("fuzz-findings"), help="folder for the files that are findings"
    )
    options = parser.parse_args()
    files = valid_files()
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        valid, path = Path(folder) / "valid.onnx", Path(folder) / "mutant.onnx"
        valid.write_bytes(files[0])
        child = Child(options.engine, valid)
        for number in range(options.count):
            path.write_bytes(mutant(number, options.seed, files))
            said = child.open(path)
            outcomes[said.split()[0]] += 1
            if said.startswith("refused"):
                reasons[said.replace(str(path), "").split(":")[0][:60]] += 1
            if said.startswith("FOUND"):
                options.keep.mkdir(exist_ok=True)
                kept = options.keep / f"{options.seed}-{number}.onnx"
                kept.write_bytes(path.read_bytes())
                print(f"{kept}: {said}")
        child.close()
    print(f"{options.engine}, {options.count} files, seed {options.seed}: {dict(outcomes)}")
    for reason, count in reasons.most_common(20):
        print(f"{count:6} {reason}")
    return 1 if outcomes["FOUND"] else 0


if __name__ == "__main__":
    sys.exit(main())
