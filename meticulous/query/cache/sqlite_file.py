"""The SQLite file behind the index: where it is, its tables, and writing to them.

One file for each experiments directory, in the user's cache directory (``METICULOUS_CACHE_DIR``,
else ``$XDG_CACHE_HOME/meticulous``, else ``~/.cache/meticulous``), or on a local disk where that
is on the network, because SQLite's locks do not hold there.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from meticulous.base.cache_directory import cache_directory, check_private
from meticulous.query.cache.codec import Shape
from meticulous.query.cache.stamps import Entry, promoted
from meticulous.query.rows import ordered

__all__ = [
    "as_text",
    "discard",
    "in_memory",
    "names",
    "on_disk",
    "path_for",
    "places",
    "plain_places",
    "remove",
    "set_stamp",
    "shapes",
    "store",
    "table_of",
    "writing",
]

_SCHEMA = 4
_SCALAR_COLUMNS = 1500
"""SQLite takes 2,000 columns; names beyond this many are found in the JSON."""
_WAIT_S = 5.0
_PAGE_BYTES = 16384
_AT_ONCE = 500
_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE shapes (number INTEGER PRIMARY KEY, names TEXT UNIQUE);
CREATE TABLE places (number INTEGER PRIMARY KEY, name TEXT UNIQUE, odd INTEGER DEFAULT 0);
CREATE TABLE runs (
    n INTEGER PRIMARY KEY, name TEXT UNIQUE, stamp TEXT, settled INTEGER, shape INTEGER,
    row TEXT, trouble TEXT, series TEXT
);
CREATE INDEX unsettled ON runs (settled) WHERE settled = 0;
CREATE INDEX shape ON runs (shape);
CREATE TABLE scalars (n INTEGER PRIMARY KEY);
CREATE TABLE best (n INTEGER PRIMARY KEY);
"""


class _Shared(sqlite3.Connection):
    """A connection that keeps others from removing its file while it is open."""

    lock = -1

    def close(self) -> None:
        super().close()
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1


def path_for(directory: str) -> str:
    """Return the path of the index of `directory`; nothing is made."""
    real = os.path.realpath(directory)
    digest = hashlib.sha256(os.fsencode(real)).hexdigest()[:20]
    return os.path.join(cache_directory(), f"{digest}-{_SCHEMA}.sqlite")


def on_disk(directory: str) -> sqlite3.Connection:
    """Open the index of `directory`, or begin one.

    Raises OSError or sqlite3.Error where it is broken, locked or cannot be written.
    """
    path = path_for(directory)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    check_private(os.path.dirname(path))
    lock = _lock(path, fcntl.LOCK_SH)
    try:
        if not os.path.exists(path):
            _begin(path)
        connection = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None, factory=_Shared)
    except BaseException:
        os.close(lock)
        raise
    connection.lock = lock
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("SELECT name FROM facts").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def in_memory() -> sqlite3.Connection:
    """Make the same tables in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(_TABLES)
    return connection


def discard(directory: str) -> None:
    """Remove the index of `directory`; raises OSError where another process uses it."""
    path = path_for(directory)
    lock = _lock(path, fcntl.LOCK_EX)
    try:
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path + ending)
    finally:
        os.close(lock)


def _lock(path: str, kind: int) -> int:
    """Lock the file beside the index; raises BlockingIOError where another process has it."""
    lock = os.open(path + ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _begin(path: str) -> None:
    """Put an empty index at `path`, unless another process was quicker.

    It is made under another name, so that nobody opens one that is half made.
    """
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        connection = sqlite3.connect(temporary, isolation_level=None)
        try:
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_TABLES)
        finally:
            connection.close()
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


@contextlib.contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the one lock for writing; what is written in it appears at once or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def store(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """Write `entries`, replacing those of the same names; to be called while writing."""
    remove(connection, [entry.name for entry in entries])
    numbers = _number_shapes(connection, [entry.shape for entry in entries if entry.row])
    first = connection.execute("SELECT COALESCE(MAX(n), 0) + 1 FROM runs").fetchone()[0]
    lines = [
        (n, as_text(e.name), e.stamp, e.settled, numbers.get(e.shape), e.row, e.trouble, e.series)
        for n, e in enumerate(entries, first)
    ]
    connection.executemany("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", lines)
    alike: dict[Shape, list[tuple[Any, ...]]] = defaultdict(list)
    for n, entry in enumerate(entries, first):
        if entry.row is not None:
            alike[entry.shape].append((n, *entry.values))
    for shape, values in alike.items():
        for table in ("scalars", "best"):
            _store_scalars(connection, table, promoted(shape), values)
    odd = {name for entry in entries for name in entry.odd}
    connection.executemany(
        "UPDATE places SET odd = 1 WHERE name = ?", [(as_text(name),) for name in odd]
    )


def table_of(name: str) -> str:
    """Return the table that has the scalars of the column `name`.

    Those of metrics have one of their own, so that a question about other columns does not read them.
    """
    return "best" if name.startswith("metrics_") else "scalars"


def _store_scalars(
    connection: sqlite3.Connection, table: str, wanted: Shape, lines: list[tuple[Any, ...]]
) -> None:
    """Write to `table` those scalars of runs with the same names that belong there."""
    known = _make_places(connection, table, wanted)
    kept = [
        place for place, name in enumerate(wanted, 1) if name in known and table_of(name) == table
    ]
    if not kept and table == "best":
        return
    if len(kept) < len(wanted):
        lines = [(line[0], *(line[place] for place in kept)) for line in lines]
    columns = "".join(f", c{known[wanted[place - 1]]}" for place in kept)
    marks = "?" + ", ?" * len(kept)
    connection.executemany(f"INSERT INTO {table} (n{columns}) VALUES ({marks})", lines)


def _make_places(
    connection: sqlite3.Connection, table: str, wanted: Iterable[str]
) -> dict[str, int]:
    known = places(connection)
    used = sum(table_of(name) == table for name in known)
    for name in wanted:
        if name not in known and table_of(name) == table and used < _SCALAR_COLUMNS:
            used += 1
            known[name] = number = len(known) + 1
            connection.execute(
                "INSERT INTO places (number, name) VALUES (?, ?)", (number, as_text(name))
            )
            connection.execute(f"ALTER TABLE {table} ADD COLUMN c{number}")
    return known


def _number_shapes(connection: sqlite3.Connection, wanted: Iterable[Shape]) -> dict[Shape, int]:
    numbers = {}
    for shape in dict.fromkeys(
        wanted
    ):  # in the order of the runs, which that of columns is made of
        text = json.dumps(shape)
        connection.execute("INSERT OR IGNORE INTO shapes (names) VALUES (?)", (text,))
        found = connection.execute("SELECT number FROM shapes WHERE names = ?", (text,))
        numbers[shape] = found.fetchone()[0]
    return numbers


def remove(connection: sqlite3.Connection, gone: Sequence[str]) -> None:
    """Forget the folders named `gone`; to be called while writing."""
    for start in range(0, len(gone), _AT_ONCE):
        some = [as_text(name) for name in gone[start : start + _AT_ONCE]]
        marks = ",".join("?" * len(some))
        inner = f"SELECT n FROM runs WHERE name IN ({marks})"
        connection.execute(f"DELETE FROM scalars WHERE n IN ({inner})", some)
        connection.execute(f"DELETE FROM best WHERE n IN ({inner})", some)
        connection.execute(f"DELETE FROM runs WHERE name IN ({marks})", some)


def set_stamp(connection: sqlite3.Connection, stamp: str | None) -> None:
    """Note the stamp of the directory that the tables are true for; to be called while writing."""
    connection.execute("DELETE FROM facts WHERE name = 'stamp'")
    if stamp is not None:
        connection.execute("INSERT INTO facts VALUES ('stamp', ?)", (stamp,))


def plain_places(connection: sqlite3.Connection) -> dict[str, int]:
    """Return those places whose scalars are the values themselves, in all runs there ever were."""
    return dict(connection.execute("SELECT name, number FROM places WHERE odd = 0"))


def places(connection: sqlite3.Connection) -> dict[str, int]:
    """Return column -> number of its place in its table."""
    return dict(connection.execute("SELECT name, number FROM places"))


def shapes(connection: sqlite3.Connection) -> dict[int, Shape]:
    """Return the shapes of rows by their numbers."""
    found = connection.execute("SELECT number, names FROM shapes ORDER BY number")
    return {number: tuple(json.loads(text)) for number, text in found}


def names(connection: sqlite3.Connection) -> list[str]:
    """List the columns that runs have: the header, then each section as first seen."""
    used = connection.execute(
        "SELECT names FROM shapes WHERE EXISTS (SELECT 1 FROM runs WHERE shape = number)"
        " ORDER BY number"
    )
    return ordered(name for (text,) in used for name in json.loads(text))


def as_text(name: str) -> str:
    """Return a file name as text that SQLite can hold."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
