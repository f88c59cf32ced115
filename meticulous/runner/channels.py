"""The two streams of a command: opened, carried until their end, and waited for.

Each is a pipe, or a pseudo-terminal where our own is a terminal.
"""

from __future__ import annotations

import os
import threading
import time

from meticulous import runfolder
from meticulous.base.descriptors import can_block_apart, enlarge_pipe, is_open
from meticulous.capture import streams
from meticulous.capture.files import StreamFile, Timeline
from meticulous.capture.terminal import Terminal, is_terminal
from meticulous.recording.record import RunRecord, timeline_zero
from meticulous.runner.signals import SignalForwarder
from meticulous.settings import RunSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from meticulous.capture.write_order import WriteOrder

__all__ = ["Channels"]

_GRACE_S = 2.0
"""How long a process that outlives the command may hold its streams open."""
_SETTLE_S = 0.5
"""How long to go on passing bytes on before we stop with the command."""
_STREAMS = ((1, runfolder.STDOUT), (2, runfolder.STDERR))


class Channels:
    """Stdout and stderr of one command.

    Args:
        settings: whether pipes or pseudo-terminals are forced.
    """

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._terminals: list[Terminal] = []
        self._streams: list[streams.Stream] = []
        self._threads: list[threading.Thread] = []
        self._order: WriteOrder | None = None
        self._ours: dict[int, int] = {}
        self._theirs: dict[int, int] = {}

    def open(self, record: RunRecord) -> dict[int, int]:
        """Make them, and let the bytes flow into the files of `record` and on to our own streams.

        Return which descriptors of ours are to be the command's 1 and 2: none where no descriptor,
        pseudo-terminal or thread can be had. Then the command prints to our own, and that is noted.
        The record is told what cannot be recorded or passed on.
        """
        try:
            for descriptor, _ in _STREAMS:
                self._ours[descriptor], self._theirs[descriptor] = self._open_one(descriptor)
            self._order = _write_order(self._terminals)
            self._carry(record)
        except (OSError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            record.note_trouble(f"stdout and stderr: {reason}", aloud=True)
            self.give_up()
        return self._theirs

    def leave(self) -> None:
        """Leave the command's ends to the command, so that its end can be seen."""
        for theirs in self._theirs.values():
            os.close(theirs)
        self._theirs = {}

    def give_up(self) -> None:
        """Let go of them before the command has begun: it prints to our own."""
        self.leave()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self.close()
        for ours in self._ours.values():
            if is_open(ours):
                os.close(ours)
        self._streams, self._threads, self._terminals, self._ours = [], [], [], {}

    @property
    def has_terminals(self) -> bool:
        """Whether there is a pseudo-terminal among them."""
        return bool(self._terminals)

    def _carry(self, record: RunRecord) -> None:
        run, failed = record.run, record.failed
        timeline = Timeline(run.file(runfolder.TIMELINE), timeline_zero(record), failed)
        for descriptor, name in _STREAMS:
            kept = StreamFile(name, run.file(name), timeline, failed)
            self._streams.append(
                streams.Stream(
                    name, self._ours[descriptor], descriptor, [kept], failed, record.not_passed_on
                )
            )
        self._threads = self._carriers()
        for thread in self._threads:
            thread.start()

    @property
    def has_gap(self) -> bool:
        """Whether our own stdout or stderr could not be written, though nobody has closed it."""
        return any(stream.has_gap for stream in self._streams)

    def end_line(self) -> str:
        """Return what ends the line in which the command has left the terminal: ours begin a new one."""
        is_amid = any(stream.last_byte != streams.NEWLINE for stream in self._streams)
        if not (is_amid and self._terminals):
            return ""
        for stream in self._streams:
            stream.last_byte = streams.NEWLINE
        return "\n"

    def follow(self) -> None:
        """Carry the modes of terminals over."""
        for terminal in self._terminals:
            terminal.follow()

    def resize(self) -> bool:
        """Return pseudo-terminals the size of the real one; say whether that was a change."""
        return sum(terminal.resize() for terminal in self._terminals) > 0

    def settle(self) -> None:
        """Pass on what the command has printed so far, such as leaving the full screen."""
        deadline = time.monotonic() + _SETTLE_S
        seen = -1
        # Twice the same: the kernel hands over what was written a moment after the write.
        while seen != (seen := sum(stream.taken for stream in self._streams)) or any(
            stream.waiting_bytes() or stream.taken > stream.passed for stream in self._streams
        ):
            if time.monotonic() > deadline:
                break
            time.sleep(0.005)

    def drain(self, supervisor: SignalForwarder, before_abandoning: Callable[[], None]) -> bool:
        """Wait until all that was printed has passed; say whether the streams have ended.

        A process that outlives the command may hold them open. It is given a short grace; but
        what was written when the command ended is always passed on, however long that takes. Only
        where somebody wants us gone, a reader who takes nothing does not keep us.
        """
        due = [stream.due() for stream in self._streams]
        deadline = time.monotonic() + _GRACE_S
        seen, moved_s = -1, 0.0
        while any(thread.is_alive() for thread in self._threads):
            now_s, passed = time.monotonic(), sum(stream.passed for stream in self._streams)
            if passed != seen:
                seen, moved_s = passed, now_s
            has_all = all(
                stream.has_ended or stream.passed >= count
                for stream, count in zip(self._streams, due, strict=True)
            )
            if has_all and now_s > deadline:
                return False
            if not has_all and supervisor.is_asked_to_end and now_s - moved_s > _GRACE_S:
                before_abandoning()
                self._abandon()
                return False
            for thread in self._threads:
                thread.join(0.02)
            if not supervisor.linger() and has_all:
                return False
        return True

    def _abandon(self) -> None:
        for stream in self._streams:
            if not stream.has_ended:
                stream.abandon()

    def close(self) -> None:
        """Record nothing more of what outlives the command, and let go of its streams."""
        for stream in self._streams:
            for kept in stream.kept:
                kept.close()
            if stream.has_ended:
                os.close(stream.source)

    def _carriers(self) -> list[threading.Thread]:
        """Return the threads that carry the bytes: one for both streams where that is possible."""
        if self._order is not None:
            from meticulous.capture.write_order import OrderedPair

            return [OrderedPair(self._streams, self._order)]
        if can_block_apart(1, 2):
            return [streams.Pump([stream]) for stream in self._streams]
        return [streams.Pump(self._streams)]

    def _open_one(self, descriptor: int) -> tuple[int, int]:
        """Make the pipe or pseudo-terminal for one stream: (our end, the command's end)."""
        is_real = is_terminal(descriptor)
        if self._settings.pty or (is_real and not self._settings.pipe):
            terminal = Terminal(descriptor if is_real else None)
            self._terminals.append(terminal)
            return terminal.master, terminal.slave
        ours, theirs = os.pipe()
        enlarge_pipe(ours)
        return ours, theirs


def _write_order(terminals: list[Terminal]) -> WriteOrder | None:
    """Return the order of writing to two pseudo-terminals, if they stand for one terminal."""
    if len(terminals) < 2:
        return None
    from meticulous.capture.write_order import WriteOrder

    try:
        return WriteOrder([terminal.path for terminal in terminals])
    except OSError:
        return None  # not Linux, or this user has no inotify left: the order may then be off
