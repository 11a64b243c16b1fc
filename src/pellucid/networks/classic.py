"""The Keras tutorial's convolutional autoencoder, exactly.

Source: F. Chollet, "Building Autoencoders in Keras", The Keras Blog (2016), the variant for denoising digits.
"""

from __future__ import annotations

import keras
from keras import layers


def build(channels: int = 1, width: int = 32) -> keras.Model:
    """Build encoder, 1/4-resolution code of `width` channels, and decoder; 28,353 parameters for gray images.

    The sub-models `encoder` (image to code) and `decoder` (code to image) can be used on their own. On 28x28 images
    the code is 7x7x32 = 1,568 numbers, twice as many as the image has pixels.
    """

    # --- layers
    def conv(name: str) -> keras.layers.Layer:
        return layers.Conv2D(width, 3, activation="relu", padding="same", name=name)

    # --- model
    image = keras.Input((None, None, channels), name="image")
    x = conv("encoder_conv_1")(image)
    x = layers.MaxPooling2D(2, padding="same", name="encoder_pool_1")(x)
    x = conv("encoder_conv_2")(x)
    encoder = keras.Model(image, layers.MaxPooling2D(2, padding="same", name="encoder_pool_2")(x), name="encoder")

    code = keras.Input((None, None, width), name="code")
    x = conv("decoder_conv_1")(code)
    x = layers.UpSampling2D(2, name="decoder_upsample_1")(x)
    x = conv("decoder_conv_2")(x)
    x = layers.UpSampling2D(2, name="decoder_upsample_2")(x)
    x = layers.Conv2D(channels, 3, activation="sigmoid", padding="same", name="decoder_image")(x)
    decoder = keras.Model(code, x, name="decoder")

    # --- config
    noisy = keras.Input((None, None, channels), name="noisy")
    return keras.Model(noisy, decoder(encoder(noisy)), name="classic")
