"""The best on photographs: a residual U-Net at half resolution that estimates the noise and subtracts it.

It learns the difference from the noisy image (Zhang et al., DnCNN, 2017), so fine detail need not pass through the
network. Its inner blocks are residual, too (He et al., 2016). Each begins as the identity, because its last convolution
begins at zero (Zhang et al., Fixup, 2019); this made batch normalisation unnecessary here.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers


def build(channels: int = 1, widths: tuple[int, ...] = (48, 96), depth: int = 2) -> keras.Model:
    """Build the network; its result is not bounded to [0, 1].

    Parameters
    ----------
    channels : 1 for gray, 3 for colour
    widths : channels at 1/2, 1/4, ... of the resolution
    depth : residual blocks, of two convolutions, at each resolution, on the way down and on the way up
    """

    # --- layers
    def conv(x: Any, width: int, kernel: int = 3, strides: int = 1, start: str = "he_normal") -> Any:
        return layers.Conv2D(width, kernel, strides, "same", kernel_initializer=start)(x)

    def blocks(x: Any, width: int) -> Any:
        for _ in range(depth):
            x = layers.Add()([x, conv(layers.ReLU()(conv(x, width)), width, start="zeros")])
        return x

    # --- model
    noisy = keras.Input((None, None, channels), name="noisy")
    x: Any = noisy
    skips: list[Any] = []
    for width in widths:
        x = layers.ReLU()(conv(x, width, kernel=2 if skips else 4, strides=2))
        skips.append(blocks(x, width))
        x = skips[-1]
    for width, skip in reversed(list(zip(widths, skips[:-1], strict=False))):
        x = blocks(layers.Add()([layers.Conv2DTranspose(width, 2, strides=2, padding="same")(x), skip]), width)

    # --- config
    noise = layers.Conv2DTranspose(channels, 4, strides=2, padding="same", kernel_initializer="zeros", name="noise")(x)
    return keras.Model(noisy, layers.Add(name="image")([noisy, noise]), name="residual")
