"""How this process ends, seen from within: by return, exit, exception or signal.

Python tells nobody with which code a process is about to end. What can be seen of it: whether the
outermost frame has returned or was left by an exception, which exception was printed last, and
the ``SystemExit`` that came by. ``sys.excepthook`` is not replaced, so what the program puts there
is called as ever.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading

from meticulous.records import Record
from meticulous.runfolder import ERROR
from meticulous.runner.outcome import Outcome, judge
from meticulous.runner.process import Ended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

__all__ = ["NORMAL", "Verdict", "on_error", "unwatch", "watch"]

_FATAL = (signal.SIGTERM, signal.SIGHUP)
"""Signals that end a process which does not handle them, and leave it the time to say so."""


class Verdict(Record):
    """How an experiment ended: as a process ends, and what STATUS holds."""

    ended: Ended
    outcome: Outcome


NORMAL = Verdict(Ended(0, None), judge(Ended(0, None), "", None, out_of_memory=False))


def on_error(error: BaseException) -> Verdict:
    """Give the verdict on what `error` has ended; a ``SystemExit`` without a fault is none."""
    if isinstance(error, SystemExit):
        return _on_exit(error.code)
    import traceback

    text = "".join(traceback.format_exception(error)).rstrip("\n")
    ended = Ended(1, None)
    return Verdict(ended, judge(ended, "", text, out_of_memory=False))


def _on_exit(code: object) -> Verdict:
    if code is None:
        return NORMAL
    if isinstance(code, int):
        ended, message = Ended(code & 0xFF, None), None  # what is left of it for who waits for us
    else:
        ended, message = Ended(1, None), str(code)
    return Verdict(ended, judge(ended, "", message, out_of_memory=False))


def _on_signal(number: int) -> Verdict:
    ended = Ended(None, number)
    return Verdict(ended, judge(ended, "", None, out_of_memory=False))


class _Watch:
    """What is watched while an experiment is open."""

    def __init__(self, tell: Callable[[Verdict], None]) -> None:
        self.tell = tell
        self.outermost = _outermost_frame()
        self.exits = _Exits()
        self.handled: dict[int, Any] = {}
        self._handle_signals()

    def end(self) -> None:
        """Put back what was there before."""
        self.exits.end()
        for number, handler in self.handled.items():
            if signal.getsignal(number) is handler and _is_main_thread():
                signal.signal(number, signal.SIG_DFL)

    def verdict(self) -> Verdict:
        """Give the verdict on the process, at its end."""
        if self.outermost is None or _has_returned(self.outermost):
            return NORMAL
        error = getattr(sys, "last_value", None)
        if error is not None and self._is_ours(error):
            return on_error(error)
        if self.exits.seen:
            return _on_exit(self.exits.code)
        version = ".".join(map(str, sys.version_info[:2]))
        reason = f"ended by raising SystemExit, whose exit code Python {version} does not show"
        return Verdict(Ended(None, None), Outcome(ERROR, reason, reason, None))

    def _is_ours(self, error: BaseException) -> bool:
        trace = error.__traceback__
        return trace is not None and trace.tb_frame is self.outermost

    def _handle_signals(self) -> None:
        """Handle the signals that would end the process; those with a handler are the program's."""
        if not _is_main_thread():
            return  # only the main thread may
        for number in _FATAL:
            if signal.getsignal(number) == signal.SIG_DFL:
                self.handled[number] = handler = self._die
                signal.signal(number, handler)

    def _die(self, number: int, _: FrameType | None) -> None:
        self.tell(_on_signal(number))
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


class _Exits:
    """The last ``SystemExit`` that was seen, and its code.

    From Python 3.12 on the interpreter tells of every one. Before that, ``sys.exit`` has to be
    stood in for, and one that is raised by its name is not seen.
    """

    def __init__(self) -> None:
        self.seen = False
        self.code: object = None
        self._tool: int | None = None
        self._own_exit: Any = None
        self._sys_exit = sys.exit
        if sys.version_info >= (3, 12):
            self._monitor()
        else:
            self._own_exit = sys.exit = self._exit

    def end(self) -> None:
        """Look no longer."""
        if sys.exit is self._own_exit:
            sys.exit = self._sys_exit
        if self._tool is not None and sys.version_info >= (3, 12):
            sys.monitoring.set_events(self._tool, 0)
            sys.monitoring.free_tool_id(self._tool)
            self._tool = None

    def _exit(self, status: Any = None, /) -> Any:
        """Exit the interpreter by raising SystemExit(status)."""
        self._note(status)
        self._sys_exit(status)

    def _note(self, code: object) -> None:
        if _is_main_thread():
            self.seen, self.code = True, code

    def _monitor(self) -> None:
        if sys.version_info >= (3, 12):
            monitoring = sys.monitoring
            free = [number for number in (4, 3, 5, 2, 1, 0) if monitoring.get_tool(number) is None]
            if free:
                self._tool = free[0]
                monitoring.use_tool_id(self._tool, "meticulous")
                unwind = monitoring.events.PY_UNWIND
                monitoring.register_callback(self._tool, unwind, self._unwound)
                monitoring.set_events(self._tool, unwind)

    def _unwound(self, _code: Any, _offset: int, error: BaseException) -> None:
        if isinstance(error, SystemExit):
            self._note(error.code)


_watch: _Watch | None = None


def watch(tell: Callable[[Verdict], None]) -> None:
    """Have `tell` called when the process ends, until :func:`unwatch`."""
    global _watch  # noqa: PLW0603, there is one process
    if _watch is None:
        _watch = _Watch(tell)


def unwatch() -> None:
    """Watch no longer."""
    global _watch  # noqa: PLW0603
    if _watch is not None:
        _watch.end()
        _watch = None


def forget() -> None:
    """Watch no longer, in a fork, which has the handlers of its parent."""
    unwatch()


@atexit.register
def _at_exit() -> None:
    if _watch is not None:
        _watch.tell(_watch.verdict())


def _outermost_frame() -> FrameType | None:
    """Give the frame that the main thread's work began in."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _has_returned(frame: FrameType) -> bool:
    """Say whether `frame`, which has ended, did so by returning and not by an exception."""
    from opcode import opname

    return opname[frame.f_code.co_code[frame.f_lasti]].startswith("RETURN_")


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
