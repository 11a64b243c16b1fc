"""The Keras tutorial as published, in plain Keras: `python benchmarks/tutorial.py --epochs 100 --out curve.csv`.

MNIST in [0, 1], noise factor 0.5 drawn once and clipped, the convolutional autoencoder, Adam, binary cross-entropy,
batches of 128, shuffled, the noisy test set as validation data. Nothing of pellucid is used but its search for MNIST.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

from pellucid.datasets.official import OFFICIAL, read_official

FACTOR = 0.5


def data() -> tuple[np.ndarray, ...]:
    """Return noisy and clean training images, noisy and clean test images: float32 (count, 28, 28, 1)."""
    train, test, _ = read_official(OFFICIAL["mnist"])
    rng = np.random.default_rng(0)
    pairs = []
    for images in (train, test):
        clean = images.astype("float32")[..., None] / 255
        noisy = np.clip(clean + FACTOR * rng.normal(size=clean.shape), 0, 1).astype("float32")
        pairs += [noisy, clean]
    return tuple(pairs)


def network() -> keras.Model:
    """Return the autoencoder, compiled."""
    image = keras.Input((28, 28, 1))
    x = image
    for _ in range(2):
        x = layers.Conv2D(32, (3, 3), activation="relu", padding="same")(x)
        x = layers.MaxPooling2D((2, 2), padding="same")(x)
    for _ in range(2):
        x = layers.Conv2D(32, (3, 3), activation="relu", padding="same")(x)
        x = layers.UpSampling2D((2, 2))(x)
    model = keras.Model(image, layers.Conv2D(1, (3, 3), activation="sigmoid", padding="same")(x))
    model.compile(optimizer="adam", loss="binary_crossentropy")
    return model


class Clock(keras.callbacks.Callback):
    """Notes the seconds of each epoch, its validation included, as the script's user waits for both."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Start the clock."""
        self._begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Stop it."""
        self.seconds.append(time.perf_counter() - self._begin)


def train(epochs: int, seed: int = 0) -> list[dict[str, float]]:
    """Train for some epochs; return loss, validation loss and seconds of each."""
    keras.utils.set_random_seed(seed)
    noisy, clean, noisy_test, clean_test = data()
    clock = Clock()
    done = network().fit(
        noisy,
        clean,
        epochs=epochs,
        batch_size=128,
        shuffle=True,
        validation_data=(noisy_test, clean_test),
        callbacks=[clock],
        verbose=0,
    )
    columns = zip(done.history["loss"], done.history["val_loss"], clock.seconds, strict=True)
    return [{"epoch": n, "loss": a, "val_loss": b, "seconds": s} for n, (a, b, s) in enumerate(columns, 1)]


def main() -> None:
    """Train, and write the curve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--out", type=Path, help="CSV file to write")
    options = parser.parse_args()
    rows = train(options.epochs)
    for row in rows:
        print(f"epoch {row['epoch']}: loss {row['loss']:.4f}, val_loss {row['val_loss']:.4f}, {row['seconds']:.1f} s")
    if options.out:
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
