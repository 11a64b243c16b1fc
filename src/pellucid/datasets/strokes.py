"""`strokes`: a built-in data set of digits that look handwritten; it is drawn, not downloaded.

Every digit is a pen dragged along a skeleton: control points written down below, bent by a random hand,
joined by a Catmull-Rom spline, inked with a pen of random width and normalised as in MNIST (the ink fits a
20x20 box, its aspect ratio is kept, the centre of mass is in the middle of the 28x28 frame).

The images are the same, bit for bit, on every machine. Therefore random numbers are the raw bits of a
counter-based generator, and arithmetic on floats uses only what IEEE 754 rounds exactly (+ - * / sqrt,
comparisons), element by element: no exp, sin or pow, no BLAS, no float sum whose order NumPy is free to choose.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.common import PellucidError

_Floats = NDArray[np.float64]
_Singles = NDArray[np.float32]

SIDE = 28  # pixels along an edge of an image
BOX = 20  # pixels along an edge of the box that the ink fits

# The hand, tuned until the statistics of the images matched those of MNIST's training images. Deviations are
# standard deviations; lengths are in heights of a digit, unless they are said to be in pixels.
_SLANT, _SLANT_SPREAD = 0.12, 0.25  # sideways run per unit of height
_TURN = 0.06  # deviation of the sine of the angle that the digit is turned by
_WIDTH, _WIDTH_SPREAD, _WIDTH_LEAST = 1.16, 0.26, 0.75  # sideways stretch
_SHAKE = 0.012  # deviation of a control point
_ELASTIC = 0.028  # deviation of a knot of the elastic distortion
_PRESSURE = 0.12  # deviation of the pen's radius along the way, relative to it
_RADIUS = (0.67, 0.28, 0.22)  # pixels: radius of the pen = a + b w + c w w w with w around 1, from 0 to 2
_RADIUS_MOST = 2.0  # pixels; a thicker pen fills in the loops of 8 and 9
_ROUGHNESS = 0.5  # pixels that the rim of the ink is eaten into or swollen by, at most
_RAMP, _RAMP_SPREAD = 1.25, 0.12  # pixels over which the rim of the ink goes from black to white
_BENT = 0.5  # share of a smooth step, against a straight one, in that ramp
_GAIN = 1.05  # contrast: how much of the ramp MNIST's levels cut off on the white side
_WHITES = (252, 252, 253, 253, 253, 253, 254, 254, 254, 255)  # gray level of full ink, equally likely

_BLOCK = 256  # digits drawn together: the working arrays of a block stay inside a core's cache
_POINTS = 112  # pen positions along a skeleton, at most about 0.7 pixels apart
_DENSE = 48  # spline samples per control interval, from which the pen positions are picked
_SHARES = 20  # the shares of a digit's skeletons sum to this
_CONTROLS = 21  # room for the control points of any one skeleton
_GRID = 4  # knots along an edge of the grid that carries the elastic distortion

# A digit's own part of the generator's stream, in raw 64-bit numbers: uniforms, then three to a bell,
# then a byte per corner of the box's pixels.
_UNIFORMS = 4
_STYLE = 5
_BELLS = _STYLE + 2 * _CONTROLS + 3 * _GRID * _GRID
_FLOATS = _UNIFORMS + 3 * _BELLS
_CORNERS = (BOX + 1) * (BOX + 1)
_STEPS = -(-(_FLOATS + -(-_CORNERS // 8)) // 4)  # of the generator's counter; each yields four raw numbers

# Digit -> (share, skeleton) as people write it. Strokes are separated by "|"; a stroke is a run of "x,y" control
# points (x to the right, y down, the digit about 100 units tall). A corner is two strokes that share a point.
_SKELETONS: dict[int, list[tuple[int, str]]] = {
    0: [
        (8, "42,1 22,10 6,38 3,65 14,91 33,99 53,88 66,62 67,32 57,10 40,0 28,6"),
        (6, "54,10 40,0 20,13 4,42 4,74 17,97 37,96 57,76 66,45 62,16 47,4 34,12"),
        (6, "37,5 15,20 2,50 6,82 25,99 47,92 63,66 66,34 56,10 39,0 26,8 42,16"),
    ],
    1: [
        (11, "36,0 33,50 28,100"),
        (6, "40,0 34,34 31,66 24,100"),
        (2, "12,22 32,0|32,0 32,50 30,100"),
        (1, "10,24 32,0|32,0 32,50 30,99|6,100 30,99 56,98"),
    ],
    2: [
        (6, "6,22 20,4 42,2 54,18 50,40 30,66 6,92|6,92 34,94 70,94"),
        (5, "8,20 24,3 46,4 54,22 46,48 26,76 10,92 3,84 14,76 30,84 46,96 73,90"),
        (5, "4,14 30,4 54,8 56,22 36,50 6,92|6,92 36,88 72,90"),
        (4, "14,28 20,8 40,0 54,12 52,36 38,66 18,92 4,96 1,84 14,75 30,84 46,98 72,92"),
    ],
    3: [
        (6, "8,14 26,1 48,4 54,20 44,38 24,46|24,46 48,50 60,68 50,90 26,100 4,90"),
        (6, "8,12 28,0 50,8 50,28 32,43 24,47 44,50 58,66 52,88 28,100 6,92"),
        (4, "6,6 30,2 54,4|54,4 42,24 24,42|24,42 48,46 60,66 48,92 22,100 2,90"),
        (4, "6,14 28,0 50,10 46,30 26,46 18,44 28,40 50,50 58,72 42,96 18,100 2,88"),
    ],
    4: [
        (6, "14,4 8,30 6,52 20,58 44,54 64,50|54,2 50,40 44,100"),
        (5, "16,2 4,54|4,54 34,53 66,50|54,0 50,45 46,100"),
        (3, "48,0 26,30 2,62|2,62 34,62 70,60|48,0 46,50 44,100"),
        (3, "18,6 10,34 8,50 26,54 46,44 60,20 64,4|64,4 52,45 38,100"),
        (3, "50,4 30,30 6,58 30,60 52,52|58,4 52,50 46,100"),
    ],
    5: [
        (7, "18,4 12,44|12,44 32,36 54,48 58,70 44,94 20,100 2,90|18,4 40,5 74,2"),
        (6, "73,3 44,6 20,8|20,8 14,28 10,46|10,46 34,38 56,52 58,74 42,96 16,100 0,90"),
        (3, "66,3 38,4 18,14 14,30 26,42 46,54 52,74 38,94 16,98 2,88"),
        (4, "22,6 16,24 14,42 34,46 50,60 50,80 34,96 8,98|22,6 46,8 78,2"),
    ],
    6: [
        (6, "38,0 19,22 6,52 6,80 22,99 44,94 54,74 42,58 22,64 9,82"),
        (5, "26,0 14,30 6,62 10,90 30,100 50,88 52,70 38,58 20,66 9,84"),
        (5, "48,3 28,6 11,30 4,60 10,90 32,100 54,86 52,66 34,58 10,70"),
        (4, "32,0 16,28 5,60 6,86 22,100 42,92 44,76 28,69 9,84"),
    ],
    7: [
        (8, "4,10 30,7 60,4|60,4 51,34 42,66 36,100"),
        (3, "4,10 30,7 60,4|60,4 51,34 42,66 36,100|20,53 44,50 68,46"),
        (5, "6,24 6,8|6,8 34,6 60,4|60,4 49,36 40,68 37,100"),
        (4, "2,16 16,6 40,8 58,6 59,20 48,50 40,76 37,100"),
    ],
    8: [
        (8, "50,14 34,0 14,10 14,30 32,46 50,64 52,86 32,100 10,90 8,70 26,50 46,34 52,12"),
        (4, "30,0 12,12 14,34 32,46 48,32 48,10 30,0|32,46 10,62 8,88 30,100 52,88 50,62 32,46"),
        (8, "60,6 38,2 18,12 18,30 36,48 48,68 42,92 22,100 8,86 16,64 40,42 58,22 62,6"),
    ],
    9: [
        (7, "52,14 34,3 14,14 6,34 20,48 40,40 52,14|52,14 48,50 44,100"),
        (5, "52,16 34,2 12,14 8,36 24,48 44,36 52,16 54,50 46,84 28,99 8,92"),
        (5, "48,22 40,4 20,6 6,26 14,44 34,40 50,18|50,18 44,56 30,100"),
        (3, "56,8 36,0 14,12 8,34 22,46 44,34 56,8|56,8 46,50 30,98"),
    ],
}


class _Tables(NamedTuple):
    """Every skeleton as arrays; S skeletons, `pick` maps an equally likely number to one of them."""

    pick: NDArray[np.int64]  # (10 * _SHARES,) skeleton; entry k belongs to digit k // _SHARES
    control: _Floats  # (S, _CONTROLS, 2) distinct control points, 1 = the height of a digit
    ids: NDArray[np.int64]  # (S, _POINTS, 4) the control points that a pen position depends on
    weight: _Floats  # (S, _POINTS, 4) and the weight of each


def _spline(skeleton: str) -> tuple[_Floats, NDArray[np.int64], _Floats]:
    """Return `control`, `ids` and `weight` of `_Tables` for one skeleton."""
    strokes = [[(int(x), int(y)) for x, y in (p.split(",") for p in s.split())] for s in skeleton.split("|")]
    control = list(dict.fromkeys(point for stroke in strokes for point in stroke))
    t = np.arange(_DENSE + 1) / _DENSE
    # Catmull-Rom: the point at t between p1 and p2 as weights of p0, p1, p2, p3; shape (_DENSE + 1, 4).
    outer, inner = ((2 - t) * t - 1) * t, (3 * t - 5) * t * t + 2
    basis = np.stack([outer, inner, ((4 - 3 * t) * t + 1) * t, (t - 1) * t * t], axis=1) / 2
    ids, weight, length = [], [], []
    for stroke in strokes:
        run = [control.index(point) for point in stroke]
        run = [run[0], *run, run[-1]]
        for k in range(len(run) - 3):
            quad = run[k : k + 4]
            x, y = (sum(basis[:, j] * control[quad[j]][axis] for j in range(4)) for axis in (0, 1))
            dx, dy = np.diff(x), np.diff(y)
            ids.append(np.tile(quad, (_DENSE + 1, 1)))
            weight.append(basis)
            length.append(np.concatenate([[0.0], np.sqrt(dx * dx + dy * dy)]))
    travelled = np.cumsum(np.concatenate(length))  # cumsum always adds one by one, from the first
    chosen = np.searchsorted(travelled, np.arange(_POINTS) / (_POINTS - 1) * travelled[-1])
    padded = np.pad(np.array(control) / 100.0, ((0, _CONTROLS - len(control)), (0, 0)))
    return padded, np.concatenate(ids)[chosen], np.concatenate(weight)[chosen]


@cache
def _tables() -> _Tables:
    """Compute all skeletons, on first use."""
    shares, skeletons = zip(*(entry for digit in range(10) for entry in _SKELETONS[digit]), strict=True)
    columns = zip(*(_spline(skeleton) for skeleton in skeletons), strict=True)
    return _Tables(np.repeat(np.arange(len(shares)), shares), *(np.stack(column) for column in columns))


def _fields(x: _Floats, y: _Floats, knots: _Floats) -> list[_Floats]:
    """Read smooth random fields, `knots` (fields, _GRID, _GRID, n), at the points `x`, `y` (_POINTS, n)."""

    def hats(v: _Floats) -> list[_Floats]:
        near = [np.maximum(0.0, 1.0 - np.abs(v * (_GRID - 1) - k)) for k in range(_GRID)]
        return [h * h * (3.0 - 2.0 * h) for h in near]  # smooth; they still sum to 1

    fields = [np.zeros_like(x) for _ in knots]
    across = hats(x)
    for i, row in enumerate(hats(y)):
        for j, column in enumerate(across):
            share = row * column
            for field, knot in zip(fields, knots, strict=True):
                field += share * knot[i, j]
    return fields


def _write(skeleton: NDArray[np.int64], bells: _Floats) -> tuple[_Floats, _Floats, _Floats]:
    """Drag the pen: x, y and relative radius at each pen position, (_POINTS, n) each, heights of a digit."""
    tables = _tables()
    style, shake, knots = np.split(bells, [_STYLE, _STYLE + 2 * _CONTROLS])
    control = tables.control[skeleton].transpose(2, 1, 0) + _SHAKE * shake.reshape(2, _CONTROLS, -1)
    ids, weight = tables.ids[skeleton].transpose(2, 1, 0), tables.weight[skeleton].transpose(2, 1, 0)
    x, y = np.zeros(weight.shape[1:]), np.zeros(weight.shape[1:])
    for j in range(4):
        x += weight[j] * np.take_along_axis(control[0], ids[j], 0)
        y += weight[j] * np.take_along_axis(control[1], ids[j], 0)
    dx, dy, pressure = _fields(x, y, knots.reshape(3, _GRID, _GRID, -1))
    x, y = x + _ELASTIC * dx, y + _ELASTIC * dy
    stretch = np.maximum(_WIDTH_LEAST, _WIDTH + _WIDTH_SPREAD * style[0])
    x = stretch * x - (_SLANT + _SLANT_SPREAD * style[1]) * y
    sine = _TURN * style[2]
    cosine = np.sqrt(1.0 - sine * sine)
    return cosine * x - sine * y, sine * x + cosine * y, np.maximum(0.5, 1.0 + _PRESSURE * pressure)


def _fit(v: _Floats, scale: _Floats, margin: _Floats, uniform: _Floats) -> _Singles:
    """Scale a coordinate (_POINTS, n) into the box, up to half a pixel off its middle where there is room."""
    low, high = v.min(0), v.max(0)
    slack = BOX / 2 - margin - scale * (high - low) / 2
    middle = BOX / 2 + np.minimum(np.maximum(slack, 0.0), 0.5) * (2.0 * uniform - 1.0)
    fitted: _Singles = ((v - (low + high) / 2) * scale + middle).astype(np.float32)
    return fitted


def _depths(px: _Singles, py: _Singles, radii: _Singles, radius: _Singles) -> _Singles:
    """Return how deep in the ink each pixel of the box lies, in pixels, (BOX, BOX, n); negative outside.

    The pen is a disc of `radii` (_POINTS, n) at `px`, `py`; `radius` (n,) is its mean. Squared distances in
    radii are the sum of a term for the row and one for the column, so a pen position costs one sum and one minimum.
    """
    centre = np.arange(BOX, dtype=np.float32)[:, None] + np.float32(0.5)
    nearest = np.full((BOX, BOX, px.shape[1]), np.inf, np.float32)
    here = np.empty_like(nearest)
    for p in range(_POINTS):
        gx, gy = (centre - px[p]) / radii[p], (centre - py[p]) / radii[p]
        np.add((gy * gy)[:, None], gx * gx, out=here)
        np.minimum(nearest, here, out=nearest)
    return np.multiply(radius, 1.0 - np.sqrt(nearest), out=here)


def _place(boxed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Place boxes (n, BOX, BOX) in frames (n, SIDE, SIDE), by whole pixels, with the centre of mass in the middle."""
    mass = boxed.sum((1, 2), dtype=np.int64)
    corners = []
    for across in (2, 1):
        moment = (boxed.sum(across, dtype=np.int64) * np.arange(BOX)).sum(1)
        # Round SIDE / 2 - moment / mass to the nearest whole number, in whole numbers.
        corners.append(np.clip((SIDE * mass - 2 * moment + mass) // (2 * mass), 0, SIDE - BOX))
    images = np.zeros((len(boxed), SIDE, SIDE), np.uint8)
    for image, box, top, left in zip(images, boxed, *corners, strict=True):
        image[top : top + BOX, left : left + BOX] = box
    return images


def _draw_block(seed: int, first: int, count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw digits `first` to `first + count - 1`; images and labels as `draw_digits` returns them."""
    # A digit has its own range of the counter, so it gets the same numbers in whichever block it is drawn.
    # The key's upper word is 0, which is none of the streams of `pellucid.common.randomness`.
    raw = np.random.Philox(key=seed, counter=first * _STEPS).random_raw(count * _STEPS * 4).reshape(count, -1)
    floats = np.ascontiguousarray(raw[:, :_FLOATS].T >> np.uint64(11)) * 2.0**-53
    uniform, thirds = floats[:_UNIFORMS], floats[_UNIFORMS:]
    bells = 2.0 * (thirds[0::3] + thirds[1::3] + thirds[2::3]) - 3.0  # mean 0, deviation 1, from -3 to 3

    entry = (uniform[0] * (10 * _SHARES)).astype(np.int64)
    x, y, pressure = _write(_tables().pick[entry], bells)
    w = 1.0 + bells[3] / 3.0
    radius = np.minimum(_RADIUS[0] + _RADIUS[1] * w + _RADIUS[2] * w * w * w, _RADIUS_MOST)
    radii = radius * pressure
    margin = radii.max(0)
    scale = (BOX - 2.0 * margin) / np.maximum(x.max(0) - x.min(0), y.max(0) - y.min(0))
    px, py = _fit(x, scale, margin, uniform[1]), _fit(y, scale, margin, uniform[2])
    depth = _depths(px, py, radii.astype(np.float32), radius.astype(np.float32))

    # The bytes of each raw number, lowest first, whatever the byte order of the machine.
    noise = np.ascontiguousarray(raw[:, _FLOATS:].astype("<u8")).view(np.uint8)[:, :_CORNERS]
    noise = noise.T.reshape(BOX + 1, BOX + 1, count).astype(np.float32)
    rough = (noise[1:, 1:] + noise[:-1, 1:] + noise[1:, :-1] + noise[:-1, :-1]) / 510.0 - 1.0
    ramp = (_RAMP + _RAMP_SPREAD * bells[4]).astype(np.float32)
    t = np.clip((depth + _ROUGHNESS * rough) / ramp + 0.5, 0.0, 1.0)
    ink = np.minimum(_GAIN * t * (_BENT * t * (3.0 - 2.0 * t) + (1.0 - _BENT)), 1.0)
    white = np.array(_WHITES, np.float32)[(uniform[3] * len(_WHITES)).astype(np.int64)]
    boxed = (ink * white + 0.5).astype(np.uint8).transpose(2, 0, 1)
    return _place(boxed), (entry // _SHARES).astype(np.uint8)


def draw_digits(count: int, seed: int = 0, start: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw digits that look handwritten; digit `start + i` is a pure function of `seed` and `start + i`.

    Returns
    -------
    The images, (count, 28, 28) uint8, white ink (at most 252 to 255, a level per digit) on black (0) as in MNIST; and
    the digits drawn, (count,) uint8, 0 to 9, all equally likely.

    Raises
    ------
    PellucidError
        If `count` is negative, or `seed` or `start` is outside 0..2**63 - 1.
    """
    if count < 0:
        raise PellucidError(f"the number of digits to draw cannot be negative; got {count}.")
    for name, value in (("a seed", seed), ("the first digit's place", start)):
        if not 0 <= value < 2**63:
            raise PellucidError(f"{name} is a whole number from 0 to 2**63-1; got {value}.")
    images = np.empty((count, SIDE, SIDE), np.uint8)
    labels = np.empty(count, np.uint8)
    for first in range(0, count, _BLOCK):
        block = slice(first, min(first + _BLOCK, count))
        images[block], labels[block] = _draw_block(seed, start + first, block.stop - first)
    return images, labels
