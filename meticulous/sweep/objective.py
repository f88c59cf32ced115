"""The value that a sweep is about: one column of its runs, to be as small or as large as can be."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any

from meticulous.errors import RunFolderError
from meticulous.query import rows
from meticulous.runfolder import RunFolder, keys
from meticulous.runfolder.directory import highest_number
from meticulous.sweep.folder import SweepFolder
from meticulous.sweep.state import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from meticulous.metrics.series import Points

__all__ = ["better", "columns", "history", "metric_of", "value_of", "with_value"]

_LOOKED_AT = 200


def with_value(folder: SweepFolder, run: RunFolder, outcome: Outcome) -> Outcome:
    """Return `outcome` with the value of the sweep's objective, if it has one and the run too."""
    name = folder.specification.get("objective")
    if not name:
        return outcome
    value = value_of(run, str(name))
    return outcome if value is None else outcome._replace(value=value)


def value_of(run: RunFolder, column: str) -> float | None:
    """Return the number that `run` has in `column`; None where it has none.

    A script that records itself has it in its own run, within this one.
    """
    value = _own_value(run, column)
    if value is None:
        found = (_own_value(inner, column) for inner in _inner(run))
        value = next((one for one in found if one is not None), None)
    return value


def _own_value(run: RunFolder, column: str) -> float | None:
    try:
        row: dict[str, Any] = rows.read_row(run) or {}
    except RunFolderError:
        return None
    value = row.get(column)
    if value is None and column.startswith("metrics_"):
        value = _of_series(run, column.removeprefix("metrics_"))
    if not isinstance(value, (int, float)) or isinstance(value, bool) or math.isnan(value):
        return None
    return float(value)


def _inner(run: RunFolder) -> Iterator[RunFolder]:
    """Iterate over the runs that were recorded within `run`: their numbers come after its own."""
    directory = os.path.dirname(os.path.abspath(run.path))
    if not run.id.isdecimal():
        return
    first = int(run.id) + 1
    for number in range(first, min(highest_number(directory) + 1, first + _LOOKED_AT)):
        inner = RunFolder(os.path.join(directory, str(number)))
        try:
            if inner.read_metadata().get(keys.PARENT) == run.id:
                yield inner
        except RunFolderError:
            continue


def columns(run: RunFolder) -> list[str]:
    """List the columns of results that a run has, or those within it."""
    found: dict[str, None] = {}
    for one in (run, *_inner(run)):
        try:
            names = rows.read_row(one) or {}
        except RunFolderError:
            continue
        found.update(dict.fromkeys(name for name in names if name.startswith("summary_")))
        found.update(dict.fromkeys(rows.usual_metrics(names)))
    return list(found)


def _of_series(run: RunFolder, name: str) -> float | None:
    """Return the last, lowest or highest value of a series: ``loss_last``, ``loss_min``, ``loss_max``.

    For those that are no columns: a name that comes behind the first thousand, and ``_last``.
    """
    from meticulous.metrics.best import summarise_points

    for ending, word in _ENDINGS.items():
        points = _points(run, name.removesuffix(ending)) if name.endswith(ending) else None
        if points is not None and points.value:
            value = summarise_points(points, _of_lowest_rank(points)).get(word)
            return float(value) if isinstance(value, (int, float)) else None
    return None


_ENDINGS = {"": "last", "_last": "last", "_min": "min", "_max": "max"}


def _points(run: RunFolder, name: str) -> Points | None:
    """Return what `run` has logged as `name`, as it counts; None where that cannot be read."""
    from meticulous.metrics.series import read

    try:
        return read(run.path, [name]).points(name)
    except (RunFolderError, KeyError):
        return None


def _of_lowest_rank(points: Points) -> list[int]:
    lowest = min(points.rank)
    return [place for place, rank in enumerate(points.rank) if rank == lowest]


def history(run: RunFolder, name: str) -> list[tuple[int, float]]:
    """Return what `run` has logged as `name` until now: (step, value) of each number.

    Where several ranks have logged it, the lowest counts; steps that a later attempt repeats are
    those of the later one. Steps that are no counting numbers are left out.
    """
    points = _points(run, name)
    if points is None or not points.value:
        return []
    numbers = ((points.step[place], points.value[place]) for place in _of_lowest_rank(points))
    return [
        (int(step), value)
        for step, value in numbers
        if step >= 0 and step.is_integer() and not math.isnan(value)
    ]


def metric_of(column: str) -> str:
    """Return the name of the series that belongs to a column: ``val_loss`` of ``summary_val_loss``."""
    name = column.removeprefix("summary_").removeprefix("metrics_")
    for ending in ("_min", "_max", "_last"):
        if column.startswith("metrics_"):
            name = name.removesuffix(ending)
    return name


def better(direction: str, one: float, other: float) -> bool:
    """Return whether `one` is better than `other`."""
    return one > other if direction == "maximize" else one < other
