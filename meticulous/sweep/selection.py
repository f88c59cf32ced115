"""``--only`` and ``--exclude``: filters over points, in the grammar of those over runs.

The meaning of comparisons is that of the filters of `ls`: the same tree, the same SQL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from meticulous.arguments import scalar
from meticulous.query import filters
from meticulous.query.filters import Condition, Leaf, Sql

__all__ = ["chosen"]


def chosen(
    points: list[dict[str, str]], names: Sequence[str], only: Sequence[str], exclude: Sequence[str]
) -> list[dict[str, str]]:
    """Return those of `points` for which all filters of `only` hold and none of `exclude`.

    Texts count as what they spell: ``0.1`` is a number. Raises FilterError and UnknownColumnError.
    """
    parts: list[Condition] = [filters.parse(text, names) for text in only]
    parts += [filters.Not(filters.parse(text, names)) for text in exclude]
    if not parts:
        return points
    condition = filters.All(tuple(parts))
    table = _Table(points, names)
    if filters.leaves(condition):
        from meticulous.query import frames

        frames.answer_leaves(table, condition)  # type: ignore[arg-type]
    return [points[key] for key in table.matching(condition)]


class _Table:
    """Points as an SQLite table in memory; what :func:`frames.answer_leaves` needs of an index."""

    def __init__(self, points: Sequence[dict[str, str]], names: Sequence[str]) -> None:
        self._count = len(points)
        self._places = {name: f"c{place}" for place, name in enumerate(names)}
        self._leaves: dict[Leaf, str] = {}
        known: dict[str, Any] = {}

        def typed(text: str) -> Any:
            if text not in known:
                value = scalar(text)
                is_large = isinstance(value, int) and abs(value) >= 1 << 63
                known[text] = float(value) if is_large else value
            return known[text]

        self._columns = {name: [typed(point[name]) for point in points] for name in names}
        self._connection = sqlite3.connect(":memory:")
        columns = ", ".join(self._places.values())
        self._connection.execute(f"CREATE TABLE points (n INTEGER PRIMARY KEY, {columns})")
        marks = ", ".join("?" * (len(names) + 1))
        self._connection.executemany(
            f"INSERT INTO points VALUES ({marks})",
            zip(range(self._count), *self._columns.values(), strict=True),
        )

    def keys(self) -> list[int]:
        """List the places of the points."""
        return list(range(self._count))

    def column(self, name: str) -> dict[int, Any]:
        """Return the values of one name by the place of the point."""
        return dict(enumerate(self._columns[name]))

    def set_leaf(self, leaf: Leaf, keys: Iterable[int]) -> None:
        """Say for which points a part of a filter holds that pandas has answered."""
        table = f"leaf{len(self._leaves)}"
        self._connection.execute(f"CREATE TABLE {table} (n INTEGER PRIMARY KEY)")
        self._connection.executemany(f"INSERT INTO {table} VALUES (?)", ((key,) for key in keys))
        self._leaves[leaf] = table

    def matching(self, condition: Condition) -> list[int]:
        """Return the places of the points for which `condition` holds, in order."""
        where = filters.to_sql(
            condition,
            lambda name: Sql(self._places[name]),
            lambda leaf: Sql(f"(n IN {self._leaves[leaf]})"),
        )
        text = f"SELECT n FROM points WHERE {where.text} ORDER BY n"
        return [key for (key,) in self._connection.execute(text, where.values)]
