"""The tutorial's convolutional classifier of Fashion-MNIST."""

from __future__ import annotations

import keras
from keras import layers


def build(channels: int = 1, side: int = 28, classes: int = 10) -> keras.Model:
    """Build Conv 64, Conv 32, MaxPool, and the class scores (softmax) of a `side` x `side` image."""
    # --- layers
    first = layers.Conv2D(64, 3, activation="relu", padding="same", name="conv_1")
    second = layers.Conv2D(32, 3, activation="relu", padding="same", name="conv_2")
    pool = layers.MaxPooling2D(2, name="pool")
    scores = layers.Dense(classes, activation="softmax", name="scores")

    # --- model
    image = keras.Input((side, side, channels), name="image")
    x = scores(layers.Flatten(name="flatten")(pool(second(first(image)))))

    # --- config
    return keras.Model(image, x, name="classifier")
