"""The carrier: a small process that carries the streams of a program that records itself.

A program that dies cannot empty the pipes that it has printed into, so somebody else must. The
carrier is started by :mod:`meticulous.capture`, belongs to no group or session of the program, and
ends when every process has closed the streams. Over two pipes the program tells it which runs are
open; whatever is printed goes into the files of all of them, and on to where it would have gone.

It also describes the environment of a run, which would take time from the program itself.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import threading
import time

from meticulous import runfolder
from meticulous.recording import Record
from meticulous.records import Record as Fields
from meticulous.runfolder import RunFolder
from meticulous.runner.streams import Kept, Pump, Stream, Timeline, can_block_apart, write_all
from meticulous.runner.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["Carrier", "Channel", "main", "receive", "send"]

_TERMINAL_TICK_S = 0.05
_TERMINAL_PATIENCE_MS = 2
"""What was written to a pseudo-terminal can be read a little later, unlike with a pipe."""
_SETTLE_PAUSE_S = 0.0002
_HIGHEST_DESCRIPTOR = 1 << 16


class Channel(Fields):
    """One stream to carry: its name, where we read it, where it goes on to (-1: nowhere).

    `terminal` is the path of the pseudo-terminal that it is, or empty.
    """

    name: str
    source: int
    sink: int
    terminal: str = ""


def main(words: Sequence[str]) -> None:
    """Be the carrier of process ``words[0]``; the other words are the fields of the channels.

    Stdin and stdout are the pipes to the program; stderr is its own.
    """
    if os.fork():
        os._exit(0)  # the program waits for us alone, and never has an unknown child
    os.setsid()
    os.chdir("/")
    fields = [words[start : start + 4] for start in range(1, len(words), 4)]
    channels = [Channel(name, int(source), int(sink), path) for name, source, sink, path in fields]
    highest = max(max(channel.source, channel.sink) for channel in channels)
    os.closerange(highest + 1, min(os.sysconf("SC_OPEN_MAX"), _HIGHEST_DESCRIPTOR))
    Carrier(channels, 0, 1, int(words[0])).serve()
    os._exit(0)


class Carrier:
    """Carries `channels` and does what the program says through the pipe `told`.

    Answers go to the pipe `answers`. `pid` is the program's process.
    """

    def __init__(self, channels: Sequence[Channel], told: int, answers: int, pid: int) -> None:
        self._told, self._answers, self._pid = told, answers, pid
        self._terminals = [
            Terminal(channel.sink, (channel.source, channel.terminal))
            for channel in channels
            if channel.terminal
        ]
        self._streams = [
            Stream(channel.name, channel.source, channel.sink, (), self._failed)
            for channel in channels
        ]
        self._carrying = self._carriers(channels)
        self._runs: dict[int, tuple[Record, Timeline, dict[str, Kept]]] = {}
        self._describing: list[threading.Thread] = []
        self._is_mute = False

    def serve(self) -> None:
        """Carry until every writer has closed the streams."""
        for thread in self._carrying:
            thread.start()
        try:
            send(self._answers, "ready")
            while (request := self._next_request()) is not None:
                number, what, *rest = request
                send(self._answers, (number, getattr(self, f"_{what}")(*rest)))
        except OSError:
            pass  # the program is gone; what it has printed is still to be carried
        self._is_mute = not self._runs
        for thread in self._carrying:
            while thread.is_alive():
                thread.join(_TERMINAL_TICK_S if self._terminals else None)
                self._tick()
        for thread in self._describing:
            thread.join()

    def _next_request(self) -> Any:
        poll = select.poll()
        poll.register(self._told, select.POLLIN)
        while not poll.poll(_TERMINAL_TICK_S * 1000 if self._terminals else None):
            if self._tick():
                os.kill(self._pid, signal.SIGWINCH)
        return receive(self._told)

    def _tick(self) -> bool:
        """Let each pseudo-terminal be as the real one; say whether the size has changed."""
        for terminal in self._terminals:
            terminal.follow()
        return sum(terminal.resize() for terminal in self._terminals) > 0

    def _carriers(self, channels: Sequence[Channel]) -> list[threading.Thread]:
        """Give the threads that carry the bytes: one for all streams where that is possible."""
        if len(channels) == len(self._terminals) == 2:
            from meticulous.runner.duet import Duet, WriteOrder

            try:
                return [Duet(self._streams, WriteOrder([one.terminal for one in channels]))]
            except OSError:
                pass  # not Linux, or this user has no inotify left: the order may then be off
        sinks = {channel.sink for channel in channels}
        if any(can_block_apart(one, other) for one in sinks for other in sinks - {one}):
            return [Pump([stream]) for stream in self._streams]
        return [Pump(self._streams)]

    def _open(self, key: int, path: str, started_s: float) -> None:
        """Record the run at `path` from here on; `started_s` is the zero of its timeline."""
        self._settle()
        record = Record(RunFolder(path), {}, self._say)
        timeline = Timeline(record.run.file(runfolder.TIMELINE), started_s, record.failed)
        kept = {
            stream.name: Kept(stream.name, record.run.file(stream.name), timeline, record.failed)
            for stream in {stream.name: stream for stream in self._streams}.values()
        }
        self._runs[key] = record, timeline, kept
        self._set_kept()

    def _close(self, key: int) -> list[str]:
        """Record the run no more; give the trouble there was with it."""
        self._settle()
        record, timeline, kept = self._runs.pop(key)
        self._set_kept()
        for one in kept.values():
            one.close()
        timeline.close()
        return record.trouble

    def _describe(self, path: str, words: dict[str, Any]) -> None:
        """Write environment.json of the run at `path`, in our own time."""
        from meticulous import environment

        record = Record(RunFolder(path), {}, self._say)
        self._describing.append(
            record.gather_environment(lambda save: environment.gather(save=save, **words))
        )

    def _set_kept(self) -> None:
        for stream in self._streams:
            stream.kept = [kept[stream.name] for _, _, kept in self._runs.values()]

    def _settle(self) -> None:
        """Carry all that has been written so far."""
        is_quiet = False
        while not is_quiet:
            dues = [(stream, stream.due()) for stream in self._streams]
            while any(stream.passed < due for stream, due in dues):
                time.sleep(_SETTLE_PAUSE_S)
            is_quiet = not self._has_late_bytes()

    def _has_late_bytes(self) -> bool:
        due = sum(stream.due() for stream in self._streams)
        if self._terminals and not all(stream.has_ended for stream in self._streams):
            time.sleep(_TERMINAL_PATIENCE_MS / 1000)
            return sum(stream.due() for stream in self._streams) > due
        return False

    def _failed(self, what: str, error: OSError) -> None:
        for record, _, _ in self._runs.values():
            record.failed(what, error)

    def _say(self, text: str) -> None:
        if not self._is_mute:
            try:
                write_all(2, f"meticulous: {text}\n".encode("utf-8", "backslashreplace"))
            except OSError:
                pass  # nobody listens


def send(descriptor: int, message: Any) -> None:
    """Write `message` to a pipe, to be read by :func:`receive`. Raises OSError."""
    content = marshal.dumps(message)
    write_all(descriptor, len(content).to_bytes(4, "big") + content)


def receive(descriptor: int) -> Any:
    """Read what :func:`send` wrote; None at the end of the pipe."""
    header = _read(descriptor, 4)
    content = _read(descriptor, int.from_bytes(header, "big")) if header else b""
    return marshal.loads(content) if content else None  # noqa: S302, from our own process


def _read(descriptor: int, length: int) -> bytes:
    content = b""
    while len(content) < length:
        part = os.read(descriptor, length - len(content))
        if not part:
            return b""
        content += part
    return content
