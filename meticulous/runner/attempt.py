"""One attempt: the command is started, its bytes and signals are passed on, and it is judged.

Where a run has several attempts (``--retries``, ``--resume``), each is one of these.
"""

from __future__ import annotations

import errno
import os
import threading
import time

from meticulous import environment, runfolder
from meticulous.arguments import Arguments, from_argv, reports
from meticulous.base import inherited
from meticulous.base.namedtuple import NamedTuple
from meticulous.base.process_id import start_time
from meticulous.base.timestamps import now
from meticulous.base.units import format_duration
from meticulous.errors import CommandNotRunnableError
from meticulous.recording.config_files import copy_configs
from meticulous.recording.outcome import Ended, judge, timed_out
from meticulous.recording.plan import RunPlan
from meticulous.recording.record import RunRecord
from meticulous.recording.usage import usage_keys
from meticulous.runfolder import keys
from meticulous.runner import child_env, process
from meticulous.runner.channels import Channels
from meticulous.runner.console import Console, last_line, survivors_line
from meticulous.runner.signals import SignalForwarder, oom_kills, own_peak_memory
from meticulous.runner.timeout import Timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from meticulous.recording.collected import Collected
    from meticulous.recording.data_files import DataFiles
    from meticulous.recording.printed_metrics import PrintedMetrics
    from meticulous.resources.sampler import Sampler
    from meticulous.runner.role import Role

__all__ = ["TIMED_OUT", "Attempt", "Result"]

TIMED_OUT = 124
"""The exit code of a command that took too long, as that of timeout(1)."""

PATIENCE_S = 2.0
"""How long to wait for the description of the environment when the command has ended."""
TICK_S = 0.2
TERMINAL_TICK_S = 0.05
"""More often on a terminal, where a change of its modes must not be seen to lag."""
STDERR_TAIL_BYTES = 1 << 16
FIRST_SAMPLE_S = 0.3
"""When the first sample of what the command uses is taken: one that is over by then has none."""
_LIMITS = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
"""Errors of a start that may do with fewer threads and descriptors of ours."""
_FINAL_CODES = (0, 126, 127)
"""What comes of these codes of a shell, another attempt does not change."""


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


class Result(NamedTuple):
    """How an attempt has ended; `is_final` where no other may follow it.

    It `has_gap` where our own stdout or stderr could not be written.
    """

    ended: Ended
    has_timed_out: bool
    has_gap: bool
    is_told_to_end: bool
    is_final: bool
    mask: Any


class Attempt:
    """One command under way.

    Args:
        plan: of the run.
        record: of the run; it says RUNNING.
        console: for our own lines.
        role: what is done for the other ranks, where it is one of several.
        mask: the signal mask that the command is to have, where it is not our own any more.
    """

    def __init__(
        self, plan: RunPlan, record: RunRecord, console: Console, role: Role, mask: Any = None
    ) -> None:
        self._program, self._command, self._settings = plan.program, plan.command, plan.settings
        settings = plan.settings
        self._record, self._console, self._role = record, console, role
        self._run = record.run
        self._channels = Channels(settings)
        console.follow(self._channels.end_line)
        self._watcher = reports.Watcher(self._run)
        self._report = reports.Report()
        self._stderr_start = _size(self._run.file(runfolder.STDERR))
        self._supervisor = SignalForwarder(
            console.say,
            self._tick,
            self._channels.resize,
            self._settle,
            mask,
            is_rank=role.is_rank,
        )
        self._limit = Timeout(settings.timeout_s, self._supervisor, console)
        self._started_s = time.monotonic()
        self._is_over = threading.Event()
        self._collected: Collected | None = None
        self._printed: PrintedMetrics | None = None
        if settings.metrics:
            from meticulous.recording.printed_metrics import PrintedMetrics

            self._printed = PrintedMetrics(record, settings.metrics)
        self._monitor: Sampler | None = None
        self._data: DataFiles | None = None

    def run(self, started: Callable[[], None] = lambda: None) -> Result:
        """Start the command, see it through and judge it; `started` is called when it has begun.

        Raises CommandNotRunnableError, which the record has been told of.
        """
        supervisor = self._supervisor
        kills_before = oom_kills()
        started_s = self._started_s = time.monotonic()
        try:
            pid = self._start(supervisor)
        except CommandNotRunnableError as error:
            changes: dict[str, Any] = {keys.END_TIME: now(), keys.REASON: error.message}
            self._record.finish(runfolder.ERROR, error.message, changes)
            raise
        started()
        self._guard(lambda: self._after_start(pid))
        ended = supervisor.wait(pid)
        wall_s, end_time = time.monotonic() - started_s, now()
        self._guard(lambda: self._conclude(ended, supervisor, wall_s, end_time, kills_before))
        is_final = ended.exit_code in _FINAL_CODES or supervisor.is_told_to_end
        return Result(
            ended,
            self._limit.is_exceeded,
            self._channels.has_gap,
            supervisor.is_told_to_end,
            is_final,
            supervisor.mask,
        )

    def close(self) -> None:
        """Record nothing more of what outlives the command, and let go of its streams."""
        self._channels.close()

    def _guard(self, step: Callable[[], None]) -> None:
        """Do `step`; should it fail by a mistake of ours, the command and its end are unchanged."""
        try:
            step()
        except Exception as error:  # noqa: BLE001
            self._record.note_trouble(f"a mistake in meticulous: {error!r}", aloud=True)

    def _conclude(
        self,
        ended: Ended,
        supervisor: SignalForwarder,
        wall_s: float,
        end_time: str,
        kills_before: int,
    ) -> None:
        """Pass on the rest, judge, and write it all down."""
        self._is_over.set()
        # What we say might get stuck as well.
        is_drained = self._channels.drain(supervisor, self._console.silence)
        self._tick()
        for metrics in (self._collected, self._printed):
            if metrics is not None:
                metrics.look(is_last=True)
        out_of_memory = oom_kills() > kills_before or supervisor.filled_memory()
        tail = self._stderr_tail() if ended.exit_code else ""
        verdict = judge(
            ended,
            tail,
            self._report.traceback,
            out_of_memory=out_of_memory,
            is_python=self._report.interpreter is not None,
        )
        if self._limit.is_exceeded:
            verdict = timed_out(ended, format_duration(self._limit.seconds or 0))
        self._record.await_environment(PATIENCE_S)
        survivors = supervisor.survivors()
        usage = {
            **usage_keys(
                wall_s,
                supervisor.user_s,
                supervisor.system_s,
                supervisor.peak_memory,
                (supervisor.read, supervisor.written),
            ),
            **(self._monitor.peaks() if self._monitor else {}),
        }
        changes: dict[str, Any] = {
            keys.END_TIME: end_time,
            keys.EXIT_CODE: ended.exit_code,
            keys.SIGNAL: verdict.signal_name,
            keys.REASON: verdict.reason,
            keys.USAGE: usage,
            keys.SURVIVORS: survivors,
        }
        data = self._data.end() if self._data else []
        if data:
            changes["data"] = data
        verdict = self._role.conclude(verdict, changes, supervisor)
        self._record.finish(verdict.state, verdict.message, changes)
        self._console.note(last_line(self._record, verdict, changes["usage"], own_peak_memory()))
        if survivors:
            self._console.say(survivors_line(survivors, is_drained=is_drained))

    def _start(self, supervisor: SignalForwarder) -> int:
        """Open the streams, start the command, let the bytes flow; return its process id."""
        environ = child_env.for_command(
            self._run.path,
            len(self._record.metadata[keys.ATTEMPTS]) + 1,
            self._role.variables,
            has_shim=not self._settings.no_shim,
            collects=not self._settings.no_collect,
        )

        def start(theirs: Mapping[int, int]) -> int:
            return process.start(
                self._program,
                self._command,
                environ,
                theirs,
                own_group=supervisor.own_group,
                mask=supervisor.mask,
            )

        try:
            pid = start(self._channels.open(self._record))
        except CommandNotRunnableError as error:
            is_limit = isinstance(error.__cause__, OSError) and error.__cause__.errno in _LIMITS
            self._channels.give_up()
            if not is_limit:
                raise
            pid = start({})  # the place of our threads is the command's before it is ours
            self._record.note_trouble("stdout and stderr: the limit of processes", aloud=True)
        self._channels.leave()
        return pid

    def _after_start(self, pid: int) -> None:
        """Write down what can be known only now, or would have delayed the start."""
        record = self._record
        record.metadata[keys.CHILD_PID] = pid
        record.metadata[keys.CHILD_START_TIME] = start_time(pid)
        try:
            threading.Thread(target=self._sample, name="monitor", daemon=True).start()
        except RuntimeError as error:  # the limit of processes
            record.note_trouble(f"resources: {error}")
        self._set_arguments(from_argv(self._command))
        self._gather_environment(None)
        printed = self._printed
        if printed is not None:
            self._guard(lambda: self._follow(printed.work))

    def _sample(self) -> None:
        """Sample what the command uses, in a thread of its own, once it has run for a moment."""
        if self._is_over.wait(FIRST_SAMPLE_S):
            return
        from meticulous.base.spawn import OURS
        from meticulous.resources import process_tree
        from meticulous.resources.sampler import Reaped, Sampler

        supervisor = self._supervisor
        self._monitor = Sampler(
            self._run,
            self._started_s,
            lambda: process_tree.descendants([os.getpid()], OURS),
            lambda: Reaped(
                supervisor.user_s + supervisor.system_s, supervisor.read, supervisor.written
            ),
            self._settings.sample_interval_s,
            self._record.failed,
        )
        monitor = self._monitor
        self._guard(lambda: monitor.work(self._is_over))

    def _set_arguments(self, arguments: Arguments) -> None:
        """Write the arguments down, and keep the config files that they name."""
        if not self._role.describes_program:
            self._record.update({})
            return
        self._record.set_arguments(arguments)
        for trouble in copy_configs(self._run, arguments, os.getcwd()):
            self._record.note_trouble(trouble)
        if any(isinstance(value, (str, list, dict)) for value in arguments.values.values()):
            self._guard(lambda: self._look_at_data(arguments))

    def _look_at_data(self, arguments: Arguments) -> None:
        """Note the data files that `arguments` name, if they were there before the run."""
        if self._data is None:
            from meticulous.recording.data_files import DataFiles

            record = self._record
            first = str(
                record.metadata[keys.TIMESTAMP]
            )  # what an earlier attempt wrote is no input
            self._data = DataFiles(
                self._settings, first, lambda found: record.update({"data": found})
            )
        self._data.look(arguments)

    def _gather_environment(self, interpreter: dict[str, Any] | None) -> None:
        """Describe the environment, with what the Python of the command has told of itself."""
        if not self._role.describes_program:
            return
        environ = inherited.environment()
        cwd, names, command = os.getcwd(), self._settings.env, self._command
        self._record.gather_environment(
            lambda save: environment.gather(command, cwd, environ, names, interpreter, save)
        )

    def _tick(self) -> float:
        """Do what is done now and then; return the seconds until it is to be done again."""
        self._role.tick()
        self._channels.follow()
        self._guard(self._take_reports)
        self._limit.check()
        return TERMINAL_TICK_S if self._channels.has_terminals else TICK_S

    def _take_reports(self) -> None:
        if self._watcher.changed():
            report = self._watcher.read()
            if report.arguments is not None and report.arguments != self._report.arguments:
                self._set_arguments(report.arguments)
            if report.interpreter is not None and report.interpreter != self._report.interpreter:
                self._gather_environment(report.interpreter)
            self._report = report
            self._guard(self._take_notes)

    def _take_notes(self) -> None:
        """Follow, from a thread, what the start-up file notes of trackers, once it does."""
        if self._collected is None and reports.has_notes(self._run):
            from meticulous.recording.collected import Collected

            folder = self._run.file(runfolder.REPORTS)
            collected = Collected(self._record, folder, self._set_collected_arguments)
            self._collected = collected
            self._follow(collected.work)

    def _follow(self, work: Callable[[threading.Event], None]) -> None:
        """Do `work` in a thread of its own until the command has ended."""
        step = lambda: self._guard(lambda: work(self._is_over))  # noqa: E731
        threading.Thread(target=step, name="metrics", daemon=True).start()

    def _set_collected_arguments(self, config: Arguments) -> None:
        """Take the config of a tracker for the arguments of a program that has parsed none."""
        if self._report.arguments is None:
            words = from_argv(self._command)
            values = {**words.values, **config.values}
            self._set_arguments(Arguments(values, {}, words.given, config.source))

    def _settle(self) -> None:
        self._channels.settle()
        self._tick()

    def _stderr_tail(self) -> str:
        try:
            with open(self._run.file(runfolder.STDERR), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(self._stderr_start, size - STDERR_TAIL_BYTES))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""
