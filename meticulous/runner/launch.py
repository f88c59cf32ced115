"""The life of one run.

1. Everything that can be wrong is checked: the command, the settings, the code. Nothing is made.
2. The run folder is made; STATUS says RUNNING.
3. The command starts: its directory, arguments and environment untouched but for our variables;
   one pipe or pseudo-terminal for each of stdout and stderr.
4. While it runs: bytes are passed on and kept, signals passed on, what its processes report of
   themselves becomes args.json, and the environment is written down.
5. It ends; what it had printed is passed on to the last byte.
6. The verdict is written, and we end as the command did.
"""

from __future__ import annotations

import os
import signal
import threading
import time

from meticulous import environment, runfolder
from meticulous.arguments import Arguments, from_argv
from meticulous.errors import CommandNotRunnableError
from meticulous.recording import RUN_DIRECTORY_VARIABLE, Record, begin, code_state, now
from meticulous.runner import process, reports, streams, surroundings
from meticulous.runner.configs import copy_configs
from meticulous.runner.outcome import judge
from meticulous.runner.process import Ended
from meticulous.runner.supervisor import Supervisor, oom_kills, own_peak_memory
from meticulous.runner.terminal import Terminal, is_terminal
from meticulous.runner.voice import Voice, first_line, last_line, survivors_line
from meticulous.settings import RunSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from meticulous.runner.duet import WriteOrder

__all__ = ["launch"]

GRACE_S = 2.0
"""How long a process that outlives the command may hold its streams open."""
SETTLE_S = 0.5
"""How long to go on passing bytes on before we stop with the command."""
PATIENCE_S = 2.0
"""How long to wait for the description of the environment when the command has ended."""
TICK_S = 0.2
TERMINAL_TICK_S = 0.05
"""More often on a terminal, where a change of its modes must not be seen to lag."""
STDERR_TAIL_BYTES = 1 << 16


def launch(command: list[str], settings: RunSettings) -> int:
    """Run `command`, record it, and give the exit code to end with.

    Dies of the signal that killed the command. Raises MeticulousError where it cannot start.
    """
    program = process.resolve(command[0], os.environ.get("PATH"))
    if settings.norecord:
        _run_bare(program, command)
    # Ignored, it would keep from us how the command, and git before it, has ended.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _occupy_closed_descriptors()
    code = code_state(settings)
    voice = Voice(is_quiet=settings.quiet)
    record = begin(settings, code, command, voice.say)
    voice.note(first_line(record, code))
    return _Launch(program, command, settings, record, voice).run()


def _run_bare(program: str, command: list[str]) -> NoReturn:
    environ = surroundings.given()
    environ.pop(RUN_DIRECTORY_VARIABLE, None)
    process.exec_bare(program, command, environ)


def _occupy_closed_descriptors() -> None:
    """Put something at 0, 1 and 2 where we were given nothing, so that no file of ours gets there.

    It is close-on-exec: a command that would have had no stdin still has none.
    """
    for descriptor in range(3):
        if not streams.is_open(descriptor):
            os.open(os.devnull, os.O_RDWR)


def _write_order(terminals: list[Terminal]) -> WriteOrder | None:
    """Give the order of writing to two pseudo-terminals, if they stand for one terminal."""
    if len(terminals) < 2:
        return None
    from meticulous.runner.duet import WriteOrder

    try:
        return WriteOrder([terminal.path for terminal in terminals])
    except OSError:
        return None  # not Linux, or this user has no inotify left: the order may then be off


class _Launch:
    """One command under way: steps 3 to 6."""

    def __init__(
        self,
        program: str,
        command: list[str],
        settings: RunSettings,
        record: Record,
        voice: Voice,
    ) -> None:
        self._program, self._command, self._settings = program, command, settings
        self._record, self._voice = record, voice
        self._run = record.run
        self._terminals: list[Terminal] = []
        self._streams: list[streams.Stream] = []
        self._threads: list[threading.Thread] = []
        self._order: WriteOrder | None = None
        self._watcher = reports.Watcher(self._run)
        self._report = reports.Report()

    def run(self) -> int:
        """Start the command, see it through, and give the exit code to end with."""
        supervisor = Supervisor(self._voice.say, self._tick, self._resized, self._settle)
        kills_before = oom_kills()
        started_s = time.monotonic()
        try:
            pid = self._start(supervisor, started_s)
        except CommandNotRunnableError as error:
            changes: dict[str, Any] = {"end-time": now(), "reason": error.message}
            self._record.finish(runfolder.ERROR, error.message, changes)
            raise
        self._guard(lambda: self._after_start(pid))
        ended = supervisor.wait(pid)
        wall_s, end_time = time.monotonic() - started_s, now()
        self._guard(lambda: self._conclude(ended, supervisor, wall_s, end_time, kills_before))
        return process.die_like(ended)

    def _guard(self, step: Callable[[], None]) -> None:
        """Do `step`; should it fail by a mistake of ours, the command and its end are unchanged."""
        try:
            step()
        except Exception as error:  # noqa: BLE001
            self._record.note_trouble(f"a mistake in meticulous: {error!r}", aloud=True)

    def _conclude(
        self, ended: Ended, supervisor: Supervisor, wall_s: float, end_time: str, kills_before: int
    ) -> None:
        """Pass on the rest, judge, and write it all down."""
        is_drained = self._drain(supervisor)
        self._tick()
        out_of_memory = oom_kills() > kills_before or supervisor.filled_memory()
        tail = self._stderr_tail() if ended.exit_code else ""
        verdict = judge(
            ended,
            tail,
            self._report.traceback,
            out_of_memory=out_of_memory,
            is_python=self._report.interpreter is not None,
        )
        self._record.await_environment(PATIENCE_S)
        survivors = supervisor.survivors()
        usage = {
            "wall": round(wall_s, 6),
            "user": round(supervisor.user_s, 6),
            "system": round(supervisor.system_s, 6),
            "peak_memory": supervisor.peak_memory,
        }
        self._record.finish(
            verdict.state,
            verdict.message,
            {
                "end-time": end_time,
                "exit-code": ended.exit_code,
                "signal": verdict.signal_name,
                "reason": verdict.reason,
                "usage": usage,
                "survivors": survivors,
            },
        )
        self._voice.note(last_line(self._record, verdict, usage, own_peak_memory()))
        if survivors:
            self._voice.say(survivors_line(survivors, is_drained=is_drained))

    def _start(self, supervisor: Supervisor, started_s: float) -> int:
        """Open the streams, start the command, let the bytes flow; give its process id."""
        failed = self._record.failed
        timeline = streams.Timeline(self._run.file(runfolder.TIMELINE), started_s, failed)
        ours: dict[int, int] = {}
        theirs: dict[int, int] = {}
        for descriptor in (1, 2):
            ours[descriptor], theirs[descriptor] = self._open_channel(descriptor)
        self._order = _write_order(self._terminals)
        pid = process.start(
            self._program,
            self._command,
            surroundings.for_command(
                self._run.path,
                has_terminals=len(self._terminals) == 2,
                has_shim=not self._settings.no_shim,
            ),
            theirs,
            own_group=supervisor.own_group,
            mask=supervisor.mask,
        )
        for descriptor, name in ((1, runfolder.STDOUT), (2, runfolder.STDERR)):
            os.close(theirs[descriptor])
            kept = streams.Kept(name, self._run.file(name), timeline, failed)
            self._streams.append(streams.Stream(name, ours[descriptor], descriptor, [kept], failed))
        self._threads = self._carriers()
        for thread in self._threads:
            thread.start()
        return pid

    def _carriers(self) -> list[threading.Thread]:
        """Give the threads that carry the bytes: one for both streams where that is possible."""
        if self._order is not None:
            from meticulous.runner.duet import Duet

            return [Duet(self._streams, self._order)]
        if streams.can_block_apart(1, 2):
            return [streams.Pump([stream]) for stream in self._streams]
        return [streams.Pump(self._streams)]

    def _open_channel(self, descriptor: int) -> tuple[int, int]:
        """Make the pipe or pseudo-terminal for one stream: (our end, the command's end)."""
        is_real = is_terminal(descriptor)
        if self._settings.pty or (is_real and not self._settings.pipe):
            terminal = Terminal(descriptor if is_real else None)
            self._terminals.append(terminal)
            return terminal.master, terminal.slave
        ours, theirs = os.pipe()
        streams.enlarge_pipe(ours)
        return ours, theirs

    def _after_start(self, pid: int) -> None:
        """Write down what can be known only now, or would have delayed the start."""
        record = self._record
        record.metadata["child-pid"] = pid
        self._set_arguments(from_argv(self._command))
        self._gather_environment(None)

    def _set_arguments(self, arguments: Arguments) -> None:
        """Write the arguments down, and keep the config files that they name."""
        self._record.set_arguments(arguments)
        for trouble in copy_configs(self._run, arguments, os.getcwd()):
            self._record.note_trouble(trouble)

    def _gather_environment(self, interpreter: dict[str, Any] | None) -> None:
        """Describe the environment, with what the Python of the command has told of itself."""
        environ = surroundings.given()
        cwd, names, command = os.getcwd(), self._settings.env, self._command
        self._record.gather_environment(
            lambda save: environment.gather(command, cwd, environ, names, interpreter, save)
        )

    def _tick(self) -> float:
        """Do what is done now and then; give the seconds until it is to be done again."""
        for terminal in self._terminals:
            terminal.follow()
        self._guard(self._take_reports)
        return TERMINAL_TICK_S if self._terminals else TICK_S

    def _take_reports(self) -> None:
        if self._watcher.changed():
            report = self._watcher.read()
            if report.arguments is not None and report.arguments != self._report.arguments:
                self._set_arguments(report.arguments)
            if report.interpreter is not None and report.interpreter != self._report.interpreter:
                self._gather_environment(report.interpreter)
            self._report = report

    def _resized(self) -> bool:
        return sum(terminal.resize() for terminal in self._terminals) > 0

    def _settle(self) -> None:
        """Pass on what the command has printed so far, such as leaving the full screen."""
        deadline = time.monotonic() + SETTLE_S
        seen = -1
        # Twice the same: the kernel hands over what was written a moment after the write.
        while seen != (seen := sum(stream.taken for stream in self._streams)) or any(
            stream.waiting_bytes() or stream.taken > stream.passed for stream in self._streams
        ):
            if time.monotonic() > deadline:
                break
            time.sleep(0.005)
        self._tick()

    def _drain(self, supervisor: Supervisor) -> bool:
        """Wait until all that was printed has passed; say whether the streams have ended.

        A process that outlives the command may hold them open. It is given a short grace; but
        what was written when the command ended is always passed on, however long that takes. Only
        where somebody wants us gone, a reader who takes nothing does not keep us.
        """
        due = [stream.due() for stream in self._streams]
        deadline = time.monotonic() + GRACE_S
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
            if not has_all and supervisor.is_asked_to_end and now_s - moved_s > GRACE_S:
                self._abandon()
                return False
            for thread in self._threads:
                thread.join(0.02)
            if not supervisor.linger() and has_all:
                return False
        return True

    def _abandon(self) -> None:
        self._voice.silence()  # what we say might get stuck as well
        for stream in self._streams:
            if not stream.has_ended:
                stream.abandon()

    def _stderr_tail(self) -> str:
        try:
            with open(self._run.file(runfolder.STDERR), "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - STDERR_TAIL_BYTES))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""
