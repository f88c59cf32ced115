"""What one looks at first of a series: how many points, first, last, lowest, highest, and its shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from meticulous.metrics.best import Best, summarise_points
from meticulous.metrics.series import Points, Series

__all__ = ["CURVE", "Overview", "overview"]

CURVE = 24
"""Places of the curve."""


class Overview(NamedTuple):
    """One name of one run.

    ``points`` is their number in the lowest rank that has logged the name; ``first`` and ``last`` are
    a number or text, ``min`` and ``max`` None where no number was logged. ``curve`` has the most
    telling value of each of equal parts of the points, None where there is no number at all.
    """

    name: str
    points: int
    first: Any
    last: Any
    last_step: float
    min: float | None
    min_step: float | None
    max: float | None
    max_step: float | None
    curve: list[float] | None


def overview(series: Series, names: Sequence[str] | None = None) -> list[Overview]:
    """Return an overview of each of `names` (default: of all), in the order of `series`."""
    wanted = series.names if names is None else [name for name in series.names if name in names]
    return [_one(name, series.points(name)) for name in wanted]


def _one(name: str, points: Points) -> Overview:
    rank = min(points.rank)
    places: Sequence[int] = range(len(points.rank))
    if points.rank.count(rank) < len(places):
        places = [place for place in places if points.rank[place] == rank]
    best: Best = summarise_points(points, places)
    first = points.texts.get(places[0], points.value[places[0]])
    numbers: Sequence[float] = points.value
    if points.texts or isinstance(places, list):
        numbers = [points.value[place] for place in places if place not in points.texts]
    return Overview(
        name,
        len(places),
        first,
        best["last"],
        best["last_step"],
        best.get("min"),
        best.get("min_step"),
        best.get("max"),
        best.get("max_step"),
        curve(numbers, CURVE) if numbers else None,
    )


def curve(numbers: Sequence[float], size: int) -> list[float]:
    """Return at most `size` values that show how `numbers` go.

    Of each part it is what is not a number, else the value farthest from the mean of the part: a spike
    is never lost.
    """
    if len(numbers) <= size:
        return list(numbers)
    found = []
    for place in range(size):
        part = numbers[place * len(numbers) // size : (place + 1) * len(numbers) // size]
        mean = sum(part) / len(part)
        if math.isfinite(mean):
            low, high = min(part), max(part)
            found.append(low if mean - low > high - mean else high)
        else:
            found.append(next((one for one in part if not math.isfinite(one)), part[-1]))
    return found
