"""Bytes from the command to us: into the file of the stream, and on to our own stream, at once.

Knows nothing of runs but the paths it is given. Where a slow reader could hold up one of our
streams and not the other, each has a thread of its own, so that the command is held up exactly as
without us; else one thread reads both in the order in which they are written to. Memory is one
buffer a thread, whatever is printed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
import sys
import termios
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "BUFFER_BYTES",
    "NEWLINE",
    "Pump",
    "Stream",
    "StreamFile",
    "Timeline",
    "can_block_apart",
    "enlarge_pipe",
    "is_open",
    "write_all",
]

BUFFER_BYTES = 1 << 18
"""Read at once, and the size that we ask for a pipe: four times the usual one. More would take too
much of what the kernel allows one user for all pipes (64 MiB) when hundreds of runs go at once."""

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


NEWLINE = 10


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


class Stream:
    """One stream of the command: what is read of it is kept in files and passed on.

    Args:
        name: the name of the stream, as in the timeline.
        source: what we read: our end of a pipe, or a pseudo-terminal's master.
        sink: our own stream of the same kind.
        kept: the files, usually one; another sequence can take its place at any time.
        failed: told when the stream cannot be read.
    """

    def __init__(
        self,
        name: str,
        source: int,
        sink: int,
        kept: Sequence[StreamFile],
        failed: Callable[[str, OSError], None],
    ) -> None:
        self.name, self.source, self._sink = name, source, sink
        self.kept = kept
        self._failed = failed
        self._is_abandoned = False
        self._readable = select.poll()
        self._readable.register(source, select.POLLIN)
        self._taking = threading.Lock()
        self.taken = 0
        """Bytes read so far."""
        self.passed = 0
        """Bytes kept and passed on so far."""
        self.last_byte = NEWLINE
        """The last one that was passed on."""
        self.is_closed = False
        """Whether every writer has closed it."""
        self.has_ended = False
        """Whether it is closed and all has been passed on."""

    def read_into(self, buffer: bytearray) -> int:
        """Read what there is, waiting for it; 0 when every writer has closed the stream."""
        self._readable.poll()
        length = 0
        # Waited for before, read and counted as one: so that `due` misses nothing.
        with self._taking:
            try:
                if not self._is_abandoned:
                    length = os.readv(self.source, [buffer])
            except OSError as error:
                if error.errno != errno.EIO:  # a pseudo-terminal whose last user has closed it
                    self._failed(self.name, error)
            self.taken += length
        self.is_closed = length == 0
        return length

    def carry(self, chunk: memoryview) -> None:
        """Keep `chunk` and pass it on."""
        self._keep(chunk)
        if self._sink >= 0:
            self._pass_on(chunk)
            self.last_byte = chunk[-1]
        self.passed += len(chunk)

    def due(self) -> int:
        """Return how many bytes have been written to it by now: what :attr:`passed` will reach.

        Of a pseudo-terminal, those that are still on their way are not counted.
        """
        with self._taking:
            return self.taken + self.waiting_bytes()

    def has_arrived(self) -> bool:
        """Say that all that was written to it before has been read; False where that is unsure.

        A pseudo-terminal hands over what was written a moment later, but where there is nothing to
        read, the kernel's `poll` first waits for what is on its way.
        """
        poll = select.poll()  # our own: another thread may be waiting with that of the stream
        poll.register(self.source, select.POLLIN)
        return self.has_ended or not poll.poll(0)

    def abandon(self) -> None:
        """Keep what the command has written and pass nothing more on, as our reader is stuck.

        To be called when the thread has been waiting for that reader for long: it stays there.
        """
        self._is_abandoned = True
        while any(one.is_open for one in self.kept) and self.waiting_bytes():
            self._keep(memoryview(os.read(self.source, BUFFER_BYTES)))

    def waiting_bytes(self) -> int:
        """Return how many bytes the command has written that we have not read yet."""
        try:
            answer = fcntl.ioctl(self.source, termios.FIONREAD, b"\0" * 4)
        except OSError:
            return 0
        return int.from_bytes(answer, sys.byteorder)

    def _keep(self, chunk: memoryview) -> None:
        for one in self.kept:
            one.keep(chunk)

    def _pass_on(self, chunk: memoryview) -> None:
        try:
            write_all(self._sink, chunk)
        except OSError:
            self._sink = -1  # nobody reads it any more; the command need not know


class Pump(threading.Thread):
    """Carries one stream until its end, or several in the order in which they are written to."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        super().__init__(name="+".join(stream.name for stream in streams), daemon=True)
        self._streams = {stream.source: stream for stream in streams}
        self._buffer = bytearray(BUFFER_BYTES)

    def run(self) -> None:
        """Read and carry, as much at once as there is."""
        if len(self._streams) > 1:
            self._carry_several()
        for stream in self._streams.values():
            while self._carry(stream):
                pass

    def _carry_several(self) -> None:
        """Carry all streams until but one has ended."""
        # epoll tells of descriptors in the order in which they became readable, poll does not.
        poll = select.epoll() if hasattr(select, "epoll") else select.poll()
        for source in self._streams:
            poll.register(source, select.POLLIN)
        while len(self._streams) > 1:
            for source, _ in poll.poll():
                if not self._carry(self._streams[source]):
                    poll.unregister(source)
                    del self._streams[source]

    def _carry(self, stream: Stream) -> bool:
        length = stream.read_into(self._buffer)
        if length:
            stream.carry(memoryview(self._buffer)[:length])
        else:
            stream.has_ended = True
        return length > 0


def _open(path: str, flags: int, failed: Callable[[OSError], None]) -> tuple[int, int]:
    """Open `path` for writing: (descriptor, size so far), or (-1, 0) after telling `failed`."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, 0o666)
        return descriptor, os.fstat(descriptor).st_size
    except OSError as error:
        failed(error)
        return -1, 0


def write_all(descriptor: int, content: bytes | memoryview) -> None:
    """Write everything, waiting where `descriptor` is non-blocking and full. Raises OSError."""
    view = memoryview(content)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            # Set by whoever shares the descriptor with us; we must not clear it for them.
            select.select([], [descriptor], [])


def enlarge_pipe(descriptor: int) -> None:
    """Ask for a larger pipe, so that a command that prints much is held up less (Linux)."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, BUFFER_BYTES)
    except (AttributeError, OSError):
        pass  # not Linux, or this user has no more: the usual size does as well


def can_block_apart(one: int, other: int) -> bool:
    """Say whether writing to one descriptor can be held up while the other could go on.

    So it is with two pipes whose readers are slow in their own ways; not with files, nor with one
    pipe for both.
    """
    try:
        first, second = os.fstat(one), os.fstat(other)
    except OSError:
        return True
    if os.path.samestat(first, second):
        return False
    return any(
        stat.S_ISFIFO(each.st_mode) or stat.S_ISSOCK(each.st_mode) for each in (first, second)
    )


def is_open(descriptor: int) -> bool:
    """Say whether `descriptor` is open at all."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
