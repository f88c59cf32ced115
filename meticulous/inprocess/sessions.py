"""The experiments of this process that are open: started, nested, ended, and forgotten by forks."""

from __future__ import annotations

import atexit
import itertools
import os
import sys
import threading
import time
from contextvars import ContextVar

from meticulous.arguments import Arguments
from meticulous.base.descriptors import write_all
from meticulous.base.inherited import set_since_start
from meticulous.base.namedtuple import NamedTuple
from meticulous.base.timestamps import now
from meticulous.child import helper
from meticulous.git import CodeState
from meticulous.inprocess import exit_watch, fatal_signals, worker_exit
from meticulous.inprocess.capture import PATIENCE_S, Capture
from meticulous.inprocess.exit_watch import Verdict, on_error
from meticulous.masking import mask_text
from meticulous.recording import record as recording
from meticulous.recording.record import RUN_DIRECTORY_VARIABLE, RunRecord
from meticulous.recording.usage import BLOCK_BYTES, usage_keys
from meticulous.runfolder import directory as store
from meticulous.runfolder import keys
from meticulous.runner.child_env import without_shim
from meticulous.settings import RunSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Tracked", "discard", "start", "stop"]


_REFUSED = 2
"""The exit code of a program whose command line argparse has refused."""


class Usage(NamedTuple):
    """What this process, and those that it has waited for, have used: in seconds and bytes."""

    user: float
    system: float
    peak_memory: int
    read: int
    written: int


class Tracked:
    """An open experiment: what is needed until it ends."""

    def __init__(
        self,
        record: RunRecord,
        capture: Capture,
        outer: Tracked | None,
    ) -> None:
        self.key = next(_this.keys)
        self.record, self.capture, self.outer = record, capture, outer
        self.started_s = time.monotonic()
        self.usage = _usage()
        self._pid = os.getpid()

    @property
    def is_of_this_process(self) -> bool:
        """Whether this is not a copy that a fork has made."""
        return self._pid == os.getpid()


class _Tracking:
    """All of them. What is here is of one process; a fork begins with none."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.keys = itertools.count(1)
        self.open: dict[int, Tracked] = {}
        self.captures: list[Capture] = []
        self.ending: list[Capture] = []
        """Captures that are over, whose relay may still have something to write."""
        self.described: tuple[dict[str, Any], str] = {}, ""
        """How an environment was described last, and in which folder."""
        self.is_worker_watched = False
        self.is_named = False
        self.launcher_directory: str | None = None
        """What METICULOUS_RUN_DIR was before the first experiment: the run that we are in."""


_this = _Tracking()
_innermost: ContextVar[Tracked | None] = ContextVar("experiment", default=None)


def start(chosen: RunSettings, arguments: Arguments, *, resumes: bool) -> Tracked:
    """Make the folder of a new run, or go on in an old one; catch what is printed from now on.

    Raises MeticulousError, and then nothing is left behind.
    """
    with _this.lock:
        _this.ending = [one for one in _this.ending if not one.is_over(0)]
        capture = next((one for one in _this.captures[-1:] if one.is_in_place), None)
        is_new = capture is None
        capture = capture or Capture()  # its relay gets ready while git is asked
        try:
            code = recording.code_state(chosen)
            with fatal_signals.put_off():
                exit_watch.watch(_stop_all)
                record = _record(chosen, code, arguments, resumes=resumes)
                return _opened(record, capture, chosen, arguments, is_new=is_new)
        except BaseException:
            if not _this.open:
                exit_watch.unwatch()
            if is_new and capture not in _this.captures:
                capture.abandon()
            raise


def _opened(
    record: RunRecord, capture: Capture, chosen: RunSettings, arguments: Arguments, *, is_new: bool
) -> Tracked:
    """Open the experiment of `record`: what is printed from now on is caught for it."""
    record.set_arguments(arguments)
    tracked = Tracked(record, capture, _outer())
    _this.open[tracked.key] = tracked
    if is_new:
        capture.begin()
        _this.captures.append(capture)
    words = _environment_words(chosen)
    same_as = _this.described[1] if _this.described[0] == words else ""
    zero_s, interval_s = recording.timeline_zero(record), chosen.sample_interval_s
    capture.open(tracked.key, record.run, zero_s, interval_s, {**words, "same_as": same_as})
    _this.described = words, record.run.path
    _innermost.set(tracked)
    _name_newest()
    if not _this.is_worker_watched:
        _this.is_worker_watched = worker_exit.watch(_stop_all)
    if "IPython" in sys.modules:
        from meticulous.inprocess.ipython import tell_of_script

        tell_of_script(lambda verdict: stop(tracked, verdict))
    return tracked


def stop(tracked: Tracked, verdict: Verdict) -> None:
    """End `tracked` with `verdict`; nothing happens where it has ended, or in a fork."""
    _stop(tracked, verdict)


def discard(tracked: Tracked) -> bool:
    """End `tracked` and remove what is recorded of it; False where it has ended already.

    A folder with files of the program's own in it stays, as that of any that was refused.
    """
    return _stop(tracked, on_error(SystemExit(_REFUSED)), is_refused=True)


def _stop(tracked: Tracked, verdict: Verdict, *, is_refused: bool = False) -> bool:
    with fatal_signals.put_off(), _this.lock:
        if _this.open.pop(tracked.key, None) is not tracked:
            return False
        ended_at, wall_s = now(), time.monotonic() - tracked.started_s
        peaks: dict[str, Any] = {}
        record, capture = tracked.record, tracked.capture
        if _innermost.get() is tracked:
            _innermost.set(tracked.outer)
        helper.end_log(record.run.path)
        try:
            troubles, peaks = capture.close(tracked.key)
            for trouble in troubles:
                record.note_trouble(trouble)
        except OSError as error:  # the program has closed descriptors that are not its own
            record.note_trouble(f"streams: {error.strerror}")
        finally:
            if not capture.is_in_use:
                _this.captures.remove(capture)
                _this.ending.append(capture)
            _name_newest()
            if is_refused:
                _await_relays()  # which may be writing there
            if not (is_refused and store.discard_refused(record.run)):
                _write_end(tracked, verdict, ended_at, wall_s, peaks)
            if not _this.open:
                exit_watch.unwatch()
        return True


def _stop_all(verdict: Verdict) -> None:
    """End all that are open, the newest first, as the process does."""
    ending_now = list(reversed(_this.open.values()))
    last = ending_now[0].capture if ending_now and not verdict.is_certain else None
    with fatal_signals.put_off():
        if last:
            last.keep()
        for tracked in ending_now:
            stop(tracked, verdict)
        if last:
            last.tell_exit_code([tracked.record.run.path for tracked in ending_now])
        _await_relays()


@atexit.register
def _await_relays() -> None:
    """Wait for what is still to be written: when the process has ended, the record is complete."""
    for capture in _this.ending:
        capture.is_over(PATIENCE_S)


def _record(
    chosen: RunSettings, code: CodeState | None, arguments: Arguments, *, resumes: bool
) -> RunRecord:
    command = [str(word) for word in sys.argv]
    environ = dict(os.environ)
    outer = _outer()
    directory = outer.record.run.path if outer else _launcher_directory()
    environ.pop(RUN_DIRECTORY_VARIABLE, None)
    if directory:
        environ[RUN_DIRECTORY_VARIABLE] = directory
    if resumes:
        from meticulous.recording.candidates import argument_differences, newest_first
        from meticulous.recording.resume import go_on

        resumed = go_on(
            chosen,
            code,
            newest_first(chosen.experiments_directory),
            argument_differences(arguments.values),
            lambda run: recording.resume(run, chosen, code, command, _say, environ),
        )
        if resumed is not None:
            return resumed
    return recording.begin(chosen, code, command, _say, environ)


def _outer() -> Tracked | None:
    """Return the newest open experiment that this thread has started, if any."""
    outer = _innermost.get()
    while outer is not None and outer.key not in _this.open:
        outer = outer.outer
    return outer


def _directory_of_thread() -> str | None:
    tracked = _outer()
    return tracked.record.run.path if tracked else None


def _attempt_in(directory: str) -> int | None:
    """Return the attempt, from 1, that the open experiment in `directory` is."""
    for tracked in list(_this.open.values()):
        if tracked.record.run.path == directory:
            return len(tracked.record.metadata[keys.ATTEMPTS]) + 1
    return None


def _launcher_directory() -> str | None:
    return _this.launcher_directory if _this.open else os.environ.get(RUN_DIRECTORY_VARIABLE)


def _name_newest() -> None:
    """Let METICULOUS_RUN_DIR name the newest open experiment, for helpers and subprocesses."""
    if _this.open:
        if not _this.is_named:
            _this.launcher_directory = os.environ.get(RUN_DIRECTORY_VARIABLE)
            _this.is_named = True
        newest = next(reversed(_this.open.values()))
        os.environ[RUN_DIRECTORY_VARIABLE] = newest.record.run.path
    else:
        _this.is_named = False
        if _this.launcher_directory is None:
            os.environ.pop(RUN_DIRECTORY_VARIABLE, None)
        else:
            os.environ[RUN_DIRECTORY_VARIABLE] = _this.launcher_directory


def _environment_words(chosen: RunSettings) -> dict[str, Any]:
    """Return what ``environment.gather`` is to be asked: of this very interpreter."""
    return {
        "command": [str(word) for word in sys.argv],
        "cwd": os.getcwd(),
        "environ": {**without_shim(os.environ), RUN_DIRECTORY_VARIABLE: ""},
        "extra_names": list(chosen.env),
        "set_by_program": set_since_start(),
        "interpreter": {
            "executable": sys.executable,
            "version": sys.version.split()[0],
            "prefix": sys.prefix,
            "path": [str(entry) for entry in sys.path],
        },
    }


def _write_end(
    tracked: Tracked, verdict: Verdict, ended_at: str, wall_s: float, peaks: dict[str, Any]
) -> None:
    ended, outcome = verdict.ended, verdict.outcome
    before, after = tracked.usage, _usage()
    tracked.record.finish(
        outcome.state,
        mask_text(outcome.message),
        {
            keys.END_TIME: ended_at,
            keys.EXIT_CODE: ended.exit_code,
            keys.SIGNAL: outcome.signal_name,
            keys.REASON: outcome.reason and mask_text(outcome.reason),
            keys.USAGE: {
                **usage_keys(
                    wall_s,
                    after.user - before.user,
                    after.system - before.system,
                    after.peak_memory,
                    (after.read - before.read, after.written - before.written),
                ),
                **peaks,
            },
        },
    )


def _usage() -> Usage:
    import resource

    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    return Usage(
        own.ru_utime + children.ru_utime,
        own.ru_stime + children.ru_stime,
        max(_peak_memory() or own.ru_maxrss * unit, children.ru_maxrss * unit),
        (own.ru_inblock + children.ru_inblock) * BLOCK_BYTES,
        (own.ru_oublock + children.ru_oublock) * BLOCK_BYTES,
    )


def _peak_memory() -> int:
    """Return the peak of this program, in bytes; 0 where the system does not say (not Linux).

    What ``getrusage`` says has in it the process that this one was before its program started.
    """
    try:
        with open("/proc/self/status", "rb") as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith(b"VmHWM"))
    except (OSError, StopIteration):
        return 0


def _say(text: str) -> None:
    """Say `text` on stderr: trouble only."""
    try:
        write_all(2, f"meticulous: {text}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass  # nobody listens


def _forget() -> None:
    """Begin anew in a fork: what is open is the parent's."""
    global _this  # noqa: PLW0603, there is one process
    for capture in (*_this.captures, *_this.ending):
        capture.forget()
    _this = _Tracking()
    fatal_signals.forget()
    exit_watch.unwatch()
    exit_watch.release_signals()


helper.directory_of_thread = _directory_of_thread  # type: ignore[assignment]  # it has no types
helper.attempt_in = _attempt_in  # type: ignore[assignment]
os.register_at_fork(
    before=exit_watch.hold_signals,
    after_in_parent=exit_watch.release_signals,
    after_in_child=_forget,
)
