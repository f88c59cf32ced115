"""The series of a run: what its program has logged, step by step.

>>> series = read("experiments/12")
>>> points = series.points("loss")
>>> points.step, points.value

Arrays are of the standard library (``array.array``); ``numpy.asarray`` makes numpy's of them without
copying. Where a run has several attempts, a later one replaces the steps that it repeats.
"""

from __future__ import annotations

import math
import os
from array import array
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from meticulous.errors import RunFolderError
from meticulous.metrics import cache
from meticulous.metrics.table import Column, Table
from meticulous.runfolder import METRICS

__all__ = ["OWN", "Points", "Series", "heads", "read", "resolved"]

OWN = ("step", "time", "attempt", "rank")
"""What a line says beside its values."""


class Points(NamedTuple):
    """One name, at the lines that have it; all fields are of one length.

    ``step``, ``time`` (seconds since the epoch) and ``value`` are float64, NaN where a line has no
    time or the value is no number; ``attempt`` and ``rank`` are uint16. ``texts`` has the values that
    are no numbers (text, lists), by their place.
    """

    step: array[float]
    time: array[float]
    attempt: array[int]
    rank: array[int]
    value: array[float]
    texts: dict[int, Any]


class Series:
    """All names of a run, or those that were asked for; made by :func:`read`.

    Attributes:
        step, time: float64, one for each line; NaN where a line has no time.
        attempt, rank: uint16, one for each line.
        names: what was logged, in the order in which it first was.
        broken: the number of lines of the file that hold nothing.

    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.step, self.time = table.steps, table.times
        self.attempt = _all(table.attempts, 1, table.count)
        self.rank = _all(table.ranks, 0, table.count)
        self.names = list(table.columns)
        self.broken = table.broken

    def __len__(self) -> int:
        return self._table.count

    def points(self, name: str) -> Points:
        """Return the points of `name`; raises KeyError where it was not logged."""
        column = self._table.columns[name]
        if column.rows is None:
            parts = (self.step, self.time, self.attempt, self.rank)
        else:
            parts = (
                _taken(self.step, column.rows),
                _taken(self.time, column.rows),
                _taken(self.attempt, column.rows),
                _taken(self.rank, column.rows),
            )
        return Points(*parts, column.numbers, column.texts)

    def column(self, name: str) -> array[float]:
        """Return a value of `name` for each line, float64, NaN where there is no number."""
        column = self._table.columns[name]
        if column.rows is None:
            return column.numbers
        values = array("d", [math.nan]) * len(self)
        for row, value in zip(column.rows, column.numbers, strict=True):
            values[row] = value
        return values

    def rows(self, name: str) -> Sequence[int]:
        """Return the numbers of the lines that have `name`; raises KeyError where none has."""
        return self._table.columns[name].places()


def heads(names: Sequence[str], own: Sequence[str] = OWN) -> dict[str, str]:
    """Return for each name the head of its column beside those of `own`: itself, or ``time_`` ….

    All heads differ.
    """
    taken = {*own, *names}
    found = {}
    for name in names:
        head = name
        while head in own or (head != name and head in taken):
            head += "_"
        taken.add(head)
        found[name] = head
    return found


def read(
    run_path: str, names: Collection[str] | None = None, *, every_attempt: bool = False
) -> Series:
    """Read the series of the run whose folder is `run_path`, as they stand now.

    Args:
        run_path: path of the folder.
        names: what to read (default: all), and only the lines that have some of it; a name that was
            not logged is left out.
        every_attempt: keep the steps that a later attempt has repeated. Without it the lines of
            several attempts are in the order of their steps.

    Without a metrics.jsonl it is empty. Raises RunFolderError where the file cannot be read.
    """
    path = os.path.join(run_path, METRICS)
    try:
        table = cache.load(path, names)
    except OSError as error:
        message = f"cannot read {path}: {error.strerror or error}"
        raise RunFolderError(message, "Make it readable") from error
    if not every_attempt:
        table = resolved(table)
    return Series(table if names is None else _with_values(table))


def resolved(table: Table, *, in_order: bool = True) -> Table:
    """Return `table` without the points that a later attempt has repeated.

    A later attempt that has logged a name from step a to step b replaces what earlier ones of the
    same rank have logged of that name at these steps. With `in_order` the lines are sorted by step.
    """
    if table.attempts is None or len(set(table.attempts)) < 2:
        return table
    import numpy as np

    steps, attempts = np.asarray(table.steps), np.asarray(table.attempts)
    ranks = np.asarray(_all(table.ranks, 0, table.count))
    kept = {
        name: _kept(np, *(part[np.asarray(column.places())] for part in (steps, attempts, ranks)))
        for name, column in table.columns.items()
    }
    is_used = np.zeros(table.count, dtype=bool)
    was_used = np.zeros(table.count, dtype=bool)
    for name, column in table.columns.items():
        lines = np.asarray(column.places())
        was_used[lines] = True
        is_used[lines[kept[name]]] = True
    rows = np.flatnonzero(is_used | ~was_used)
    if in_order:
        rows = rows[np.argsort(steps[rows], kind="stable")]
    moved = np.zeros(table.count, dtype=np.int64)
    moved[rows] = np.arange(len(rows))
    found = _rows_of(table, rows.tolist())
    for name, column in table.columns.items():
        chosen: list[int] = np.flatnonzero(kept[name]).tolist()
        if chosen:
            found.columns[name] = _moved(column, chosen, moved.tolist())
    return found


def _with_values(table: Table) -> Table:
    """Return `table` without the lines that have none of its names."""
    if any(column.rows is None for column in table.columns.values()):
        return table
    rows = sorted({row for column in table.columns.values() for row in column.places()})
    if len(rows) == table.count:
        return table
    moved = {row: number for number, row in enumerate(rows)}
    found = _rows_of(table, rows)
    for name, column in table.columns.items():
        places = array("I", [moved[row] for row in column.places()])
        found.columns[name] = Column(places, column.numbers, column.texts)
    return found


def _kept(np: Any, steps: Any, attempts: Any, ranks: Any) -> Any:
    """Return which points of one name stay, as an array of truth values."""
    kept = np.ones(len(steps), dtype=bool)
    for rank in np.unique(ranks):
        for attempt in np.unique(attempts[ranks == rank]):
            of_attempt = steps[(ranks == rank) & (attempts == attempt)]
            is_repeated = (steps >= of_attempt.min()) & (steps <= of_attempt.max())
            kept &= ~(is_repeated & (attempts < attempt) & (ranks == rank))
    return kept


def _rows_of(table: Table, rows: Sequence[int]) -> Table:
    """Return the lines `rows` of `table`, without columns."""
    found = Table()
    found.count, found.broken = len(rows), table.broken
    found.steps, found.times = _taken(table.steps, rows), _taken(table.times, rows)
    if table.attempts is not None:
        found.attempts = _taken(table.attempts, rows)
    if table.ranks is not None:
        found.ranks = _taken(table.ranks, rows)
    return found


def _moved(column: Column, places: Sequence[int], numbers: Sequence[int]) -> Column:
    """Return the points `places` of `column`, whose lines have got new `numbers`."""
    lines = column.places()
    pairs = sorted((numbers[lines[place]], place) for place in places)
    texts = {
        new: column.texts[place]
        for new, (_, place) in enumerate(pairs)
        if column.texts and place in column.texts
    }
    values = array("d", [column.numbers[place] for _, place in pairs])
    return Column(array("I", [row for row, _ in pairs]), values, texts)


def _taken(values: array[Any], rows: Sequence[int]) -> array[Any]:
    return array(values.typecode, [values[row] for row in rows])


def _all(numbers: array[int] | None, usual: int, count: int) -> array[int]:
    return array("H", [usual]) * count if numbers is None else numbers
