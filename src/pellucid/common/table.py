"""A table of text: what a terminal and a page show alike."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Rows of text.

    Attributes
    ----------
    headings : of the columns
    rows : each has one text per column
    numbers : how many of the columns, the last ones, hold numbers
    model : the place in `rows` of the model that the table is about; None if it is about no model
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: int = 0
    model: int | None = None
