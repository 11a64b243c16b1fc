"""The squared error of a denoiser without the clean image: from how its result follows noise that is drawn again.

The squared error is the squared change of the image, less the noise's variance, plus twice the covariance of the result
with the noise. Of zero-mean, about normal noise, however correlated, that covariance shows in how the result follows a
little more noise of the same kind (Stein, 1981; Ramani, Blu and Unser, "Monte-Carlo SURE", 2008). Of other noise, it is
found by denoising the result once more with noise on it (Efron, 2004). All that is needed of the noise is to draw it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NUDGE = 0.02
"""How much of the noise is added again to see what the result makes of it."""


def nudged(noisy: NDArray[np.float32], drawn: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the images with a little of the noise `drawn`, which is that of their kind, on top."""
    return noisy + np.float32(NUDGE) * drawn


def squared_error(
    noisy: NDArray[np.float32],
    drawn: NDArray[np.float32],
    result: NDArray[np.float32],
    moved: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return an estimate of the squared error at each value; single ones may be negative, means are unbiased.

    Parameters
    ----------
    noisy : images of any shape
    drawn : noise of their kind, zero on average
    result, moved : what the denoiser makes of `noisy`, and of `nudged(noisy, drawn)`
    """
    follows = drawn * (moved - result) / np.float32(NUDGE)
    return np.asarray(np.square(result - noisy) - np.square(drawn) + 2 * follows)


def penalized_error(
    noisy: NDArray[np.float32], mean: NDArray[np.float32], again: NDArray[np.float32], mean_again: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the error of a denoiser under noise of any kind, plus the noise's variance; single ones may be negative.

    Efron's covariance penalty by a parametric bootstrap ("The estimation of prediction error", 2004). The error is that
    of the noisy values' mean, as the denoised image predicts it: where noise is cut off at black, that is not black.
    The denoised image stands for the clean one, so of denoisers that leave much noise this is no measure.

    Parameters
    ----------
    noisy : images of any shape
    mean : what noisy values would be on average, were the denoised image the clean one
    again : the denoised image with such noise drawn on it
    mean_again : the same as `mean`, of the denoised `again`
    """
    return np.asarray(np.square(noisy - mean) + 2 * (again - mean) * (mean_again - mean))
