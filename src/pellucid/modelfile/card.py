"""The card: what a model file says of itself."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn, TypeGuard

from pellucid.common import PellucidError

VERSION = 3
"""Of the card. Version 1 had no `statistics`, version 2 no `ranges`; they are read as if these were empty."""

MAX_GRID = 256
"""Limit of `multiple_of`, in pixels: a grid of eight halvings."""

MAX_HALO = 1024
"""Limit of `halo`, in pixels; every tile of a large image is read with it all around."""

MAX_STATISTIC = 1e3
"""Limit of the absolute value of a statistic, which describes values that are nominally in [0, 1]."""

MAX_LINE = 8000
"""Characters of the longest text in a card."""


@dataclass(frozen=True)
class Card:
    """What a model file says of itself.

    Attributes
    ----------
    network : the name of the network
    channels : 1 for gray, 3 for colour
    multiple_of : heights and widths must be multiples of this many pixels
    halo : how many pixels beyond a cell of that grid its result depends on
    noise : the corruption it was trained for, as `pellucid.noise.parse` reads it
    trained_on : the data set in one line
    scores : mean scores on the test part, by `<score>.<image>`, such as `psnr.denoised` (dB)
    versions : of pellucid and of what trained it
    statistics : of noisy training images, by trait: three rising quantiles (see `domain`); empty if not recorded
    ranges : which values of the training images were black and white, by kind of number (see `images.kind_of`)
    created : date and time, ISO 8601, UTC
    value_range : of the values the graph takes and gives
    format : the version of this description
    """

    network: str
    channels: int
    multiple_of: int
    halo: int
    noise: str
    trained_on: str
    created: str
    scores: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    statistics: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    value_range: tuple[float, float] = (0.0, 1.0)
    format: int = VERSION

    def to_json(self) -> str:
        """Return the card as JSON that `from_json` takes.

        Characters of `trained_on` that no terminal should get are replaced, and scores that JSON cannot hold, such as
        the infinite PSNR of two equal images, are left out.
        """
        trained_on = "".join(character if character.isprintable() else "\ufffd" for character in self.trained_on)
        scores = {name: score for name, score in self.scores.items() if math.isfinite(score)}
        shown = dataclasses.replace(self, trained_on=trained_on[:MAX_LINE], scores=scores)
        return json.dumps(dataclasses.asdict(shown))

    @classmethod
    def from_json(cls, text: str) -> Card:
        """Read a card and check it.

        Raises
        ------
        PellucidError
            If something is missing, too much, of the wrong type or out of range, or of a newer version. The text
            completes "the model file ...".
        """
        try:
            values = json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise PellucidError(f"has a card that is not JSON: {error}") from error
        if not isinstance(values, dict):
            raise PellucidError("has a card without fields")
        newest = values.get("format")
        if isinstance(newest, int) and newest > VERSION:
            raise PellucidError(f"is of the newer format {newest}; update pellucid")
        if type(newest) is int and 1 <= newest < VERSION:
            later = ("statistics", "ranges")[newest - 1 :]
            if not values.keys() & set(later):
                values = {**values, **{name: {} for name in later}, "format": VERSION}
        known = {item.name for item in dataclasses.fields(cls)}
        if set(values) != known:
            differing = ", ".join(sorted(known ^ set(values)))[:200]
            raise PellucidError(f"has a card whose fields are not {', '.join(sorted(known))}: {differing!r}")
        wrong = [name for name, value in values.items() if not _fits(name, value)]
        if wrong:
            raise PellucidError(f"has a card with {str(values[wrong[0]])[:80]!r} as its {wrong[0]}")
        statistics = {name: tuple(map(float, row)) for name, row in values["statistics"].items()}
        ranges = {kind: tuple(map(float, ends)) for kind, ends in values["ranges"].items()}
        known_range = tuple(values["value_range"])
        return cls(**{**values, "value_range": known_range, "statistics": statistics, "ranges": ranges})


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _fits(name: str, value: object) -> bool:
    """Whether a field of the card, as JSON has it, is of the type and in the range that it may be."""
    match name:
        case "channels":
            return _whole(value, 1, 3) and value != 2
        case "multiple_of":
            return _whole(value, 1, MAX_GRID)
        case "halo":
            return _whole(value, 0, MAX_HALO)
        case "format":
            return _whole(value, VERSION, VERSION)
        case "value_range":
            return isinstance(value, list) and [type(end) for end in value] == [float] * 2 and value == [0, 1]
        case "scores":
            return _table(value) and all(_finite(score) for score in value.values())
        case "statistics":
            return _table(value) and all(_quantiles(row) for row in value.values())
        case "ranges":
            return _table(value) and all(_rising(ends) for ends in value.values())
        case "versions":
            return _table(value) and all(_line(version) for version in value.values())
        case _:
            return _line(value)


def _whole(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most  # a bool is an int to isinstance


def _finite(value: object) -> bool:
    return (type(value) is int and abs(value) < 2**53) or (type(value) is float and math.isfinite(value))


def _quantiles(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    return all(_finite(one) and abs(one) <= MAX_STATISTIC for one in value) and value == sorted(value)


def _rising(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 2 or not all(_finite(end) for end in value):
        return False
    return bool(value[0] < value[1] and math.isfinite(float(value[1]) - float(value[0])))


def _line(value: object) -> bool:
    """Whether it is text that a terminal may show: no control characters."""
    return isinstance(value, str) and len(value) <= MAX_LINE and value.isprintable()


def _table(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict) and len(value) <= 100 and all(_line(key) for key in value)
