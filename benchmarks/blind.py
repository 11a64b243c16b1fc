"""One model for all noise levels against one model per level: `python benchmarks/blind.py`.

Trains the default recipe for `gaussian:0.1-0.8`, and once for each level, then judges both on the same noisy test
images. The blind model may be given more epochs (`--blind-epochs`), as it stands for many.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import pellucid
from pellucid.evaluation.compare import evaluate


def main() -> None:
    """Train all, judge all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--noise", default="gaussian:0.1-0.8")
    parser.add_argument("--levels", type=float, nargs="+", default=[0.1, 0.3, 0.5, 0.8])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--blind-epochs", type=int, default=12)
    parser.add_argument("--limit", type=int, default=0, help="use at most so many training images")
    given = parser.parse_args()
    images = pellucid.load(given.data).test
    with tempfile.TemporaryDirectory() as name:

        def trained(noise: str, epochs: int) -> pellucid.Denoiser:
            run = pellucid.train(
                given.data, noise=noise, epochs=epochs, limit=given.limit, out=Path(name) / f"{noise}-{epochs}"
            )
            print(f"trained for {noise}, {epochs} epochs", flush=True)
            return run.denoiser()

        blind = {str(epochs): trained(given.noise, epochs) for epochs in (given.epochs, given.blind_epochs)}
        print("| level | noisy | trained for it | " + " | ".join(f"blind, {n} epochs" for n in blind) + " |")
        print("|---" * (3 + len(blind)) + "|")
        for level in given.levels:
            noise = f"gaussian:{level}"
            noisy, own, *others = evaluate({"own": trained(noise, given.epochs), **blind}, images, noise)
            mean = own.psnr.mean()
            found = " | ".join(f"{one.psnr.mean():.2f} ({one.psnr.mean() - mean:+.2f})" for one in others)
            print(f"| {level:g} | {noisy.psnr.mean():.2f} | {mean:.2f} | {found} |", flush=True)


if __name__ == "__main__":
    main()
