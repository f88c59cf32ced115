"""Keeps the index true to the folders, and asks it.

The folders are the truth. Before a question is asked, the index is brought up to date with them;
where its file is broken a new one is made, and where there can be none, or it is locked, the same
tables are made in memory from the folders, which costs only time. ``docs/asking.md`` tells what is
looked at when.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from meticulous.errors import RunFolderError
from meticulous.query import rows
from meticulous.query.cache import codec, sqlite_file, stamps
from meticulous.query.cache.codec import Shape
from meticulous.query.cache.index import Index
from meticulous.runfolder import LOST, RUNNING

__all__ = ["ask"]

Report = Callable[[RunFolderError], None]
Progress = Callable[[int, int], None]
Answer = TypeVar("Answer")

_NOT_BROKEN = ("locked", "busy", "full", "readonly", "unable to open", "disk I/O")


def ask(
    directory: str,
    question: Callable[[Index], Answer],
    report: Report,
    progress: Progress = lambda _done, _all: None,
    *,
    refresh: bool = False,
    parallel: bool = False,
) -> Answer:
    """Return what `question` makes of the runs of `directory`, as they stand now.

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
        rows.list_ids(directory)
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
                sqlite_file.discard(directory)
            return _ask(sqlite_file.on_disk(directory), directory, question, read)
        except OSError:
            break
        except sqlite3.ProgrammingError:
            raise  # a mistake of ours
        except sqlite3.Error as error:
            if any(word in str(error) for word in _NOT_BROKEN):
                break
        except ValueError:
            continue  # the text of a row is no JSON
    return _ask(sqlite_file.in_memory(), directory, question, read)


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
    """What the index has of a folder; the row and the series only where it is not settled."""

    stamp: str
    settled: bool
    shape: int | None
    row: str | None
    trouble: str | None
    series: str | None


class _Reading(NamedTuple):
    """Brings the tables up to date with the folders."""

    directory: str
    progress: Progress
    parallel: bool
    refresh: bool

    def bring_up_to_date(self, connection: sqlite3.Connection) -> None:
        """Read the folders that are new or have changed, forget those that are gone."""
        stamp = stamps.directory_stamp(self.directory)
        kept = connection.execute("SELECT value FROM facts WHERE name = 'stamp'").fetchone()
        gone: list[str] = []
        if stamp is not None and kept == (stamp,) and not self.refresh:
            known = _known(connection, "WHERE settled = 0")
            names = list(known)
        else:
            known = _known(connection, "")
            names = rows.list_ids(self.directory)
            gone = list(known.keys() - set(map(sqlite_file.as_text, names)))
        changed = self._changed(names, known, sqlite_file.shapes(connection))
        series = {} if self.refresh else _series(changed, known)
        for entries in stamps.read_entries(
            self.directory,
            changed,
            self._report(len(changed)),
            parallel=self.parallel,
            known=series,
        ):
            with sqlite_file.writing(connection):
                # While the directory is read in parts its stamp is not true.
                sqlite_file.set_stamp(connection, None)
                sqlite_file.store(connection, entries)
        if gone or changed or kept != (stamp and (stamp,)):
            with sqlite_file.writing(connection):
                sqlite_file.remove(connection, gone)
                sqlite_file.set_stamp(connection, stamp)

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
            or _has_changed(before + name, known.get(sqlite_file.as_text(name)), shapes)
        ]


def _known(connection: sqlite3.Connection, where: str) -> dict[str, _Known]:
    found = connection.execute(
        f"SELECT name, stamp, settled, shape, CASE settled WHEN 0 THEN row END, trouble,"
        f" CASE settled WHEN 0 THEN series END FROM runs {where}"
    )
    return {name: _Known(*rest) for name, *rest in found}


def _series(names: Sequence[str], known: Mapping[str, _Known]) -> dict[str, str]:
    """Return how far the metrics of those of `names` have been read of which that is known."""
    found = {name: known.get(sqlite_file.as_text(name)) for name in names}
    return {name: one.series for name, one in found.items() if one and one.series}


def _has_changed(path: str, known: _Known | None, shapes: Mapping[int, Shape]) -> bool:
    if known is None:
        return True
    if known.settled:
        return stamps.folder_stamp(path)[0] != known.stamp
    if stamps.full_stamp(path) != known.stamp:
        return True
    if known.row is None or known.shape is None:
        return known.trouble is not None
    row = codec.decode(shapes[known.shape], known.row)
    if row["status"] in (RUNNING, LOST):
        judged = rows.present({**row, "status": RUNNING}, os.path.dirname(path))
        # The evidence too: when it was last heard of is true for a moment.
        return any(judged[name] != row[name] for name in ("status", "status_message"))
    return stamps.folder_stamp(path)[1]  # read once more, and then settled
