"""Series as tables: an overview of each name, and values step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from meticulous.base.text import harmless
from meticulous.metrics.overview import CURVE, Overview
from meticulous.metrics.series import OWN, Series, heads
from meticulous.views import text
from meticulous.views.sparkline import sparkline
from meticulous.views.table import Column, draw

__all__ = ["of_a_run", "overviews", "rows", "values"]

_ABSENT = "-"
_MOST_SHOWN = 50


def overviews(
    found: Sequence[tuple[Any, Overview]], limit: int | None, *, has_runs: bool, draws_curves: bool
) -> list[str]:
    """Draw a line for each (id of the run, overview), in `limit` columns; None draws all in full.

    Args:
        found: what to draw.
        limit: columns of the terminal.
        has_runs: whether the id of the run stands before.
        draws_curves: whether the shapes of the series are drawn.
    """
    show = text.short if limit is not None else text.full
    parts = [one for _, one in found]

    def column(name: str, cells: Sequence[Any], rank: int) -> Column:
        shown = [_ABSENT if cell is None else show(_plain(cell)) for cell in cells]
        return Column(name, shown, right=True, rank=rank)

    names = [harmless(one.name) for one in parts]
    columns = [Column("name", names, flexible=True)]
    if has_runs:
        columns.insert(0, column("run", [expid for expid, _ in found], 0))
    if draws_curves:
        curves = [sparkline(one.curve) if one.curve else "" for one in parts]
        columns.append(Column("curve", curves, rank=3))
    columns += [
        column("points", [one.points for one in parts], 4),
        column("first", [one.first for one in parts], 5),
        column("last", [one.last for one in parts], 0),
        column("at step", [one.last_step for one in parts], 6),
        column("lowest", [one.min for one in parts], 1),
        column("at step", [one.min_step for one in parts], 2),
        column("highest", [one.max for one in parts], 1),
        column("at step", [one.max_step for one in parts], 2),
    ]
    return draw(columns, limit).lines


def of_a_run(found: Sequence[Overview]) -> list[tuple[str, str]]:
    """Return (name, what is told of it) for the view of one run; of many names the first."""
    pairs = []
    for one in found[:_MOST_SHOWN]:
        shape = sparkline(one.curve or []).ljust(CURVE) + "  "
        parts = [text.short(_plain(one.last))]
        if one.points > 1 and one.first != one.last:
            parts[0] = f"{text.short(_plain(one.first))} → {parts[0]}"
        if one.min is not None and one.min != one.max:
            parts.append(f"lowest {text.short(one.min)} at {text.short(one.min_step)}")
            parts.append(f"highest {text.short(one.max)} at {text.short(one.max_step)}")
        pairs.append((one.name, shape + ", ".join(parts)))
    if len(found) > _MOST_SHOWN:
        pairs.append(("…", f"{len(found) - _MOST_SHOWN} more: see `meticulous metrics`"))
    return pairs


def rows(series: Series, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield a row for each line: step, time, attempt, rank, and those of `names` that it has.

    Whole steps are integers. A time that the line does not have is left out.
    """
    held = [dict(zip(series.rows(name), _values(series, name), strict=True)) for name in names]
    keys = heads(names, ("expid", *OWN)).values()
    for number in range(len(series)):
        row: dict[str, Any] = {"step": _plain(series.step[number])}
        if series.time[number] == series.time[number]:
            row["time"] = series.time[number]
        row.update({"attempt": series.attempt[number], "rank": series.rank[number]})
        for key, found in zip(keys, held, strict=True):
            if number in found:
                row[key] = found[number]
        yield row


def _values(series: Series, name: str) -> Sequence[Any]:
    points = series.points(name)
    if not points.texts:
        return points.value
    return [points.texts.get(place, number) for place, number in enumerate(points.value)]


def values(
    found: Sequence[tuple[Any, dict[str, Any]]], names: Sequence[str], limit: int | None
) -> list[str]:
    """Draw a line for each (id of the run, row) of :func:`rows`, in `limit` columns.

    The run, the attempt and the rank stand there only where they differ, the time nowhere.
    """
    show = text.short if limit is not None else text.full
    columns = []
    for name in ("run", "step", "attempt", "rank"):
        cells = [expid if name == "run" else row[name] for expid, row in found]
        if name == "step" or len(set(cells)) > 1:
            columns.append(Column(name, [show(cell) for cell in cells], right=True))
    for name in heads(names, ("expid", *OWN)).values():
        cells = [show(row[name]) if name in row else _ABSENT for _, row in found]
        columns.append(Column(harmless(name), cells, right=True, rank=1))
    return draw(columns, limit).lines


def _plain(value: Any) -> Any:
    """Return a whole number as an integer, as it was most often logged."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
