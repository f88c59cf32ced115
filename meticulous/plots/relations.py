"""Columns of runs -> how they hang together: scatter, heat map, parallel coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from meticulous.errors import UnknownColumnError, UsageError
from meticulous.plots.axes import Scale, Tick, scale_of, ticks
from meticulous.plots.labels import short
from meticulous.query.aggregate import sort_key
from meticulous.query.rows import Row, is_missing, ordered

__all__ = ["Column", "Heat", "column", "heat", "held"]

_SPREAD = 100
"""Numbers above zero whose largest is this many times the smallest get a logarithmic axis."""


class Column(NamedTuple):
    """One column as an axis: a place for each row, and the scale on which they lie.

    Text and truth values lie at 0, 1, … in their order; ``words`` are they then.
    """

    name: str
    values: list[float]
    scale: Scale
    words: list[str]

    def ticks(self, most: int) -> list[Tick]:
        """Return what to write beside the axis."""
        if self.words:
            return [Tick(float(place), word) for place, word in enumerate(self.words)]
        return ticks(self.scale, most)


def held(rows: Sequence[Row], names: Sequence[str]) -> tuple[list[Row], int]:
    """Return the rows that have a value in all of `names`, and how many have not.

    Raises UnknownColumnError where no row has the column, UsageError where no row has them all.
    """
    known = ordered(name for row in rows for name in row)
    for name in names:
        if name not in known:
            raise UnknownColumnError(name, known)
    found = [row for row in rows if all(_has(row.get(name)) for name in names)]
    if not found:
        raise UsageError(f"no run has a value in each of {', '.join(names)}", "See `meticulous ls`")
    return found, len(rows) - len(found)


def _has(value: Any) -> bool:
    return not is_missing(value) and not (isinstance(value, float) and math.isinf(value))


def column(name: str, rows: Sequence[Row], *, log: bool | None = None) -> Column:
    """Return the column `name` of `rows`, which all have it; `log` None chooses by the spread."""
    values = [row[name] for row in rows]
    if all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in values):
        numbers = [float(one) for one in values]
        low, high = min(numbers), max(numbers)
        if log and low <= 0:
            raise UsageError(f"{name} has values at or below zero", "Leave out --log for it")
        is_log = low > 0 and high / low >= _SPREAD if log is None else log
        return Column(name, numbers, scale_of(low, high, log=is_log), [])
    keys = {short(one): sort_key(one) for one in values}
    words = sorted(keys, key=lambda word: (keys[word], word))
    places = [float(words.index(short(one))) for one in values]
    return Column(name, places, scale_of(0.0, float(len(words) - 1)), words)


class Heat(NamedTuple):
    """The mean of a value for each pair of two columns: ``cells[row][column]`` is (mean, runs)."""

    across: list[str]
    down: list[str]
    cells: list[list[tuple[float, int] | None]]


def heat(rows: Sequence[Row], x: str, y: str, value: str) -> Heat:
    """Return the means of `value`, a column of numbers, over the runs with the same `x` and `y`."""
    if not all(type(row[value]) in (int, float) for row in rows):
        raise UsageError(f"{value} has values that are no numbers", "Give a column of numbers")
    keys = [{sort_key(row[name]): short(row[name]) for row in rows} for name in (x, y)]
    across, down = (sorted(one) for one in keys)
    found: dict[Any, list[float]] = {}
    for row in rows:
        found.setdefault((sort_key(row[y]), sort_key(row[x])), []).append(float(row[value]))
    cells = [
        [
            (sum(inside) / len(inside), len(inside)) if (inside := found.get((j, i))) else None
            for i in across
        ]
        for j in down
    ]
    return Heat([keys[0][one] for one in across], [keys[1][one] for one in down], cells)
