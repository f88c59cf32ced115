"""Runs and names -> curves: what is drawn, in full, whatever draws it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from meticulous.base.text import harmless
from meticulous.base.timestamps import instant
from meticulous.metrics import series
from meticulous.metrics.series import Points, Series
from meticulous.plots import labels
from meticulous.plots.points import Array, smoothed
from meticulous.query import aggregate
from meticulous.query.rows import Row

__all__ = ["OWN_AXES", "Curve", "Curves", "Wanted", "curves", "load"]

OWN_AXES = ("step", "time", "relative")
"""What may lie across beside the names that were logged."""

_MOST_OF_GROUP = 20_000
"""Points of a mean over runs whose points lie at different places."""


class Wanted(NamedTuple):
    """What to draw of runs.

    ``x`` is ``step``, ``time``, ``relative`` (seconds since the start of the run) or a name that was
    logged. ``smooth`` is a weight below 1, see :func:`meticulous.plots.points.smoothed`. ``groupby``
    are columns, or ``args`` alone: all arguments but those called as one of ``seeds``.
    """

    names: Sequence[str]
    x: str = "step"
    smooth: float = 0.0
    groupby: Sequence[str] = ()
    seeds: Sequence[str] = ("seed",)


class Curve(NamedTuple):
    """One line of a picture, in full; arrays are of one length, ``x`` rises.

    ``key`` is the id of the run, or tells a group apart. ``raw`` is ``y`` before it was smoothed.
    Of a group ``y`` is the mean of ``runs`` runs at each place, ``low`` and ``high`` are one standard
    deviation below and above. ``slot`` and ``style`` number its colour and its kind of line.
    """

    key: Any
    name: str
    label: str
    x: Array
    y: Array
    raw: Array | None = None
    low: Array | None = None
    high: Array | None = None
    runs: Array | None = None
    slot: int = 0
    style: int = 0


class Curves(NamedTuple):
    """All lines of a picture; what is to be said beside it; the kind of its x axis."""

    curves: list[Curve]
    notes: list[str]
    x: str
    kind: str


def load(
    rows: Sequence[Row], names: Sequence[str] | None, x: str, *, every_attempt: bool = False
) -> list[Series]:
    """Read the series of the runs of `rows`: `names` (None for all), and what lies across.

    Raises RunFolderError where a file cannot be read.
    """
    if names is not None and x not in OWN_AXES:
        names = [*names, x]
    return [series.read(row["curexpdir"], names, every_attempt=every_attempt) for row in rows]


def curves(rows: Sequence[Row], loaded: Sequence[Series], wanted: Wanted) -> Curves:
    """Return the curves of each name that the runs of `rows` have logged; `loaded` are their series."""
    notes: list[str] = []
    found: dict[tuple[str, int], tuple[Array, Array]] = {}
    for place, (row, read) in enumerate(zip(rows, loaded, strict=True)):
        for name in wanted.names:
            if name in read.names:
                pair = _pair(read, name, row, wanted.x)
                if len(pair[0]):
                    found[name, place] = pair
                    notes += _notes(pair, name, row)
    kind = wanted.x if wanted.x in ("time", "relative") else "number"
    drawn = _grouped(found, rows, wanted) if wanted.groupby else _single(found, rows, wanted)
    return Curves(drawn, notes, wanted.x, kind)


def _pair(read: Series, name: str, row: Row, x: str) -> tuple[Array, Array]:
    """Return x and y of `name` in its lowest rank, in the order of x; text is left out."""
    points = read.points(name)
    ranks = np.asarray(points.rank)
    use = ranks == ranks.min()
    if points.texts:
        use[list(points.texts)] = False
    across = _across(read, points, row, x)
    use &= np.isfinite(across)
    across, y = across[use], np.asarray(points.value)[use]
    if (np.diff(across) < 0).any():
        order = np.argsort(across, kind="stable")
        across, y = across[order], y[order]
    return across, y


def _across(read: Series, points: Points, row: Row, x: str) -> Array:
    steps = np.asarray(points.step)
    if x == "step":
        return steps
    times = np.asarray(points.time)
    if x == "time":
        return times
    if x == "relative":
        known = times[np.isfinite(times)]
        first = float(known.min()) if len(known) else 0.0
        start = instant(row.get("start_time"))
        begin = start.timestamp() if start is not None else first
        return times - min(begin, first)
    if x not in read.names:
        return np.full(len(steps), np.nan)
    # A name that is logged elsewhere holds from its step on, as an epoch does.
    other = read.points(x)
    order = np.argsort(np.asarray(other.step), kind="stable")
    places = np.searchsorted(np.asarray(other.step)[order], steps, side="right") - 1
    values = np.asarray(other.value)[order][places]
    return np.where(places >= 0, values, np.nan)


def _notes(pair: tuple[Array, Array], name: str, row: Row) -> list[str]:
    """Return what a picture shows badly: where values are no numbers, or infinite."""
    found = []
    for word, places in (("NaN", np.isnan(pair[1])), ("infinite", np.isinf(pair[1]))):
        if places.any():
            count, first = int(places.sum()), pair[0][int(places.argmax())]
            times = "once" if count == 1 else f"{count} times, first"
            found.append(f"run {row['expid']}: {harmless(name)} is {word} {times} at {first:.6g}")
    return found


def _single(
    found: dict[tuple[str, int], tuple[Array, Array]], rows: Sequence[Row], wanted: Wanted
) -> list[Curve]:
    places = sorted({place for _, place in found})
    texts = labels.labels(rows, labels.differing(rows) if len(rows) > 1 else [])
    colours = dict(zip(places, labels.slots([rows[i]["expid"] for i in places]), strict=True))
    drawn = []
    for number, name in enumerate(wanted.names):
        for place in places:
            if (name, place) in found:
                x, y = found[name, place]
                smooth = smoothed(x, y, wanted.smooth)
                one = Curve(
                    rows[place]["expid"],
                    name,
                    _label(f"{rows[place]['expid']}  {texts[place]}", name, places, wanted),
                    x,
                    smooth,
                    raw=y if wanted.smooth else None,
                    slot=colours[place] if len(places) > 1 else number % len(labels.COLOURS),
                    style=number if len(places) > 1 else 0,
                )
                drawn.append(one)
    return drawn


def _label(text: str, name: str, places: Sequence[int], wanted: Wanted) -> str:
    """Return what tells a curve from the others: the name, the run, or both."""
    if len(places) < 2 and not wanted.groupby:
        return harmless(name)
    return text.strip() if len(wanted.names) < 2 else f"{text.strip()}  {harmless(name)}"


def _grouped(
    found: dict[tuple[str, int], tuple[Array, Array]], rows: Sequence[Row], wanted: Wanted
) -> list[Curve]:
    columns = _columns(rows, wanted)
    groups = _groups(rows, columns)
    texts = labels.labels(
        [rows[places[0]] for places in groups], _told(rows, wanted, groups, columns)
    )
    colours = labels.slots([f"{number}{text}" for number, text in enumerate(texts)])
    if len(groups) <= len(labels.COLOURS):
        colours = list(range(len(groups)))
    drawn = []
    for number, name in enumerate(wanted.names):
        for group, places in enumerate(groups):
            members = [found[name, place] for place in places if (name, place) in found]
            if members:
                size = "1 run" if len(members) == 1 else f"n={len(members)}"
                x, mean, deviation, count = _mean(
                    [(x, smoothed(x, y, wanted.smooth)) for x, y in members]
                )
                text = f"{texts[group]}  ({size})"
                one = Curve(
                    texts[group],
                    name,
                    _label(text, name, places, wanted),
                    x,
                    mean,
                    low=mean - deviation,
                    high=mean + deviation,
                    runs=count,
                    slot=colours[group],
                    style=number,
                )
                drawn.append(one)
    return drawn


def _columns(rows: Sequence[Row], wanted: Wanted) -> list[str]:
    if tuple(wanted.groupby) != ("args",):
        return list(wanted.groupby)
    return aggregate.setting(dict.fromkeys(name for row in rows for name in row), wanted.seeds)


def _groups(rows: Sequence[Row], columns: Sequence[str]) -> list[list[int]]:
    """Return the places of the rows of each group, in the order of the values of its `columns`."""
    groups: dict[Any, list[int]] = {}
    for place, row in enumerate(rows):
        key = tuple([aggregate.sort_key(row.get(name)) for name in columns])
        groups.setdefault(key, []).append(place)
    return [groups[key] for key in sorted(groups)]


def _told(
    rows: Sequence[Row], wanted: Wanted, groups: list[list[int]], columns: list[str]
) -> list[str]:
    """Return the columns that the legend names: of all arguments those that differ."""
    if tuple(wanted.groupby) != ("args",):
        return columns
    first = [rows[places[0]] for places in groups]
    return [name for name in labels.differing(first) if name in columns]


def _mean(members: Sequence[tuple[Array, Array]]) -> tuple[Array, Array, Array, Array]:
    """Return x, and the mean, the standard deviation and the number of what is finite there.

    Between its points a run lies on the line that joins them; outside it does not count. The
    deviation (n - 1 in the denominator) of one run is 0.
    """
    x = members[0][0]
    if all(np.array_equal(one, x) for one, _ in members):
        values = np.stack([y for _, y in members])
    else:
        x = np.unique(np.concatenate([one for one, _ in members]))
        if len(x) > _MOST_OF_GROUP:
            x = np.linspace(x[0], x[-1], _MOST_OF_GROUP)
        values = np.stack([np.interp(x, *pair, left=np.nan, right=np.nan) for pair in members])
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    held = np.where(finite, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        mean = held.sum(axis=0) / count
        squares = (np.where(finite, values - mean, 0.0) ** 2).sum(axis=0)
        deviation = np.sqrt(squares / np.maximum(count - 1, 1))
    mean[count == 0] = math.nan
    return x, mean, deviation, count
