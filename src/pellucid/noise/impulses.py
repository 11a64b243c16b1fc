"""Impulse noise: black or white pixels that are unlike their neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SIDE = 5  # of the neighbourhood, in pixels
_MOST = 2**16  # pixels of a plane that are counted, about
_FAR = 4.0  # an end of the range is far from the neighbours if it is more spreads than this from their median
_LEAST_DISTANCE = 0.1  # plus this distance
_LOOSE = 2.0  # the same for repairing, where impulses are known to exist
_LEAST_SHARE = 0.001  # of the pixels that can be judged; a smaller share is no finding
_FEWEST = 20  # impulses that make a finding
_ROUNDING = 1e-6  # scaled white may differ from 1 by this
_DISTANCES = 10  # steps of distance from an end that are counted separately
_CONSTANT = 0.5  # in the farther half of the distances, the share of impulses is at least this part of that in all
_GAP = 3.0  # at least so many times as many pixels lie at an end as near it


@dataclass(frozen=True)
class Candidates:
    """The pixels of a plane (one colour of an image) that may be impulses, at one end of the range.

    Attributes
    ----------
    places : indices into the flattened plane of all pixels to replace if there are impulses (a looser choice than
        for `hits`)
    medians : of the neighbours of each
    hits, judged : number of impulses, and of all pixels whose neighbours are far enough from that end to judge; both
        for rising distances of the neighbours from that end
    near : number of pixels that can be judged and come near that end without reaching it
    pixels : number of pixels that were counted
    """

    places: NDArray[np.intp]
    medians: Floats
    hits: NDArray[np.int64]
    judged: NDArray[np.int64]
    near: int
    pixels: int


Ends = tuple[Candidates, Candidates]
"""The candidates at black, and at white."""


@dataclass(frozen=True)
class Impulses:
    """The impulses in a collection: the shares of its values that became black, and white; 0 if none are found.

    `judged` is the share of the values that could be judged, for either end.
    """

    shares: tuple[float, float]
    judged: tuple[float, float]


NO_IMPULSES = Impulses((0.0, 0.0), (0.0, 0.0))


def candidates(plane: Floats) -> Ends:
    """Find the pixels of a plane (height, width) in [0, 1] that lie at an end of the range, far from their neighbours.

    The quartiles of the 24 neighbours say how far they spread (after Hwang and Haddad, "Adaptive median filters", IEEE
    TIP 1995, who use their least and largest).
    """
    padded = np.pad(plane, _SIDE // 2, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_SIDE, _SIDE))
    step = int(np.ceil(np.sqrt(plane.size / _MOST)))
    found = []
    some, (median, spread) = plane[::step, ::step].ravel(), _neighbours(windows[::step, ::step])
    for end in (0.0, 1.0):
        here = np.abs(plane - end) < _ROUNDING
        distance = np.abs(median - end)
        able = distance > _FAR * spread + _LEAST_DISTANCE
        struck = able & here[::step, ::step].ravel()
        near = able & ~struck & (np.abs(some - end) < 0.3 * distance)
        place = np.minimum(distance * _DISTANCES, _DISTANCES - 1).astype(int)
        hits, judged = (np.bincount(place[which], minlength=_DISTANCES) for which in (struck, able))
        at_end = np.flatnonzero(here)
        own, reach = _neighbours(windows[here])
        far = (np.abs(own - end) > _LOOSE * reach) & (own != end)
        found.append(Candidates(at_end[far], own[far], hits, judged, int(near.sum()), some.size))
    return found[0], found[1]


def _neighbours(windows: Floats) -> tuple[Floats, Floats]:
    """Return the median of the 24 neighbours in windows (..., 5, 5), and their spread by the quartiles; flattened."""
    others = np.delete(windows.reshape(-1, _SIDE * _SIDE), _SIDE * _SIDE // 2, axis=1)
    others.partition((6, 12, 18), axis=1)
    return others[:, 12], (others[:, 18] - others[:, 6]) / 1.349


def decide(planes: Sequence[Ends]) -> Impulses:
    """Decide whether the candidates in all planes of a collection are impulses.

    Other noise that reaches an end also comes near it, and reaches it more rarely from farther away.
    """
    shares, judged = [], []
    for end in (0, 1):
        ends = [both[end] for both in planes]
        hits, able = (np.sum([getattr(one, name) for one in ends], axis=0) for name in ("hits", "judged"))
        # The farther half, in whole steps of distance.
        far = np.cumsum(able[::-1])[::-1] <= able.sum() / 2
        far[np.flatnonzero(able)[-1:]] = True
        share = hits.sum() / max(able.sum(), 1)
        enough = hits.sum() >= _FEWEST and share > _LEAST_SHARE and hits.sum() > _GAP * sum(one.near for one in ends)
        constant = hits[far].sum() > _CONSTANT * share * able[far].sum()
        shares.append(float(share) if enough and constant else 0.0)
        judged.append(float(able.sum() / sum(one.pixels for one in ends)))
    return Impulses((shares[0], shares[1]), (judged[0], judged[1]))


def repair(plane: Floats, found: Ends, impulses: Impulses) -> Floats:
    """Return the plane with its impulses replaced by the median of their neighbours."""
    clean = plane.copy()
    for one, share in zip(found, impulses.shares, strict=True):
        if share:
            clean.flat[one.places] = one.medians
    return clean
