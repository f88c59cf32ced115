"""The columns of a metrics.jsonl, kept in the user's cache directory so that only new lines are parsed.

One file for each metrics.jsonl of some size; it can be deleted at any time. It is used only where the
lines it was made of are still there: the same file, not shorter, the same bytes at places all over.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from array import array
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from meticulous.base.cache_directory import cache_directory, check_private
from meticulous.metrics.table import Column, Table, parse
from meticulous.runfolder.files import open_to_read

__all__ = ["blocks", "fingerprint", "load", "path_for"]

_BLOCK_BYTES = 128 << 10
"""Parsed at once; more does not fit into the processor's cache."""
_WORTH_KEEPING = 1 << 20
"""Bytes of lines that take longer to parse than to keep."""
_MOST_BYTES, _MOST_FILES = 2 << 30, 500
"""Of all kept columns; the oldest go."""
_SAMPLES, _SAMPLE_BYTES = 16, 4096
_MAGIC, _END = b"mtcols01", b"mtcolend"
_SIZE = struct.Struct("<Q")


def load(path: str, names: Collection[str] | None = None) -> Table:
    """Return the lines of the metrics.jsonl at `path`; of the columns only `names`, if given.

    A last line without an end counts if it is whole. Raises OSError where the file cannot be read;
    where there is none the table is empty.
    """
    try:
        descriptor = open_to_read(path)
    except FileNotFoundError:
        return Table()
    try:
        state = os.fstat(descriptor)
        kept = _Kept.of(path, descriptor, state) if state.st_size >= _WORTH_KEEPING else None
        start = kept.end if kept else 0
        is_new = state.st_size - start >= _WORTH_KEEPING
        table = kept.table(None if is_new else names) if kept else Table()
        if table is None:  # cut short
            start, is_new, table = 0, True, Table()
        for lines, end in blocks(descriptor, start, state.st_size):
            table.extend(parse(lines, table.count), None if is_new else names)
            start = end
        if is_new:
            with suppress(OSError):  # a full disk, another user's folder
                _keep(path, table, start, descriptor, state)
        last = parse(os.pread(descriptor, state.st_size - start, start), table.count)
        if last.count:
            table.extend(last)
    finally:
        os.close(descriptor)
    if names is not None:
        table.columns = {n: column for n, column in table.columns.items() if n in names}
    return table


def blocks(descriptor: int, start: int, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield (whole lines, where they end) from `start` on; not what is behind byte `size`."""
    parts: list[bytes] = []
    position = start
    while position < size:
        content = os.pread(descriptor, min(_BLOCK_BYTES, size - position), position)
        if not content:
            break
        cut = content.rfind(b"\n") + 1
        if cut:
            yield b"".join([*parts, content[:cut]]), position + cut
            parts = []
        parts.append(content[cut:])
        position += len(content)


def fingerprint(descriptor: int, end: int) -> str:
    """Return a digest of some of the bytes before `end`, the last ones among them."""
    digest = hashlib.blake2b(str(end).encode(), digest_size=16)
    for number in range(_SAMPLES + 1):
        place = max(0, number * end // _SAMPLES - _SAMPLE_BYTES)
        digest.update(os.pread(descriptor, min(_SAMPLE_BYTES, end - place), place))
    return digest.hexdigest()


def path_for(path: str) -> str:
    """Return where the columns of the metrics.jsonl at `path` are kept; nothing is made."""
    digest = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:20]
    return os.path.join(cache_directory(), "series", f"{digest}.columns")


class _Kept:
    """The columns as they were kept, of the first ``end`` bytes of a file."""

    def __init__(self, path: str, header: dict[str, Any], start: int) -> None:
        self._path, self._header, self._start = path, header, start
        self.end: int = header["end"]

    @classmethod
    def of(cls, path: str, descriptor: int, state: os.stat_result) -> _Kept | None:
        """Open what is kept of the file at `path`; None where nothing is, or not of this file."""
        place = path_for(path)
        try:
            check_private(os.path.dirname(place))
            with open(place, "rb") as file:
                if file.read(len(_MAGIC)) != _MAGIC:
                    return None
                (size,) = _SIZE.unpack(file.read(_SIZE.size))
                header = json.loads(file.read(min(size, os.fstat(file.fileno()).st_size)))
                kept = cls(place, header, file.tell())
            return kept if kept.is_of(descriptor, state) else None
        except (OSError, ValueError, struct.error, KeyError, TypeError):
            return None

    def is_of(self, descriptor: int, state: os.stat_result) -> bool:
        """Return whether the lines that this was made of are still in the file."""
        header = self._header
        # A file of the same size that was written again is another.
        is_older = state.st_mtime_ns < header["mtime"] or (
            state.st_size == header["size"] and state.st_mtime_ns != header["mtime"]
        )
        if header["file"] != [state.st_dev, state.st_ino] or is_older:
            return False
        is_shorter = state.st_size < header["size"]
        return not is_shorter and header["print"] == fingerprint(descriptor, self.end)

    def table(self, names: Collection[str] | None) -> Table | None:
        """Return the columns `names`, or all; None where the file is not whole."""
        table = Table()
        header = self._header
        table.count, table.broken = header["count"], header["broken"]
        try:
            with open(self._path, "rb") as file:
                self._check_end(file)
                file.seek(self._start)
                table.steps = _read(file, "d", table.count)
                table.times = _read(file, "d", table.count)
                if header["attempts"]:
                    table.attempts = _read(file, "H", table.count)
                if header["ranks"]:
                    table.ranks = _read(file, "H", table.count)
                for name, count, is_sparse, texts in header["columns"]:
                    if names is not None and name not in names:
                        file.seek(count * (12 if is_sparse else 8), os.SEEK_CUR)
                        continue
                    rows = _read(file, "I", count) if is_sparse else None
                    values = _read(file, "d", count)
                    found = {int(place): value for place, value in texts.items()}
                    table.columns[name] = Column(rows, values, found)
        except (OSError, EOFError, ValueError, KeyError, TypeError):
            return None
        return table

    def _check_end(self, file: BinaryIO) -> None:
        file.seek(-len(_END), os.SEEK_END)
        if file.read() != _END:
            raise EOFError


def _read(file: BinaryIO, kind: str, count: int) -> array[Any]:
    values = array(kind)
    values.fromfile(file, count)
    return values


def _keep(path: str, table: Table, end: int, descriptor: int, state: os.stat_result) -> None:
    """Keep `table`, which is of the first `end` bytes of the file."""
    header = {
        "file": [state.st_dev, state.st_ino],
        "mtime": state.st_mtime_ns,
        "size": state.st_size,
        "end": end,
        "print": fingerprint(descriptor, end),
        "count": table.count,
        "broken": table.broken,
        "attempts": table.attempts is not None,
        "ranks": table.ranks is not None,
        "columns": [
            (name, len(column), column.rows is not None, column.texts)
            for name, column in table.columns.items()
        ],
    }
    place = path_for(path)
    os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
    check_private(os.path.dirname(place))
    temporary = f"{place}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            content = json.dumps(header).encode()
            file.write(_MAGIC + _SIZE.pack(len(content)) + content)
            for numbers in (table.steps, table.times, table.attempts, table.ranks):
                if numbers is not None:
                    numbers.tofile(file)
            for column in table.columns.values():
                if column.rows is not None:
                    column.rows.tofile(file)
                column.numbers.tofile(file)
            file.write(_END)
        os.replace(temporary, place)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _drop_oldest(os.path.dirname(place))


def _drop_oldest(folder: str) -> None:
    """Remove what was kept first where all together is too much."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                state = entry.stat()
                found.append((state.st_mtime, state.st_size, entry.path))
    found.sort(reverse=True)
    total = 0
    for number, (_, size, path) in enumerate(found):
        total += size
        if number and (total > _MOST_BYTES or number >= _MOST_FILES):
            with suppress(OSError):
                os.unlink(path)
