"""The files that the bytes of a stream go to, and the timeline that merges them again."""

from __future__ import annotations

import os
import threading
import time

from meticulous.runfolder.files import open_to_write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SAME_CHUNK_S", "StreamFile", "Timeline"]

SAME_CHUNK_S = 0.010
"""Chunks of one stream that begin within this time are one line of the timeline."""


class Timeline:
    """The order and time of chunks: a line ``SECONDS STREAM OFFSET LENGTH`` for each.

    Seconds are since the start of the run; offset and length are bytes in the file of the stream.
    The last line is written again, longer, while chunks of the same stream follow each other
    closely: so the file is small beside the output, and complete at every moment.
    """

    def __init__(self, path: str, started: float, failed: Callable[[str, OSError], None]) -> None:
        self._started = started
        self._failed = failed
        self._lock = threading.Lock()
        self._file, self._end = _open(path, 0, lambda error: failed("timeline", error))
        self._line_start = self._end
        self._stream = ""
        self._since = 0.0
        self._offset = self._length = 0

    def note(self, stream: str, offset: int, length: int) -> None:
        """Add the `length` bytes at `offset` of `stream`, which have just come."""
        with self._lock:
            if self._file < 0:
                return
            now = time.monotonic() - self._started
            if stream != self._stream or now - self._since > SAME_CHUNK_S:
                self._line_start = self._end
                self._stream, self._since, self._offset, self._length = stream, now, offset, 0
            self._length += length
            line = b"%.6f %s %d %d\n" % (
                self._since,
                stream.encode(),
                self._offset,
                self._length,
            )
            try:
                os.pwrite(self._file, line, self._line_start)
            except OSError as error:
                self._failed("timeline", error)
                os.close(self._file)
                self._file = -1
            self._end = self._line_start + len(line)

    def close(self) -> None:
        """Note nothing more."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1


class StreamFile:
    """One stream in one run: its file, and its lines in the timeline of the run.

    Args:
        name: the name of the stream, as in the timeline.
        path: the file that keeps the bytes; appended to.
        timeline: of the run.
        failed: told once when the file cannot be written any more.
    """

    def __init__(
        self,
        name: str,
        path: str,
        timeline: Timeline,
        failed: Callable[[str, OSError], None],
    ) -> None:
        self.name = name
        self._timeline, self._failed = timeline, failed
        self._lock = threading.Lock()
        self._file, self._offset = _open(path, os.O_APPEND, lambda error: failed(name, error))

    @property
    def is_open(self) -> bool:
        """Whether it keeps what it is given."""
        return self._file >= 0

    def keep(self, chunk: memoryview) -> None:
        """Append `chunk` to the file, unless that is closed or has failed."""
        with self._lock:
            kept = 0
            try:
                while self.is_open and kept < len(chunk):
                    kept += os.write(self._file, chunk[kept:])
            except OSError as error:
                self._failed(self.name, error)
                self._close()
            if kept:
                self._timeline.note(self.name, self._offset, kept)
                self._offset += kept

    def close(self) -> None:
        """Keep nothing more."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self.is_open:
            os.close(self._file)
            self._file = -1


def _open(path: str, flags: int, failed: Callable[[OSError], None]) -> tuple[int, int]:
    """Open `path` for writing: (descriptor, size so far), or (-1, 0) after telling `failed`."""
    try:
        descriptor = open_to_write(path, flags)
        return descriptor, os.fstat(descriptor).st_size
    except OSError as error:
        failed(error)
        return -1, 0
