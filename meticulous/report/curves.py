"""Curves of many runs -> what a report holds of them: small, on one grid, extremes kept.

Of a name whose points lie at few places, all values are kept. Of another, the x axis has equal parts,
and each run has for each part four numbers: the lowest and the highest, in the order in which they came,
the last, and the mean, of which smoothing and groups are made.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from meticulous.metrics import series
from meticulous.metrics.series import Series
from meticulous.plots.points import Array
from meticulous.query.rows import Row

__all__ = ["AXES", "packed"]

AXES = ("relative", "time", "epoch")
"""What may lie across beside the step, where it was logged."""

_MOST_NUMBERS = 420_000
"""Of all curves together: 4 bytes each, and a third more as text."""
_MOST_PLACES, _FEWEST_PLACES = 1500, 60
_PER_PART = 4
_KNOTS = 48
_MOST_MARKS = 20
_LARGEST, _SMALLEST = 3e38, 1e-37
"""Between these a number of 4 bytes will do."""


class _Lines:
    """The points of one name: (place of the run, x, y) for each run that has logged it."""

    def __init__(self) -> None:
        self.runs: list[int] = []
        self.x: list[Array] = []
        self.y: list[Array] = []


def packed(rows: Sequence[Row], names: Sequence[str] | None = None) -> dict[str, Any]:
    """Read the runs of `rows`, and return ``curves``, one object a name, and ``axes``.

    ``axes`` has, for each of :data:`AXES` that is known, and each run, steps and the values there.
    """
    lines: dict[str, _Lines] = {}
    axes: dict[str, dict[int, list[list[float]]]] = {}
    for place, row in enumerate(rows):
        read = series.read(row["curexpdir"])
        for axis, knots in _axes(read).items():
            axes.setdefault(axis, {})[place] = knots
        for name in read.names:
            if names is None or name in names:
                x, y = _points(read, name)
                if len(x):
                    of_name = lines.setdefault(name, _Lines())
                    of_name.runs.append(place)
                    of_name.x.append(x)
                    of_name.y.append(y)
    count = sum(len(one.runs) for one in lines.values())
    places = max(_FEWEST_PLACES, min(_MOST_PLACES, _MOST_NUMBERS // max(count, 1)))
    return {
        "curves": [_packed(name, one, places) for name, one in lines.items()],
        "axes": {axis: axes[axis] for axis in AXES if axis in axes},
    }


def _points(read: Series, name: str) -> tuple[Array, Array]:
    """Return step and value of the lowest rank, in the order of the steps; text is left out."""
    points = read.points(name)
    ranks = np.asarray(points.rank)
    x, y = np.asarray(points.step), np.asarray(points.value)
    use = (ranks == ranks.min()) & np.isfinite(x)
    if points.texts:
        use[list(points.texts)] = False
    if not use.all():
        x, y = x[use], y[use]
    if (np.diff(x) < 0).any():
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
    return x, y


def _axes(read: Series) -> dict[str, list[list[float]]]:
    """Return of each other axis some steps, and where they lie on it; between them it is a line."""
    if not len(read):
        return {}
    steps, times = np.asarray(read.step), np.asarray(read.time)
    found = {}
    known = np.isfinite(times) & np.isfinite(steps)
    if known.any():
        first = float(times[known].min())
        found["relative"] = _knots(steps[known], times[known] - first)
        found["time"] = _knots(steps[known], times[known])
    if "epoch" in read.names:
        x, y = _points(read, "epoch")
        use = np.isfinite(y)
        if use.any():
            found["epoch"] = _knots(x[use], y[use])
    return found


def _knots(steps: Array, values: Array) -> list[list[float]]:
    order = np.argsort(steps, kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, _KNOTS).astype(int))]
    return [[_short(one) for one in steps[chosen]], [_short(one, 12) for one in values[chosen]]]


def _short(number: float, digits: int = 9) -> float:
    found = float(f"{number:.{digits}g}")
    return int(found) if found.is_integer() and abs(found) < 2**53 else found


def _packed(name: str, lines: _Lines, places: int) -> dict[str, Any]:
    every = np.unique(np.concatenate(lines.x))
    is_exact = len(every) <= places
    found: dict[str, Any] = {"name": name, "runs": lines.runs, "exact": is_exact}
    if is_exact:
        found["x"] = [_short(one, 17) for one in every]
        values = np.stack([_placed(every, *pair) for pair in zip(lines.x, lines.y, strict=True)])
    else:
        parts = places // _PER_PART
        low, high = float(every[0]), float(every[-1])
        found["x"] = [low, high, parts]
        values = np.stack(
            [_of_parts(*pair, low, high, parts) for pair in zip(lines.x, lines.y, strict=True)]
        )
    found["size"], found["y"] = _encoded(values)
    found["gap"] = _usual_gap(lines.x)
    found["about"] = [_about(x, y) for x, y in zip(lines.x, lines.y, strict=True)]
    return found


def _placed(every: Array, x: Array, y: Array) -> Array:
    """Return a value for each of `every`, NaN where there is none; of several at one place the last."""
    values = np.full(len(every), np.nan)
    values[np.searchsorted(every, x)] = np.where(np.isfinite(y), y, np.nan)
    return values


def _of_parts(x: Array, y: Array, low: float, high: float, parts: int) -> Array:
    """Return for each part the two extremes in their order, the last and the mean, NaN where empty."""
    values = np.full((parts, _PER_PART), np.nan)
    finite = np.isfinite(y)
    x, y = x[finite], y[finite]
    if not len(x):
        return values.ravel()
    part = np.minimum(((x - low) / (high - low) * parts).astype(np.int64), parts - 1)
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    counts = np.diff(starts, append=len(part))
    lowest, highest = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)
    where_low = _first(y == np.repeat(lowest, counts), part)
    where_high = _first(y == np.repeat(highest, counts), part)
    is_low_first = where_low <= where_high
    held = part[starts]
    values[held, 0] = np.where(is_low_first, lowest, highest)
    values[held, 1] = np.where(is_low_first, highest, lowest)
    values[held, 2] = y[starts + counts - 1]
    with np.errstate(over="ignore"):
        values[held, 3] = np.add.reduceat(y, starts) / counts
    return values.ravel()


def _first(matches: Array, part: Array) -> Array:
    places = np.flatnonzero(matches)
    return places[np.flatnonzero(np.diff(part[places], prepend=-1))]


def _encoded(values: Array) -> tuple[int, str]:
    """Return the bytes of a number, and all as base64, little-endian."""
    held = np.abs(values[np.isfinite(values) & (values != 0)])
    fits = not len(held) or (held.max() < _LARGEST and held.min() > _SMALLEST)
    content = values.astype("<f4" if fits else "<f8").tobytes()
    return (4 if fits else 8), base64.b64encode(content).decode("ascii")


def _usual_gap(lines: Sequence[Array]) -> float:
    gaps = np.concatenate([np.diff(x) for x in lines])
    gaps = gaps[gaps > 0]
    return float(np.median(gaps)) if len(gaps) else 1.0


def _about(x: Array, y: Array) -> dict[str, Any]:
    """Return what the table behind a chart says of one curve, of all of its points."""
    finite = np.flatnonzero(np.isfinite(y))
    lost = np.flatnonzero(~np.isfinite(y))
    found: dict[str, Any] = {
        "points": len(y),
        "first": _value(y[0]),
        "last": _value(y[-1]),
        "last_step": _short(x[-1]),
    }
    if len(finite):
        low, high = (finite[int(of(y[finite]))] for of in (np.argmin, np.argmax))
        found |= {"min": _value(y[low]), "min_step": _short(x[low])}
        found |= {"max": _value(y[high]), "max_step": _short(x[high])}
    if len(lost):
        some = lost[np.unique(np.linspace(0, len(lost) - 1, _MOST_MARKS).astype(int))]
        found |= {"lost": len(lost), "marks": [_short(one) for one in x[some]]}
    return found


def _value(number: float) -> float | str:
    if math.isfinite(number):
        return _short(number, 7)
    return "NaN" if math.isnan(number) else "∞" if number > 0 else "-∞"
