"""How this process ends, seen from within: by return, exit, exception or signal.

Python tells nobody with which code a process is about to end. What can be seen of it: whether the
outermost frame has returned or was left by an exception, which exception was printed last, and
the ``SystemExit`` that came by. ``sys.excepthook`` is not replaced, so what the program puts there
is called as ever.
"""

from __future__ import annotations

import atexit
import builtins
import signal
import sys
import threading

from meticulous.base.namedtuple import NamedTuple
from meticulous.child import exception_text as _traceback
from meticulous.inprocess.fatal_signals import FatalSignals, is_main_thread
from meticulous.recording.outcome import Ended, Outcome, judge
from meticulous.runfolder import ERROR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

__all__ = ["NORMAL", "Verdict", "on_error", "unwatch", "verdict_on", "watch"]


class Verdict(NamedTuple):
    """How an experiment ended: as a process ends, and what STATUS holds.

    One that is not certain holds until the exit code is known.
    """

    ended: Ended
    outcome: Outcome
    is_certain: bool = True


NORMAL = Verdict(Ended(0, None), judge(Ended(0, None), "", None, out_of_memory=False))


def on_error(error: BaseException) -> Verdict:
    """Return the verdict on what `error` has ended; a ``SystemExit`` may be as good as none.

    As long as the process goes on, nothing but a ``SystemExit`` says with which code it will end.
    """
    if isinstance(error, SystemExit):
        if _watch is not None:
            _watch.exits.note(error.code)  # what ends this block may end the process too
        return _on_exit(error.code)
    text = _traceback.text(type(error), error, error.__traceback__)
    return Verdict(Ended(None, None), judge(Ended(1, None), "", text, out_of_memory=False))


def verdict_on(frame: FrameType | None) -> Verdict:
    """Return the verdict on the work that began in `frame` and is over; None: it was all well."""
    if frame is None or _has_returned(frame):
        return NORMAL
    error = getattr(sys, "last_value", None)
    if error is not None and _went_through(frame, error):
        if isinstance(error, KeyboardInterrupt):
            outcome = on_error(error).outcome._replace(signal_name=signal.SIGINT.name)
            return Verdict(Ended(None, signal.SIGINT), outcome)
        verdict = on_error(error)
        return verdict if isinstance(error, SystemExit) else verdict._replace(ended=Ended(1, None))
    if _watch is not None and _watch.exits.seen:
        return _on_exit(_watch.exits.code)._replace(is_certain=_watch.exits.are_all_seen)
    version = ".".join(map(str, sys.version_info[:2]))
    reason = f"ended by raising SystemExit, whose exit code Python {version} does not show"
    return Verdict(Ended(None, None), Outcome(ERROR, reason, reason, None), is_certain=False)


def _went_through(frame: FrameType, error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_frame is not frame:
        trace = trace.tb_next
    return trace is not None


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
        self.signals = FatalSignals(self._tell_of_signal)
        self.signals.handle()

    def end(self) -> None:
        """Put back what was there before."""
        self.exits.end()
        self.signals.end()

    def _tell_of_signal(self, number: int) -> None:
        self.tell(_on_signal(number) if number else NORMAL)


class _Exits:
    """The last ``SystemExit`` that was seen, and its code.

    From Python 3.12 on the interpreter tells of every one. Before that, ``sys.exit`` has to be
    stood in for, and one that is raised by its name is not seen; see
    :mod:`meticulous.inprocess.exit_code`.
    """

    def __init__(self) -> None:
        self.seen = False
        self.code: object = None
        self._tool: int | None = None
        self._undo: list[Callable[[], None]] = []
        if sys.version_info >= (3, 12):
            self._monitor()
        else:
            self._stand_in(sys, "exit")
            if hasattr(builtins, "exit"):  # not without `site`
                self._stand_in(type(builtins.exit), "__call__")

    @property
    def are_all_seen(self) -> bool:
        """Whether the last one that was seen is the last one there was."""
        return self._tool is not None

    def end(self) -> None:
        """Look no longer."""
        for step in self._undo:
            step()
        if self._tool is not None and sys.version_info >= (3, 12):
            sys.monitoring.set_events(self._tool, 0)
            sys.monitoring.free_tool_id(self._tool)
            self._tool = None

    def _stand_in(self, owner: Any, name: str) -> None:
        """Put a function in the place of one that raises SystemExit; it does the same."""
        own = getattr(owner, name)

        def stand_in(*words: Any, **named: Any) -> Any:
            try:
                own(*words, **named)
            except SystemExit as error:
                self.note(error.code)
                raise error.with_traceback(None) from None

        def undo() -> None:
            if getattr(owner, name) is stand_in:
                setattr(owner, name, own)

        stand_in.__doc__ = own.__doc__
        setattr(owner, name, stand_in)
        self._undo.append(undo)

    def note(self, code: object) -> None:
        """Take it that `code` is the code to exit with, until another is seen."""
        if is_main_thread():
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
            self.note(error.code)


_watch: _Watch | None = None
_held = threading.local()


def watch(tell: Callable[[Verdict], None]) -> None:
    """Have `tell` called when the process ends, until :func:`unwatch`."""
    global _watch  # noqa: PLW0603, there is one process
    if _watch is None:
        _watch = _Watch(tell)
    else:
        _watch.signals.handle()  # the first one may have been made in another thread


def unwatch() -> None:
    """Watch no longer."""
    global _watch  # noqa: PLW0603
    if _watch is not None:
        _watch.end()
        _watch = None


def hold_signals() -> None:
    """Hold back the signals that we handle, before a fork: for the child they must end it."""
    if _watch is not None and _watch.signals.handled:
        _held.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _watch.signals.handled)


def release_signals() -> None:
    """Let them come again, after the fork."""
    mask = _held.__dict__.pop("mask", None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@atexit.register
def _at_exit() -> None:
    if _watch is not None:
        verdict = verdict_on(_watch.outermost)
        is_interrupted = verdict.ended.signal == signal.SIGINT
        try:
            # One more Ctrl-C must not come between the record and its verdict.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            try:
                _watch.tell(verdict)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        except KeyboardInterrupt:
            if not is_interrupted:
                raise
        if is_interrupted:
            _stay_interrupted()


def _outermost_frame() -> FrameType | None:
    """Return the frame that the main thread's work began in."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _has_returned(frame: FrameType) -> bool:
    """Say whether `frame`, which has ended, did so by returning and not by an exception."""
    from opcode import opname

    return opname[frame.f_code.co_code[frame.f_lasti]].startswith("RETURN_")


def _stay_interrupted() -> None:
    """Let Python end as KeyboardInterrupt ends it: by SIGINT.

    It remembers that it is to do so, and any source text that is run meanwhile (by an import of
    the standard library) makes it forget.
    """
    try:
        exec("raise KeyboardInterrupt")  # noqa: S102
    except KeyboardInterrupt:
        pass
