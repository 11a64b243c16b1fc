"""An autoencoder that truly compresses: everything about an image must pass through a small code.

It is Hinton and Salakhutdinov's (2006), made convolutional so that images of any size fit. The tutorial's code holds
twice as many numbers as the image has pixels; this one holds a quarter as many, or as few as you ask for.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers


def build(channels: int = 1, code: int = 4, width: int = 32) -> keras.Model:
    """Build encoder, code and decoder; no connection bypasses the code.

    The sub-models `encoder` (image to code) and `decoder` (code to image) can be used on their own.

    Parameters
    ----------
    channels : 1 for gray, 3 for colour
    code : numbers per square of 4x4 pixels; a gray image is compressed 16 / `code` times
    width : channels at half resolution; there are twice as many at a quarter
    """

    # --- layers
    def conv(x: Any, filters: int, kernel: int = 3, strides: int = 1) -> Any:
        x = layers.Conv2D(filters, kernel, strides, "same", use_bias=False, kernel_initializer="he_normal")(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))

    # --- model
    image = keras.Input((None, None, channels), name="image")
    x: Any = conv(conv(image, width, kernel=4, strides=2), width)
    x = conv(conv(x, 2 * width, kernel=2, strides=2), 2 * width)
    encoder = keras.Model(image, layers.Conv2D(code, 3, padding="same", name="to_code")(x), name="encoder")

    numbers = keras.Input((None, None, code), name="code")
    x = conv(conv(numbers, 2 * width), 2 * width)
    x = layers.Conv2DTranspose(width, 2, strides=2, padding="same", name="grow")(x)
    x = conv(conv(x, width), width)
    x = layers.Conv2DTranspose(channels, 4, strides=2, padding="same", activation="sigmoid", name="restore")(x)
    decoder = keras.Model(numbers, x, name="decoder")

    # --- config
    noisy = keras.Input((None, None, channels), name="noisy")
    return keras.Model(noisy, decoder(encoder(noisy)), name="hourglass")
