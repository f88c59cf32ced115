"""One attempt: the command is started, its bytes and signals are passed on, and it is judged.

Where a run has several attempts (``--retries``, ``--resume``), each is one of these.
"""

from __future__ import annotations

import errno
import os
import time

from meticulous import runfolder
from meticulous.base.namedtuple import NamedTuple
from meticulous.base.process_id import start_time
from meticulous.base.timestamps import now
from meticulous.base.units import format_duration
from meticulous.errors import CommandNotRunnableError
from meticulous.recording.outcome import Ended, judge, timed_out
from meticulous.recording.plan import RunPlan
from meticulous.recording.record import RunRecord
from meticulous.recording.usage import usage_keys
from meticulous.runfolder import keys
from meticulous.runner import child_env, process
from meticulous.runner.channels import Channels
from meticulous.runner.console import Console, last_line, survivors_line
from meticulous.runner.followers import Followers
from meticulous.runner.program_record import ProgramRecord
from meticulous.runner.signals import SignalForwarder, oom_kills, own_peak_memory
from meticulous.runner.timeout import Timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

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
        self._program_record = ProgramRecord(
            plan, record, is_ours=role.describes_program, guard=self._guard
        )
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
        self._followers = Followers(plan, record, self._supervisor, self._guard, console.say)

    def run(self, started: Callable[[], None] = lambda: None) -> Result:
        """Start the command, see it through and judge it; `started` is called when it has begun.

        Raises CommandNotRunnableError, which the record has been told of.
        """
        supervisor = self._supervisor
        kills_before = oom_kills()
        started_s = time.monotonic()
        try:
            pid = self._start(supervisor)
        except CommandNotRunnableError as error:
            changes: dict[str, Any] = {keys.END_TIME: now(), keys.REASON: error.message}
            self._record.finish(runfolder.ERROR, error.message, changes)
            raise
        started()
        self._guard(lambda: self._after_start(pid, started_s))
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
        self._followers.stop()
        # What we say might get stuck as well.
        is_drained = self._channels.drain(supervisor, self._console.silence)
        self._tick()
        self._followers.read_rest()
        out_of_memory = oom_kills() > kills_before or supervisor.filled_memory()
        tail = self._stderr_tail() if ended.exit_code else ""
        report = self._program_record.report
        verdict = judge(
            ended,
            tail,
            report.traceback,
            out_of_memory=out_of_memory,
            is_python=report.interpreter is not None,
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
            **self._followers.peaks(),
        }
        changes: dict[str, Any] = {
            keys.END_TIME: end_time,
            keys.EXIT_CODE: ended.exit_code,
            keys.SIGNAL: verdict.signal_name,
            keys.REASON: verdict.reason,
            keys.USAGE: usage,
            keys.SURVIVORS: survivors,
        }
        data = self._program_record.end()
        if data:
            changes[keys.DATA] = data
        verdict = self._role.conclude(verdict, changes, supervisor)
        self._record.finish(verdict.state, verdict.message, changes)
        self._console.note(last_line(self._record, verdict, changes[keys.USAGE], own_peak_memory()))
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

    def _after_start(self, pid: int, started_s: float) -> None:
        """Write down what can be known only now, or would have delayed the start."""
        record = self._record
        record.metadata[keys.CHILD_PID] = pid
        record.metadata[keys.CHILD_START_TIME] = start_time(pid)
        self._followers.begin(started_s)
        self._program_record.begin()
        self._followers.follow_output()

    def _tick(self) -> float:
        """Do what is done now and then; return the seconds until it is to be done again."""
        self._role.tick()
        self._channels.follow()
        self._guard(self._take_reports)
        self._limit.check()
        return TERMINAL_TICK_S if self._channels.has_terminals else TICK_S

    def _take_reports(self) -> None:
        if self._program_record.look():
            take_config = self._program_record.take_config
            self._guard(lambda: self._followers.follow_trackers(take_config))

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
