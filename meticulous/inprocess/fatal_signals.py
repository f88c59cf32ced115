"""Signals that end this process, and leave it the time to say so.

A signal with a handler of the program's own is the program's affair.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Any

__all__ = ["FatalSignals", "forget", "is_main_thread", "put_off"]

_FATAL = (signal.SIGTERM, signal.SIGHUP)
_BETWEEN_TASKS = (
    ("multiprocessing.pool", "worker"),
    ("multiprocessing.process", "_bootstrap"),
    ("concurrent.futures.process", "_process_worker"),
)
_PATIENCE_S = 2.0
"""A signal that comes so long after the first is sent by somebody who insists. Two that come
together are one: a closed terminal sends SIGHUP by the kernel and by the shell."""


class FatalSignals:
    """Handlers for the signals that would end the process.

    `tell` is called before the process ends of one, with its number: 0 where a pool ends an idle
    worker by it, which is how such a worker ends well.
    """

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self.handled: dict[int, Any] = {}

    def handle(self) -> None:
        """Handle those that have no handler; only the main thread can."""
        if not is_main_thread():
            return
        caught_by_c = _caught_signals()
        for number in _FATAL:
            is_caught = caught_by_c >> (number - 1) & 1
            if signal.getsignal(number) == signal.SIG_DFL and not is_caught:
                self.handled[number] = handler = self._die
                signal.signal(number, handler)

    def end(self) -> None:
        """Put back what was there before."""
        for number, handler in self.handled.items():
            if signal.getsignal(number) is handler and is_main_thread():
                signal.signal(number, signal.SIG_DFL)

    def _die(self, number: int, frame: FrameType | None) -> None:
        if _delay.takes(number):
            return
        self._tell(0 if _is_idle_worker(frame) else number)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


class _Delay:
    """The signal that waits for a record to be written."""

    def __init__(self) -> None:
        self.depth = 0
        self.number = 0
        self._since_s = 0.0

    def takes(self, number: int) -> bool:
        """Return whether the signal is to wait."""
        if not self.depth:
            return False
        if not self.number:
            self.number, self._since_s = number, time.monotonic()
        return time.monotonic() - self._since_s < _PATIENCE_S

    def leave(self) -> None:
        """Let what waits come now, where it is to wait no longer."""
        self.depth -= 1
        if not self.depth and self.number:
            number, self.number = self.number, 0
            os.kill(os.getpid(), number)


_delay = _Delay()


@contextmanager
def put_off() -> Iterator[None]:
    """Have a signal wait until the block is left: the record of a run is half written meanwhile.

    In another thread than the main one nothing is to be done: a handler has to wait for the lock.
    """
    if not is_main_thread():
        yield
        return
    _delay.depth += 1
    try:
        yield
    finally:
        _delay.leave()


def forget() -> None:
    """Begin anew in a fork: what is half written is the parent's."""
    _delay.depth = _delay.number = 0


def is_main_thread() -> bool:
    """Return whether this is the thread that signal handlers run in."""
    return threading.current_thread() is threading.main_thread()


def _caught_signals() -> int:
    """Return the signals that have a handler, as a set of bits; Python does not know those of C.

    JAX, for one, takes SIGTERM as the notice to save. 0 where the system does not say (not Linux).
    """
    try:
        with open("/proc/self/status", "rb") as file:
            return next(int(line.split()[1], 16) for line in file if line.startswith(b"SigCgt"))
    except (OSError, StopIteration):
        return 0


def _is_idle_worker(frame: FrameType | None) -> bool:
    """Return whether `frame`, the innermost, is a worker of a pool that waits for a task."""
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.partition(".")[0] not in (*sys.stdlib_module_names, "meticulous"):
            return False
        # Waiting for a task, or on its way out after the last.
        if (module, frame.f_code.co_name) in _BETWEEN_TASKS:
            return True
        frame = frame.f_back
    return False
