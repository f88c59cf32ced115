"""Which runs changed since they were last read, and reading them: the truth behind the index.

What the folder of a run looked like is kept as its *stamp*. A run is *settled* when its state is
final and its folder has been still for :data:`MARGIN_S`; a settled run is looked at again only
when the experiments directory itself changed. The margin is there because a file system's clock
ticks too slowly to tell two changes of one moment apart.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

from meticulous import runfolder
from meticulous.errors import RunFolderError
from meticulous.query import rows
from meticulous.query.cache import codec
from meticulous.query.cache.codec import Shape
from meticulous.query.rows import Row
from meticulous.runfolder import RunFolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from meticulous.metrics.best import Follower

__all__ = [
    "CHUNK",
    "MARGIN_S",
    "Entry",
    "directory_stamp",
    "entry_of",
    "folder_stamp",
    "full_stamp",
    "promoted",
    "read_entries",
]

MARGIN_S = 10.0
CHUNK = 1000
"""Runs without metrics that are read and stored at a time."""

_WORTH_FORKING = 4000
_BYTES_OF_WORK = 8192
_MOST_BYTES = CHUNK * _BYTES_OF_WORK
"""Metrics of so many bytes take as long to read as all else of a run; more make a chunk alone."""
_ALWAYS = (runfolder.STDOUT, runfolder.STDERR, runfolder.TIMELINE)
"""Files that every recorder makes, and that copies in the order of names bring late."""
_NOT_FINAL = (None, runfolder.RUNNING, runfolder.LOST)
_FILES = (
    runfolder.STATUS,
    runfolder.METADATA,
    runfolder.ARGS,
    runfolder.DEFAULT_ARGS,
    runfolder.SUMMARY,
    runfolder.METRICS,
)


class Entry(NamedTuple):
    """What the index keeps of one folder.

    ``row`` is the text of the row's values; None where the folder is no run, or one that cannot be read for
    the reason ``trouble``. ``shape`` has the names of the row, ``values`` the scalars of those
    that are promoted, ``odd`` those of them whose value is more than its scalar says. ``series`` is
    how far the metrics of a run that is not settled have been read.
    """

    name: str
    stamp: str
    settled: bool
    row: str | None
    trouble: str | None
    shape: Shape = ()
    values: tuple[Any, ...] = ()
    odd: tuple[str, ...] = ()
    series: str | None = None


def directory_stamp(directory: str) -> str | None:
    """Return the stamp of an experiments directory; None while it changed too recently to trust.

    It is opened, not only looked at, because a network file system then asks its server.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            state = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        return None
    return _one_stamp(state) if _is_still(state, time.time()) else None


def folder_stamp(path: str) -> tuple[str, bool]:
    """Return the stamp of the folder of a run, and whether it has been still for the margin."""
    try:
        state = os.stat(path)
    except OSError:
        return "-", False
    return _one_stamp(state), _is_still(state, time.time())


def full_stamp(path: str) -> str:
    """Return the stamp of the folder and of each file that a row is made of.

    Those of the files count too while a run is not settled, because a program may write into a
    file without replacing it.
    """
    stamps = [folder_stamp(path)[0]]
    for name in _FILES:
        try:
            stamps.append(_one_stamp(os.stat(f"{path}/{name}")))
        except OSError:
            stamps.append("-")
    return "|".join(stamps)


def _one_stamp(state: os.stat_result) -> str:
    return f"{state.st_ino}:{state.st_mtime_ns}:{state.st_ctime_ns}:{state.st_size}"


def _is_still(state: os.stat_result, now: float) -> bool:
    return now - max(state.st_mtime, state.st_ctime) > MARGIN_S


def read_entries(
    directory: str,
    names: Sequence[str],
    report: Callable[[int], None],
    *,
    parallel: bool,
    known: Mapping[str, str] | None = None,
) -> Iterator[list[Entry]]:
    """Read the folders `names`, up to :data:`CHUNK` at a time; `report` is told how many are done.

    With `parallel`, many are read by as many processes as there are processors. `known` has the
    ``series`` of those that have been read before.
    """
    chunks, work = _chunks(directory, names, known or {})
    done = 0
    workers = _processors() if parallel and work >= _WORTH_FORKING else 1
    for entries in _map(directory, chunks, workers):
        yield entries
        done += len(entries)
        report(done)


def _chunks(
    directory: str, names: Sequence[str], known: Mapping[str, str]
) -> tuple[list[list[tuple[str, str | None]]], int]:
    """Put folders together that take some time to read; return them, and the work of all.

    A run without metrics is one piece of work. Of a run whose metrics are known only a part is read.
    """
    chunks: list[list[tuple[str, str | None]]] = [[]]
    total = here = 0
    for name in names:
        if here >= CHUNK:
            chunks.append([])
            here = 0
        work = 1
        if name not in known:
            try:
                size = os.stat(f"{directory}/{name}/{runfolder.METRICS}").st_size
                work += min(size, _MOST_BYTES) // _BYTES_OF_WORK
            except OSError:
                pass
        chunks[-1].append((name, known.get(name)))
        here += work
        total += work
    return chunks if chunks[0] else [], total


def _map(
    directory: str, chunks: list[list[tuple[str, str | None]]], workers: int
) -> Iterator[list[Entry]]:
    read = 0
    if workers > 1:
        from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
        from multiprocessing import get_context

        try:
            with ProcessPoolExecutor(workers, get_context("fork"), _leave_interrupts) as pool:
                for entries in pool.map(partial(_read_chunk, directory), chunks):
                    read += 1
                    yield entries
        except BrokenProcessPool:
            pass  # a worker was killed; the rest is read here
    for chunk in chunks[read:]:
        yield _read_chunk(directory, chunk)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), 8)
    return 1


def _leave_interrupts() -> None:
    """Let Ctrl-C be a matter of the process that was started."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _read_chunk(directory: str, runs: Sequence[tuple[str, str | None]]) -> list[Entry]:
    shapes: dict[Shape, Shape] = {}
    return [_read_entry(directory, name, shapes, series) for name, series in runs]


def _read_entry(directory: str, name: str, shapes: dict[Shape, Shape], series: str | None) -> Entry:
    from meticulous.metrics.best import Follower  # where all is known, nothing is read

    # A stamp is taken before reading: a change in between is then seen the next time.
    folder = RunFolder(os.path.join(directory, name))
    stamp, still = folder_stamp(folder.path)
    best = Follower(json.loads(series) if series else None)
    try:
        row = _read_now(folder, best)
        is_final = row is not None and row["status"] not in _NOT_FINAL
        if still and row is not None and is_final and _is_whole(folder, row):
            return entry_of(name, row, shapes)._replace(stamp=stamp, settled=True)
        stamp = full_stamp(folder.path)
        row = _read_now(folder, best)
    except RunFolderError as error:
        return Entry(name, full_stamp(folder.path), settled=False, row=None, trouble=str(error))
    except RecursionError:
        trouble = f"cannot read {folder.path}: its values are nested too deeply"
        return Entry(name, full_stamp(folder.path), settled=False, row=None, trouble=trouble)
    if row is None:
        return Entry(name, stamp, settled=False, row=None, trouble=None)
    found = json.dumps(best.state) if best.state else None
    return entry_of(name, row, shapes)._replace(stamp=stamp, series=found)


def _is_whole(folder: RunFolder, row: Row) -> bool:
    """Return whether all that a recorder leaves is there; a copy that is under way lacks some.

    Told from the metadata of a recorder of ours: other folders have what they have.
    """
    if "metadata_child-pid" not in row:
        return True
    return all(os.path.lexists(folder.file(name)) for name in _ALWAYS)


def entry_of(name: str, row: Row, shapes: dict[Shape, Shape]) -> Entry:
    """Make the entry of `row`; `shapes` lets entries with the same names share them."""
    shape = tuple(row)
    shape = shapes.setdefault(shape, shape)
    wanted = promoted(shape)
    values = tuple([codec.scalar(row[key]) for key in wanted])
    odd = tuple(
        [
            key
            for key, kept in zip(wanted, values, strict=True)
            if kept is True or kept is False or (kept is not row[key] and kept != row[key])
        ]
    )
    return Entry(name, "", False, codec.encode(row), None, shape, values, odd)


@lru_cache(maxsize=128)
def promoted(shape: Shape) -> Shape:
    """Return the names of `shape` that have a place of their own."""
    return tuple(filter(codec.is_promoted, shape))


def _read_now(folder: RunFolder, best: Follower) -> Row | None:
    """Read a row, with LOST for a RUNNING whose recorder is gone."""
    row = rows.read_row(folder, best)
    while row is not None and row["status"] == runfolder.RUNNING:
        judged = rows.present(row, os.path.dirname(folder.path))
        if judged["status"] == runfolder.RUNNING or folder.read_status()[0] == runfolder.RUNNING:
            return judged
        # It ended, as it should, between our reading and our looking for its process.
        row = rows.read_row(folder, best)
    return row
