"""The disposable index of an experiments directory: a SQLite file that makes asking fast.

The folders are the truth. What is asked is answered from SQLite after it has been brought up to
date with them; where the file is broken, locked or cannot be written, the same tables are made in
memory from the folders, which costs only time. ``docs/structure.md`` tells what is checked when.

Tables: ``runs`` has one line for each folder, with its whole row as JSON. ``scalars`` has the
columns that filters and sorting use most, as ``c1``, ``c2`` …; ``names`` says which is which.
Columns without a place there are taken out of the JSON, with the same outcome, more slowly.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from meticulous import cells, freshness, indexfile, reading
from meticulous.cells import Shape
from meticulous.conditions import Condition, Leaf, Sql, to_sql
from meticulous.errors import RunFolderError
from meticulous.reading import Row
from meticulous.runfolder import LOST, RUNNING

__all__ = ["Index", "Order", "ask"]

Report = Callable[[RunFolderError], None]
Progress = Callable[[int, int], None]

Answer = TypeVar("Answer")

_AT_ONCE = 500
_NOT_BROKEN = ("locked", "busy", "full", "readonly", "unable to open", "disk I/O")


class Order(NamedTuple):
    """A column to sort by; missing values come last either way."""

    column: str
    largest_first: bool


def ask(
    directory: str,
    question: Callable[[Index], Answer],
    report: Report,
    progress: Progress = lambda _done, _all: None,
    *,
    refresh: bool = False,
    parallel: bool = False,
) -> Answer:
    """Give what `question` makes of the runs of `directory`, as they stand now.

    Args:
        directory: the experiments directory.
        question: asked once with the index; once more, should its file turn out to be broken.
        report: told of each run that cannot be read, and is therefore left out.
        progress: told (runs read, runs to read) while runs are read.
        refresh: whether to read every folder, whatever the index says.
        parallel: whether many runs may be read by several processes.

    Raises RunFolderError where the directory cannot be listed.
    """
    if not os.path.isdir(directory):
        reading.list_ids(directory)
    read = _Reading(directory, progress, parallel=parallel, refresh=refresh)
    answer, troubles = _ask_any(directory, question, read)
    for trouble in troubles:
        report(RunFolderError(trouble))
    return answer


def _ask_any(
    directory: str, question: Callable[[Index], Answer], read: _Reading
) -> tuple[Answer, list[str]]:
    """Ask the file; a new one where it is broken; memory where there can be none."""
    for is_broken in (False, True):
        try:
            if is_broken:
                indexfile.discard(directory)
            return _ask(indexfile.on_disk(directory), directory, question, read)
        except OSError:
            break
        except sqlite3.ProgrammingError:
            raise  # a mistake of ours
        except sqlite3.Error as error:
            if any(word in str(error) for word in _NOT_BROKEN):
                break
        except ValueError:
            continue  # the text of a row is no JSON
    return _ask(indexfile.in_memory(), directory, question, read)


def _ask(
    connection: sqlite3.Connection,
    directory: str,
    question: Callable[[Index], Answer],
    read: _Reading,
) -> tuple[Answer, list[str]]:
    with contextlib.closing(connection):
        read.bring_up_to_date(connection)
        connection.execute("BEGIN")  # from here on one state of the file is seen
        answer = question(Index(connection, directory))
        found = connection.execute(
            "SELECT trouble FROM runs WHERE settled = 0 AND trouble IS NOT NULL ORDER BY n"
        )
        return answer, [trouble for (trouble,) in found]


class _Known(NamedTuple):
    """What the index has of a folder; the row only where it is not settled."""

    stamp: str
    settled: bool
    shape: int | None
    row: str | None


class _Reading(NamedTuple):
    """Brings the tables up to date with the folders."""

    directory: str
    progress: Progress
    parallel: bool
    refresh: bool

    def bring_up_to_date(self, connection: sqlite3.Connection) -> None:
        """Read the folders that are new or have changed, forget those that are gone."""
        stamp = freshness.directory_stamp(self.directory)
        kept = connection.execute("SELECT value FROM facts WHERE name = 'stamp'").fetchone()
        gone: list[str] = []
        if stamp is not None and kept == (stamp,) and not self.refresh:
            known = _known(connection, "WHERE settled = 0")
            names = list(known)
        else:
            known = _known(connection, "")
            names = reading.list_ids(self.directory)
            gone = list(known.keys() - set(map(indexfile.as_text, names)))
        changed = self._changed(names, known, indexfile.shapes(connection))
        for entries in freshness.read_entries(
            self.directory, changed, self._report(len(changed)), parallel=self.parallel
        ):
            with indexfile.writing(connection):
                # While the directory is read in parts its stamp is not true.
                indexfile.set_stamp(connection, None)
                indexfile.store(connection, entries)
        if gone or changed or kept != (stamp and (stamp,)):
            with indexfile.writing(connection):
                indexfile.remove(connection, gone)
                indexfile.set_stamp(connection, stamp)

    def _report(self, count: int) -> Callable[[int], None]:
        return lambda done: self.progress(done, count)

    def _changed(
        self, names: Sequence[str], known: Mapping[str, _Known], shapes: Mapping[int, Shape]
    ) -> list[str]:
        before = os.path.join(self.directory, "")
        return [
            name
            for name in names
            if self.refresh
            or _has_changed(before + name, known.get(indexfile.as_text(name)), shapes)
        ]


def _known(connection: sqlite3.Connection, where: str) -> dict[str, _Known]:
    found = connection.execute(
        f"SELECT name, stamp, settled, shape, CASE settled WHEN 0 THEN row END FROM runs {where}"
    )
    return {name: _Known(*rest) for name, *rest in found}


def _has_changed(path: str, known: _Known | None, shapes: Mapping[int, Shape]) -> bool:
    if known is None:
        return True
    if known.settled:
        return freshness.folder_stamp(path)[0] != known.stamp
    if freshness.full_stamp(path) != known.stamp:
        return True
    if known.row is None or known.shape is None:
        return False
    row = cells.decode(shapes[known.shape], known.row)
    if row["status"] in (RUNNING, LOST):
        judged = reading.present({**row, "status": RUNNING}, os.path.dirname(path))
        return bool(judged["status"] != row["status"])
    return freshness.folder_stamp(path)[1]  # read once more, and then settled


class Index:
    """All runs of a directory, as they stood when it was opened.

    Made by :func:`ask`, or from rows by :meth:`of_rows`. Rows come in start order (runs
    without a start time first) unless an order is given, and then in start order among equals.
    """

    def __init__(self, connection: sqlite3.Connection, directory: str) -> None:
        self.directory = directory
        self._connection = connection
        self._folders = os.path.join(directory, "")
        self._leaves: dict[Leaf, str] = {}
        self._places = indexfile.places(connection)
        self._shapes = indexfile.shapes(connection)
        connection.create_function("field", 3, cells.field_reader(self._shapes))

    @classmethod
    def of_rows(cls, rows: Iterable[Row], directory: str) -> Index:
        """Make an index of `rows` in memory."""
        connection = indexfile.in_memory()
        shapes: dict[Shape, Shape] = {}
        entries = [freshness.entry_of(str(row["expid"]), row, shapes) for row in rows]
        with connection:
            indexfile.store(connection, entries)
        return cls(connection, directory)

    def names(self) -> list[str]:
        """List the columns that runs have: those of the header, then each section's."""
        return indexfile.names(self._connection)

    def count(self) -> int:
        """Count the runs."""
        count: int = self._connection.execute(
            "SELECT count(*) FROM runs WHERE row IS NOT NULL"
        ).fetchone()[0]
        return count

    def run(self, name: str) -> Row | None:
        """Give the run whose folder is `name`."""
        found = self._connection.execute(
            "SELECT shape, row FROM runs WHERE name = ? AND row IS NOT NULL", (name,)
        ).fetchone()
        return self._complete(*found) if found else None

    def select(
        self,
        condition: Condition | None = None,
        order: Sequence[Order] = (),
        *,
        head: int | None = None,
        tail: int | None = None,
    ) -> list[Row]:
        """Give the runs that meet `condition`, sorted; of those the first or last few."""
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
        """Give the values of one column by the key of the run; for leaves of a filter."""
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
        # The table with the rows is wide, and therefore joined only where it is asked.
        joined = "JOIN runs r ON r.n = s.n" if "r." in text else ""
        found = self._connection.execute(
            f"SELECT s.n FROM scalars s {joined} WHERE {text}",
            (*where.values, *terms.values, -1 if count is None else max(count, 0)),
        )
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
            return Sql(f"s.c{place}")
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
        row = cells.decode(self._shapes[shape], text)
        row["curexpdir"] = self._folders + str(row["expid"])
        return row
