"""Two streams of the command on one terminal, in the order in which they were written.

Two pseudo-terminals keep stdout and stderr apart, but what is written to them within a fraction of
a millisecond can be read in either order, and a progress bar on stderr is garbled when a line that
was printed in its midst comes before or after. The kernel knows the order: inotify reports every
write to either terminal, in one queue. It reports no lengths; where several writes to one stream
were read at once, they are parted where terminal output is naturally in parts, after a line and
before a carriage return that begins a new state of the line.
"""

from __future__ import annotations

import os
import re
import select
import struct
import threading
import time
from itertools import pairwise

from meticulous.runner.streams import BUFFER_BYTES, Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Duet", "WriteOrder", "split_writes"]

_IN_MODIFY = 0x2  # inotify(7)
_EVENT = struct.Struct("iIII")
_PATIENCE_MS = 2
"""How long to wait for bytes whose writing has been reported: the kernel hands them over later."""

_LINE_BYTES = 1 << 10
_WIPED = re.compile(rb"\r(?: +|\x1b\[2?K)\r(?=.)", re.DOTALL)
_EMPTY_LINE = re.compile(rb"\n(?=.)|" + _WIPED.pattern, re.DOTALL)
_NEW_STATE = re.compile(rb"\n(?=.)|[^\r](?=\r[^\r\n])", re.DOTALL)


class WriteOrder:
    """The order in which terminals are written to. Raises OSError where the system cannot say.

    Args:
        paths: of the terminals; they are spoken of by their place in this list.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "inotify_init1"):
            raise OSError("no inotify here")
        self.descriptor = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._places: dict[int, int] = {}
        for place, path in enumerate(paths):
            watch = libc.inotify_add_watch(self.descriptor, os.fsencode(path), _IN_MODIFY)
            if watch < 0:
                number = ctypes.get_errno()
                os.close(self.descriptor)
                raise OSError(number, "inotify_add_watch")
            self._places[watch] = place

    def take(self) -> list[int]:
        """Give which terminal was written to, time after time, since the last call."""
        try:
            events = os.read(self.descriptor, 1 << 16)
        except BlockingIOError:
            return []
        # Events without a known watch say that the queue has overflowed: then nothing is known.
        watches = (watch for watch, *_ in _EVENT.iter_unpack(events))
        return [self._places[watch] for watch in watches if watch in self._places]


class Duet(threading.Thread):
    """Carries two streams until their end, in the order of `order`."""

    def __init__(self, streams: Sequence[Stream], order: WriteOrder) -> None:
        super().__init__(name="streams", daemon=True)
        self._streams = list(streams)
        self._order = order
        self._read = [bytearray() for _ in streams]
        self._before = [b"" for _ in streams]
        """The unfinished line of the stream that was carried last."""
        self._turns: list[int] = []
        self._reported = select.poll()
        self._reported.register(order.descriptor, select.POLLIN)
        self._buffer = bytearray(BUFFER_BYTES)

    def run(self) -> None:
        """Read and carry until both streams have ended."""
        while not all(stream.has_ended for stream in self._streams):
            self._read_what_there_is(None)
            self._await_turns()
            self._read_what_there_is(0)
            self._take_turns()
            self._play()
            for stream, read in zip(self._streams, self._read, strict=True):
                stream.has_ended = stream.is_closed and not read

    def _read_what_there_is(self, patience_ms: int | None) -> None:
        """Wait for something to read, then read once from each stream that has something."""
        poll = select.poll()
        for stream in self._streams:
            if not stream.is_closed:
                poll.register(stream.source, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(patience_ms)}
        for stream, read in zip(self._streams, self._read, strict=True):
            if not stream.is_closed and stream.source in ready:
                length = stream.read_into(self._buffer)
                read.extend(memoryview(self._buffer)[:length])

    def _await_turns(self) -> None:
        """Take turns until there is one for all that was read, or patience is at its end.

        A write is reported when it returns, and what it wrote can be read a little before that.
        """
        self._take_turns()
        deadline = time.monotonic() + _PATIENCE_MS / 1000
        while any(read and place not in self._turns for place, read in enumerate(self._read)):
            left_ms = (deadline - time.monotonic()) * 1000
            if left_ms <= 0 or not self._reported.poll(left_ms):
                return
            self._take_turns()

    def _take_turns(self) -> None:
        """Add the reported turns; writes that follow each other on one stream are one."""
        for place in self._order.take():
            if self._turns[-1:] != [place]:
                self._turns.append(place)

    def _play(self) -> None:
        """Carry all that has been read."""
        has_waited = False
        while any(self._read):
            while self._turns and not self._read[self._turns[0]]:
                if not has_waited and not self._streams[self._turns[0]].is_closed:
                    has_waited = True
                    self._read_what_there_is(_PATIENCE_MS)
                    self._take_turns()
                else:
                    self._turns.pop(0)  # what was reported had been read before
            self._carry_next()

    def _carry_next(self) -> None:
        """Carry the part whose turn it is; without turns, all of one stream."""
        if self._turns:
            place = self._turns.pop(0)
            count = 1 + self._turns.count(place)
        else:
            place, count = (0 if self._read[0] else 1), 1
        content = bytes(self._read[place])
        if count == 1 and self._turns and _seams(_WIPED, self._before[place], content):
            count = 2  # what follows was written after the other's turn, and is yet to be reported
        part = split_writes(self._before[place], content, count)[0]
        self._streams[place].carry(memoryview(part))
        line = (self._before[place] + part).rpartition(b"\n")[2][-_LINE_BYTES:]
        if part:
            self._before = [b"" for _ in self._before]  # the other has been interrupted
        self._before[place] = line
        del self._read[place][: len(part)]


def split_writes(before: bytes, content: bytes, count: int) -> list[bytes]:
    """Part `content`, which `count` turns of writing have made, at its seams.

    The best seams are where the line has been wiped for the other stream to print one, then where
    the line is empty, then where it is overwritten. `before` is what stood in front of `content`.
    Gives `count` parts, or fewer where there are not enough seams; the first is empty where the
    line had been wiped before.
    """
    if count < 2:
        return [content]
    for pattern in (_WIPED, _EMPTY_LINE, _NEW_STATE):
        seams = _seams(pattern, before, content)[: count - 1]
        if len(seams) == count - 1:
            break
    edges = [0, *seams, len(content)]
    return [content[start:end] for start, end in pairwise(edges)]


def _seams(pattern: re.Pattern[bytes], before: bytes, content: bytes) -> list[int]:
    """Give the places in `content` where a match of `pattern` ends, with what stood in front."""
    ends = [match.end() - len(before) for match in pattern.finditer(before + content)]
    return [end for end in ends if end >= 0]
