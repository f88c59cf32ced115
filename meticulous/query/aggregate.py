"""Rows of runs -> one row a group: mean and standard deviation of numbers, counts of the rest."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from meticulous.query.importance import ARGUMENTS, is_seed
from meticulous.query.rows import Row, is_missing, is_numeric

__all__ = [
    "NOT_AGGREGATED",
    "RUNS",
    "Groups",
    "Spread",
    "but_seeds",
    "group",
    "setting",
    "sort",
    "sort_key",
]

RUNS = "runs"
"""The column with the number of runs of a group."""

NOT_AGGREGATED = ("expid", "curexpdir")
_ENDS = ("mean", "std", "count")


class Spread(NamedTuple):
    """The columns that a column of numbers has become in groups."""

    mean: str
    std: str
    runs: str


class Groups(NamedTuple):
    """Groups of runs: the columns, a row for each group, and the spread of each column of numbers."""

    columns: list[str]
    rows: list[Row]
    spreads: dict[str, Spread]


def group(rows: Sequence[Row], by: Sequence[str], names: Iterable[str]) -> Groups:
    """Put the runs that agree in the columns `by` into one row each.

    Runs without a value there form groups too. Each other column of `names` that holds numbers
    and nothing else becomes ``…_mean`` and ``…_std`` (n - 1 in the denominator, missing for a
    single run) over the runs that have a value; any other becomes ``…_count``, the number of runs
    that have a value. A name that a key of the groups has already gets another underscore. ``runs``
    is the size of the group. (The rows have the count for numbers too; it is not among the columns.)

    The rows are in the order of the groups' values.
    """
    others = [name for name in names if name not in by and name not in NOT_AGGREGATED]
    numeric = {name for name in others if is_numeric(rows, name)}
    taken = {*by, RUNS}
    spreads = {name: Spread(*(_free(f"{name}_{end}", taken) for end in _ENDS)) for name in others}
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple([sort_key(row.get(name)) for name in by]), []).append(row)
    columns = [*by, RUNS]
    for name in others:
        spread = spreads[name]
        columns += [spread.mean, spread.std] if name in numeric else [spread.runs]
    grouped = []
    for key in sorted(groups):
        members = groups[key]
        merged: Row = {name: members[0][name] for name in by if name in members[0]}
        merged[RUNS] = len(members)
        for name in others:
            found = [row.get(name) for row in members]
            values = [value for value in found if value is not None and value == value]  # noqa: PLR0124  # no NaN
            merged[spreads[name].runs] = len(values)
            if name in numeric:
                merged[spreads[name].mean], merged[spreads[name].std] = _mean_and_std(values)
        grouped.append(merged)
    return Groups(columns, grouped, {name: spreads[name] for name in others if name in numeric})


def _free(name: str, taken: set[str]) -> str:
    """Return `name`, with underscores behind it while it is `taken`; now it is taken too."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _mean_and_std(values: Sequence[Any]) -> tuple[float | None, float | None]:
    if not values:
        return None, None
    mean = _sum(values) / len(values)
    if len(values) == 1:
        return mean, None
    if min(values) == max(values):
        return values[0], 0.0  # the rounding of their mean is no deviation
    return mean, math.sqrt(_sum([(value - mean) ** 2 for value in values]) / (len(values) - 1))


def _sum(values: Sequence[float]) -> float:
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # infinities among them, or beyond floating point
        return sum(map(float, values))


def setting(names: Iterable[str], seeds: Sequence[str]) -> list[str]:
    """List the columns in which two runs agree that are repetitions of each other."""
    return ["program", *but_seeds(names, seeds)]


def but_seeds(names: Iterable[str], seeds: Sequence[str]) -> list[str]:
    """List the arguments among `names` but those called as one of `seeds` (``*`` matches).

    Of a nested argument the last part counts too: ``args_training.seed`` is a seed.
    """
    return [name for name in names if name.startswith(ARGUMENTS) and not is_seed(name, seeds)]


def sort(rows: Iterable[Row], columns: Sequence[str], *, largest_first: bool) -> list[Row]:
    """Sort `rows` by `columns` as the index does: missing values last, text apart from numbers."""
    ordered = list(rows)
    for column in reversed(columns):
        present = [row for row in ordered if _ranks(row.get(column))]
        missing = [row for row in ordered if not _ranks(row.get(column))]
        present.sort(key=lambda row: sort_key(row.get(column)), reverse=largest_first)
        ordered = present + missing
    return ordered


def _ranks(value: Any) -> bool:
    return isinstance(value, (int, float, str)) and not is_missing(value)


def sort_key(value: Any) -> tuple[int, Any]:
    """Return a key that orders values of any type: numbers, text, the rest, missing ones."""
    if is_missing(value):
        return 3, 0
    if isinstance(value, (int, float)):
        return 0, value
    if isinstance(value, str):
        return 1, value
    return 2, json.dumps(value, sort_keys=True)
