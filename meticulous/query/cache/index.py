"""Questions to the index: which runs meet a condition, in which order, and their rows.

The tables are those of :mod:`meticulous.query.cache.sqlite_file`, in a file or in memory; what is in them has
been made true by :mod:`meticulous.query.cache.sync`. Columns without a place of their own are taken out of
the JSON of the rows, with the same outcome, more slowly.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from meticulous.errors import FilterError
from meticulous.query.cache import codec, sqlite_file, stamps
from meticulous.query.cache.codec import Shape
from meticulous.query.filters import Condition, Leaf, Sql, to_sql
from meticulous.query.rows import Row

__all__ = ["Index", "Order"]

_AT_ONCE = 500
_TOO_MUCH = ("parser stack overflow", "Expression tree is too large", "too many SQL variables")
"""How SQLite begins where it is asked for more than it can take."""


class Order(NamedTuple):
    """A column to sort by; missing values come last either way."""

    column: str
    largest_first: bool


class Index:
    """All runs of a directory, as they stood when it was opened.

    Given by :func:`meticulous.query.cache.sync.ask`, or from rows by :meth:`of_rows`. Rows come in start order (runs
    without a start time first) unless an order is given, and then in start order among equals.
    """

    def __init__(self, connection: sqlite3.Connection, directory: str) -> None:
        self.directory = directory
        self._connection = connection
        self._folders = os.path.join(directory, "")
        self._leaves: dict[Leaf, str] = {}
        self._places = sqlite_file.places(connection)
        self._shapes = sqlite_file.shapes(connection)
        connection.create_function("field", 3, codec.field_reader(self._shapes))

    @classmethod
    def of_rows(cls, rows: Iterable[Row], directory: str) -> Index:
        """Make an index of `rows` in memory."""
        connection = sqlite_file.in_memory()
        shapes: dict[Shape, Shape] = {}
        entries = [stamps.entry_of(str(row["expid"]), row, shapes) for row in rows]
        with connection:
            sqlite_file.store(connection, entries)
        return cls(connection, directory)

    def names(self) -> list[str]:
        """List the columns that runs have: those of the header, then each section's."""
        return sqlite_file.names(self._connection)

    def count(self) -> int:
        """Count the runs."""
        count: int = self._connection.execute(
            "SELECT count(*) FROM runs WHERE row IS NOT NULL"
        ).fetchone()[0]
        return count

    def run(self, name: str) -> Row | None:
        """Return the run whose folder is `name`."""
        found = self._connection.execute(
            "SELECT shape, row FROM runs WHERE name = ? AND row IS NOT NULL",
            (sqlite_file.as_text(name),),
        ).fetchone()
        return self._complete(*found) if found else None

    def trouble(self, name: str) -> str | None:
        """Say why the run whose folder is `name` cannot be read, if that is so."""
        found = self._connection.execute(
            "SELECT trouble FROM runs WHERE name = ?", (sqlite_file.as_text(name),)
        ).fetchone()
        return found[0] if found else None

    def select(
        self,
        condition: Condition | None = None,
        order: Sequence[Order] = (),
        *,
        head: int | None = None,
        tail: int | None = None,
    ) -> list[Row]:
        """Return the runs that meet `condition`, sorted; of those the first or last few."""
        keys = self._keys(condition, order, head, tail)
        if head is None and tail is None and condition is None:
            found = self._all()
        else:
            found = self._some(keys)
        rows = {key: self._complete(shape, text) for key, shape, text in found}
        return [rows[key] for key in keys]

    def keys(self) -> list[int]:
        """List the keys of all runs, for :meth:`column` and :meth:`set_leaf`."""
        return [key for (key,) in self._connection.execute("SELECT n FROM scalars")]

    def column(self, name: str) -> dict[int, Any]:
        """Return the values of one column by the key of the run; for leaves of a filter."""
        place = sqlite_file.plain_places(self._connection).get(name)
        if place is not None:
            table = sqlite_file.table_of(name)
            return dict(self._connection.execute(f"SELECT n, c{place} FROM {table}"))
        return {key: self._complete(shape, text).get(name) for key, shape, text in self._all()}

    def set_leaf(self, leaf: Leaf, keys: Iterable[int]) -> None:
        """Say for which runs (by key) a part of a filter holds that pandas has answered."""
        table = f"leaf{len(self._leaves)}"
        self._connection.execute(f"CREATE TEMP TABLE {table} (n INTEGER PRIMARY KEY)")
        self._connection.executemany(f"INSERT INTO {table} VALUES (?)", ((key,) for key in keys))
        self._leaves[leaf] = table

    def _keys(
        self,
        condition: Condition | None,
        order: Sequence[Order],
        head: int | None,
        tail: int | None,
    ) -> list[int]:
        where = Sql("1")
        if condition is not None:
            where = to_sql(condition, self._column, self._leaf)
        backwards = head is None and tail is not None
        terms = self._order(order, backwards=backwards)
        count = tail if backwards else head
        text = f"{where.text} ORDER BY {terms.text} LIMIT ?"
        # The tables with the rows and the metrics are wide, and joined only where they are asked.
        joined = "JOIN runs r ON r.n = s.n" if "r." in text else ""
        joined += " LEFT JOIN best b ON b.n = s.n" if "b." in text else ""
        values = (*where.values, *terms.values, -1 if count is None else max(count, 0))
        try:
            found = self._connection.execute(
                f"SELECT s.n FROM scalars s {joined} WHERE {text}", values
            )
        except sqlite3.OperationalError as error:
            if any(word in str(error) for word in _TOO_MUCH):
                message = "the filter is too long, or nested too deeply"
                raise FilterError(message, "Write a simpler one") from None
            raise
        keys = [key for (key,) in found]
        if backwards:
            return keys[::-1]
        return keys if tail is None else keys[max(len(keys) - tail, 0) :]

    def _order(self, order: Sequence[Order], *, backwards: bool) -> Sql:
        parts, values = [], []
        start, expid = self._column("start_time"), self._column("expid")
        for column, largest_first in order:
            place = self._column(column)
            down = largest_first != backwards
            parts.append(f"{place.text} IS NULL {'DESC' if backwards else 'ASC'}")
            parts.append(f"{place.text} {'DESC' if down else 'ASC'}")
            values += [*place.values, *place.values]
        way = "DESC" if backwards else "ASC"
        parts += [f"COALESCE({start.text}, '') {way}", f"{expid.text} {way}"]
        return Sql(", ".join(parts), (*values, *start.values, *expid.values))

    def _column(self, name: str) -> Sql:
        if name == "curexpdir":
            return Sql("(? || r.name)", (self._folders,))
        place = self._places.get(name)
        if place is not None:
            return Sql(f"{'b' if sqlite_file.table_of(name) == 'best' else 's'}.c{place}")
        return Sql("field(r.shape, r.row, ?)", (name,))

    def _leaf(self, leaf: Leaf) -> Sql:
        return Sql(f"(s.n IN {self._leaves[leaf]})")

    def _all(self) -> Iterator[tuple[int, int, str]]:
        return self._connection.execute("SELECT n, shape, row FROM runs WHERE row IS NOT NULL")

    def _some(self, keys: Sequence[int]) -> Iterator[tuple[int, int, str]]:
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            yield from self._connection.execute(
                f"SELECT n, shape, row FROM runs WHERE n IN ({marks})", some
            )

    def _complete(self, shape: int, text: str) -> Row:
        row = codec.decode(self._shapes[shape], text)
        row["curexpdir"] = self._folders + str(row["expid"])
        return row
