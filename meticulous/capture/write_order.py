"""Two streams of the command on one terminal, in the order in which they were written.

Two pseudo-terminals keep stdout and stderr apart, but what is written to them within a fraction of
a millisecond can be read in either order, and a progress bar on stderr is garbled when a line that
was printed in its midst comes before or after. Two things that Linux does help:

* inotify reports the writes to both terminals in one queue, each when its ``write()`` returns. It
  gives no lengths, and writes to one terminal that follow each other may be one report: a *turn*.
* ``poll()`` on our end of a pseudo-terminal first waits for bytes that are on their way. So once it
  finds nothing more, all that had been reported before has been read.

Two things remain unknown. How the bytes of a stream are shared out among turns that were read at
once: that is guessed (see :mod:`meticulous.capture.interleave`). And whether there are bytes of a write
that is not reported yet: that is waited for, briefly.
"""

from __future__ import annotations

import os
import select
import struct
import threading
import time

from meticulous.base.descriptors import BUFFER_BYTES
from meticulous.capture.interleave import Interleaver
from meticulous.capture.streams import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["OrderedPair", "WriteOrder"]

_IN_MODIFY = 0x2  # inotify(7)
_EVENT = struct.Struct("iIII")
_PATIENCE_S = 0.004
"""How long to wait for the report of a write, and for two streams to come to rest."""
_REST_S = 0.0004
"""Two streams are at rest when nothing has happened for this long."""
_DRAIN_BYTES = 1 << 16
"""The most that is read at once, and kept until its order is known."""
_BULK_BYTES = 4000
"""What a full pseudo-terminal gives: its writer waits for us, and reports when all is written."""


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
        """Return which terminal was written to, time after time, since the last call."""
        try:
            events = os.read(self.descriptor, 1 << 16)
        except BlockingIOError:
            return []
        # Events without a known watch say that the queue has overflowed: then nothing is known.
        watches = (watch for watch, *_ in _EVENT.iter_unpack(events))
        return [self._places[watch] for watch in watches if watch in self._places]

    def close(self) -> None:
        """Watch no longer."""
        os.close(self.descriptor)


class OrderedPair(threading.Thread):
    """Carries two streams until their end, in the order of `order`."""

    def __init__(self, streams: Sequence[Stream], order: WriteOrder) -> None:
        super().__init__(name="streams", daemon=True)
        self._streams, self._order, self._merge = streams, order, Interleaver()
        self._buffer = bytearray(BUFFER_BYTES)
        self._poll, self._sources = select.poll(), select.poll()
        self._poll.register(order.descriptor, select.POLLIN)
        for stream in streams:
            self._poll.register(stream.source, select.POLLIN)
            self._sources.register(stream.source, select.POLLIN)

    def run(self) -> None:
        """Read and carry until both streams have ended."""
        read = self._merge.read
        deadline = 0.0
        while not all(stream.has_ended for stream in self._streams):
            if not any(read):
                self._poll.poll()
                deadline = time.monotonic() + _PATIENCE_S
            is_complete = self._look(deadline) or max(map(len, read)) >= _DRAIN_BYTES
            is_due = time.monotonic() > deadline
            for place, part in self._merge.give(is_complete=is_complete, is_due=is_due):
                self._streams[place].carry(memoryview(part))
                deadline = time.monotonic() + _PATIENCE_S
            for place, stream in enumerate(self._streams):
                stream.has_ended = stream.is_closed and not read[place]
        self._order.close()

    def _look(self, deadline: float) -> bool:
        """Read what there is, and its turns; say whether they are all, or are to be taken so."""
        merge = self._merge
        self._take_turns()
        length = self._drain()
        if length < _DRAIN_BYTES:
            merge.drop_void_turns()
        has_new_turns = self._take_turns()
        if length >= _BULK_BYTES and not merge.is_mixed():
            return True
        if has_new_turns:
            return False
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return True
        if not merge.is_reported():
            self._poll.poll(left_s * 1000)
            return False
        if merge.is_mixed():
            time.sleep(_REST_S)
        return not merge.is_mixed() or not self._poll.poll(0)

    def _take_turns(self) -> bool:
        """Take what has been reported; say whether that was anything."""
        places = self._order.take()
        for place in places:
            self._merge.add_turn(place)
        return bool(places)

    def _drain(self) -> int:
        """Read until there is no more, or a lot; return how many bytes that was."""
        total = 0
        while total < _DRAIN_BYTES and (ready := {one for one, _ in self._sources.poll(0)}):
            for stream, read in zip(self._streams, self._merge.read, strict=True):
                if stream.source in ready:
                    length = stream.read_into(self._buffer)
                    read.extend(memoryview(self._buffer)[:length])
                    total += length
                    if stream.is_closed:
                        self._sources.unregister(stream.source)
                        self._poll.unregister(stream.source)
        return total
