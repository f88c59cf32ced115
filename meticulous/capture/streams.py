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

from meticulous.base.descriptors import BUFFER_BYTES, write_all
from meticulous.capture.files import StreamFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["NEWLINE", "Pump", "Stream"]


NEWLINE = 10
_READER_IS_GONE = (errno.EPIPE, errno.ECONNRESET)


class Stream:
    """One stream of the command: what is read of it is kept in files and passed on.

    Args:
        name: the name of the stream, as in the timeline.
        source: what we read: our end of a pipe, or a pseudo-terminal's master.
        sink: our own stream of the same kind.
        kept: the files, usually one; another sequence can take its place at any time.
        failed: told when the stream cannot be read.
        not_passed_on: told, once, when `sink` cannot be written although its reader has not gone
            away: a full disk, a quota, a limit on the size of files.
    """

    def __init__(
        self,
        name: str,
        source: int,
        sink: int,
        kept: Sequence[StreamFile],
        failed: Callable[[str, OSError], None],
        not_passed_on: Callable[[str, OSError], None],
    ) -> None:
        self.name, self.source, self._sink = name, source, sink
        self.kept = kept
        self._failed, self._not_passed_on = failed, not_passed_on
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
        self.has_gap = False
        """Whether something could not be passed on, although its reader has not gone away."""

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
        except OSError as error:
            if self._is_reader_gone(error):
                self._sink = -1  # the command need not know
            elif not self.has_gap:
                # What is printed later may find room again, as it would without us.
                self.has_gap = True
                self._not_passed_on(self.name, error)

    def _is_reader_gone(self, error: OSError) -> bool:
        if error.errno == errno.EIO:  # of a terminal: it has been closed; else of a disk
            return stat.S_ISCHR(os.fstat(self._sink).st_mode)
        return error.errno in _READER_IS_GONE


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
