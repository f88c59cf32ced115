"""The relay: a small process that carries the streams of a program that records itself.

A program that dies cannot empty the pipes that it has printed into, so somebody else must. The
relay is started by :mod:`meticulous.inprocess.capture`, belongs to no group or session of the program, and
ends when every process has closed the streams. Over two pipes the program tells it which runs are
open; whatever is printed goes into the files of all of them, and on to where it would have gone.

It also describes the environment of a run, which would take time from the program itself. Little
is imported at the top: the program waits for the first relay to be ready.
"""

from __future__ import annotations

import marshal
import os
import select
import threading
import time

from meticulous.base.descriptors import can_block_apart, close, write_all
from meticulous.base.namedtuple import NamedTuple
from meticulous.capture.files import StreamFile, Timeline
from meticulous.capture.relay_tasks import RelaySampler, Trouble, write_environments
from meticulous.capture.streams import Pump, Stream
from meticulous.capture.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["Channel", "Relay", "main", "receive", "send"]

_TICK_S = 0.05
"""How often a pseudo-terminal is looked after. The environment is described when the program has
asked nothing for so long: an experiment that is over by then need not wait for it."""
_SETTLE_PAUSE_S = 0.0002
_ON_THEIR_WAY_BYTES = 1 << 18
"""More than Linux holds of what was written to two pseudo-terminals: 64 KiB each, and one read."""
_HIGHEST_DESCRIPTOR = 1 << 16


class Channel(NamedTuple):
    """One stream to carry: its name, where we read it, where it goes on to (-1: nowhere).

    `terminal` is the path of the pseudo-terminal that it is, or empty.
    """

    name: str
    source: int
    sink: int
    terminal: str = ""


def main(words: Sequence[str]) -> None:
    """Be the relay of process ``words[0]``; the other words are the fields of the channels.

    Stdin and stdout are the pipes to the program; stderr is its own.
    """
    try:
        if os.fork():
            os._exit(0)  # the program waits for us alone, and never has an unknown child
    except OSError:
        os._exit(1)  # the limit of processes
    os.setsid()
    os.chdir("/")
    fields = [words[start : start + 4] for start in range(1, len(words), 4)]
    channels = [Channel(name, int(source), int(sink), path) for name, source, sink, path in fields]
    highest = max([2, *(max(channel.source, channel.sink) for channel in channels)])
    os.closerange(highest + 1, min(os.sysconf("SC_OPEN_MAX"), _HIGHEST_DESCRIPTOR))
    try:
        carrier = os.getpid()
        is_stand_in = _stand_by()
        if is_stand_in:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
        Relay(channels, 0, 1, int(words[0]), carrier).serve()
    except RuntimeError:
        os._exit(1)  # no thread can be started: the program does without us
    os._exit(0)


def _stand_by() -> bool:
    """Go on in a process of its own; return True, in the old one, where that has been killed.

    The old one keeps the streams open meanwhile, so that no print of the program fails, and then
    passes on what is printed; it knows of no run. Where there can be no other process, this one
    goes on.
    """
    try:
        pid = os.fork()
    except OSError:
        return False
    if pid == 0:
        return False
    os.dup2(2, 0)  # the program sees the end of its pipes when the other process has ended
    os.dup2(2, 1)
    _, status = os.waitpid(pid, 0)
    if not os.WIFSIGNALED(status):
        os._exit(os.waitstatus_to_exitcode(status))
    return True


class Relay:
    """Carries `channels` and does what the program says through the pipe `told`.

    Answers go to the pipe `answers`. `pid` is the program's process, and `carrier` that which ends
    last of those that carry, 0 for a thread of the program.
    """

    def __init__(
        self, channels: Sequence[Channel], told: int, answers: int, pid: int, carrier: int = 0
    ) -> None:
        self._told, self._answers, self._pid, self._carrier = told, answers, pid, carrier
        self._terminals = [
            Terminal(channel.sink, (channel.source, channel.terminal))
            for channel in channels
            if channel.terminal
        ]
        self._streams = [
            Stream(
                channel.name, channel.source, channel.sink, (), self._failed, self._not_passed_on
            )
            for channel in channels
        ]
        self._carrying = self._carriers(channels)
        self._runs: dict[int, tuple[Trouble, Timeline, dict[str, StreamFile]]] = {}
        self._samplings: dict[int, RelaySampler] = {}
        self._describing: list[threading.Thread] = []
        self._undescribed: list[tuple[str, dict[str, Any]]] = []
        self._awaiting_exit: list[str] = []
        self._is_mute = False

    def serve(self) -> None:
        """Carry until every writer has closed the streams."""
        for thread in self._carrying:
            thread.start()
        try:
            send(self._answers, ("ready", self._carrier))
            while (request := self._next_request()) is not None:
                number, what, *rest = request
                send(self._answers, (number, getattr(self, f"_{what}")(*rest)))
                if self._awaiting_exit:
                    self._correct_ends()
                    break
        except OSError:
            pass  # the program is gone; what it has printed is still to be carried
        self._is_mute = not self._runs
        self._describe()
        self._wait_for(self._describing)
        close(self._answers)  # the program, which may be about to end, knows by it
        self._wait_for(self._carrying)

    def _wait_for(self, threads: Sequence[threading.Thread]) -> None:
        for thread in threads:
            while thread.is_alive():
                thread.join(_TICK_S if self._terminals else None)
                self._tick()

    def _next_request(self) -> Any:
        poll = select.poll()
        poll.register(self._told, select.POLLIN)
        while not poll.poll(_TICK_S * 1000 if self._terminals or self._undescribed else None):
            self._describe()
            if self._tick():
                from signal import SIGWINCH

                os.kill(self._pid, SIGWINCH)
        return receive(self._told)

    def _tick(self) -> bool:
        """Let each pseudo-terminal be as the real one; say whether the size has changed."""
        for terminal in self._terminals:
            terminal.follow()
        return sum(terminal.resize() for terminal in self._terminals) > 0

    def _carriers(self, channels: Sequence[Channel]) -> list[threading.Thread]:
        """Return the threads that carry the bytes: one for all streams where that is possible."""
        if len(channels) == len(self._terminals) == 2:
            from meticulous.capture.write_order import OrderedPair, WriteOrder

            try:
                return [OrderedPair(self._streams, WriteOrder([one.terminal for one in channels]))]
            except OSError:
                pass  # not Linux, or this user has no inotify left: the order may then be off
        sinks = {channel.sink for channel in channels}
        if any(can_block_apart(one, other) for one in sinks for other in sinks - {one}):
            return [Pump([stream]) for stream in self._streams]
        return [Pump(self._streams)]

    def _open(
        self,
        key: int,
        path: str,
        files: dict[str, str],
        started_s: float,
        sample_interval_s: float | None,
        words: dict[str, Any],
    ) -> None:
        """Record the run at `path` from here on; `started_s` is the zero of its timeline.

        `files` are those of the streams, by name, and that of the timeline, by no name. Its
        environment is to be described, with `words`.
        """
        self._undescribed.append((path, words))
        self._settle()
        trouble = Trouble(path, self._say)
        timeline = Timeline(files[""], started_s, trouble.note)
        kept = {
            name: StreamFile(name, files[name], timeline, trouble.note)
            for name in {stream.name for stream in self._streams}
        }
        self._runs[key] = trouble, timeline, kept
        self._set_kept()
        self._samplings[key] = RelaySampler(self._pid, path, sample_interval_s, trouble)
        try:
            self._samplings[key].start()
        except RuntimeError as error:
            trouble.note("resources", OSError(str(error)))

    def _close(self, key: int) -> tuple[list[str], dict[str, Any]]:
        """Record the run no more; return the trouble there was with it, and the peaks of its use."""
        self._settle()
        peaks = self._samplings.pop(key).stop()
        trouble, timeline, kept = self._runs.pop(key)
        self._set_kept()
        for one in kept.values():
            one.close()
        timeline.close()
        return trouble.texts, peaks

    def _await_exit(self, paths: list[str]) -> bool:
        """Expect the exit code of the program as the next byte; the runs at `paths` end with it."""
        self._awaiting_exit = paths
        return True

    def _correct_ends(self) -> None:
        """Wait for the exit code, and let the runs that were ended by a guess say what is true."""
        self._describe()
        code = os.read(self._told, 1)
        try:
            if code:
                from meticulous.recording.correction import correct

                for path in self._awaiting_exit:
                    correct(path, code[0], self._say)
        finally:
            self._wait_for(self._describing)
            os.write(self._answers, b"\n")  # the program, which waits for this, may be gone now

    def _describe(self) -> None:
        """Write environment.json of the runs that have none yet, from a thread."""
        undescribed, self._undescribed = self._undescribed, []
        if undescribed:
            thread = threading.Thread(target=write_environments, args=(undescribed, self._say))
            try:
                thread.start()
            except RuntimeError:  # no more threads: the program waits a moment
                write_environments(undescribed, self._say)
            else:
                self._describing.append(thread)

    def _set_kept(self) -> None:
        for stream in self._streams:
            stream.kept = [kept[stream.name] for _, _, kept in self._runs.values()]

    def _settle(self) -> None:
        """Carry all that has been written so far."""
        self._pass(self._streams)
        terminals = self._streams if self._terminals else []
        limit = sum(stream.passed for stream in terminals) + _ON_THEIR_WAY_BYTES
        # A process that prints without pause must not keep us for ever: what had been written when
        # we began has passed when more than the kernel holds has passed.
        while terminals and sum(stream.passed for stream in terminals) < limit:
            dues = [stream.due() for stream in terminals]
            if all(stream.has_arrived() for stream in terminals) and self._pass(terminals) == dues:
                break

    def _pass(self, streams: Sequence[Stream]) -> list[int]:
        """Wait until what can be read of `streams` has been passed on; return how many bytes."""
        dues = [stream.due() for stream in streams]
        while any(stream.passed < due for stream, due in zip(streams, dues, strict=True)):
            time.sleep(_SETTLE_PAUSE_S)
        return dues

    def _failed(self, what: str, error: OSError) -> None:
        for trouble, _, _ in self._runs.values():
            trouble.note(what, error)

    def _not_passed_on(self, name: str, error: OSError) -> None:
        for trouble, _, _ in self._runs.values():
            trouble.not_passed_on(name, error)

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
