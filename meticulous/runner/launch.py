"""The life of one run.

1. Everything that can be wrong is checked: the command, the settings, the code. Nothing is made.
2. The run folder is made; STATUS says RUNNING.
   Or it is an earlier run's that is resumed.
3. The command starts: its directory, arguments and environment untouched but for our variables;
   one pipe or pseudo-terminal for each of stdout and stderr.
4. While it runs: bytes are passed on and kept, signals passed on, what its processes report of
   themselves becomes args.json, and the environment is written down.
5. It ends; what it had printed is passed on to the last byte.
6. The verdict is written, and we end as the command did; or, after a failure with ``--retries``,
   the next attempt begins at 3, in the same folder.

Steps 3 to 6 are in :mod:`meticulous.runner.attempt`.
"""

from __future__ import annotations

import os
import signal

from meticulous.base import inherited
from meticulous.base.descriptors import is_open
from meticulous.errors import RunFolderError
from meticulous.recording.plan import RunPlan
from meticulous.recording.record import RUN_DIRECTORY_VARIABLE, RunRecord, begin, code_state
from meticulous.runner import process
from meticulous.runner.attempt import TIMED_OUT, Attempt
from meticulous.runner.console import Console, first_line
from meticulous.runner.role import Role
from meticulous.runner.signals import is_end_pending
from meticulous.schedulers.variables import SEVERAL
from meticulous.settings import RunSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from meticulous.git import CodeState
    from meticulous.recording.plan import Earlier

__all__ = ["launch"]

_NOT_PASSED_ON = 1
"""The exit code where the command has succeeded and what it printed did not arrive (cat's)."""


def launch(
    command: list[str],
    settings: RunSettings,
    earlier: Earlier,
    code_of: Callable[[RunSettings], CodeState | None] = code_state,
    started: Callable[[RunRecord, str], None] | None = None,
) -> int:
    """Run `command`, record it, and return the exit code to end with.

    `earlier` finds the runs that ``--resume`` and ``--needed`` ask for; `code_of` tells the state
    of the code; `started` is told of the record, and what there is to say, when the command has
    begun. Dies of the signal that killed the command. Raises MeticulousError where it cannot start.
    """
    if settings.norecord:
        _run_bare(process.resolve(command[0], os.environ.get("PATH")), command)
    # Ignored, it would keep from us how the command, and git before it, has ended.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _occupy_closed_descriptors()
    if not settings.no_ranks and any(name in os.environ for name in SEVERAL):
        from meticulous.schedulers.ranks import find

        rank = find(os.environ)
        if rank is not None:
            from meticulous.runner.ranks.launch import take_part

            return take_part(
                rank,
                command,
                settings,
                lambda settings, role: _launch(_plan(command, settings, earlier, code_of), role),
            )
    return _launch(_plan(command, settings, earlier, code_of), Role(), started)


def _plan(
    command: list[str],
    settings: RunSettings,
    earlier: Earlier,
    code_of: Callable[[RunSettings], CodeState | None],
) -> RunPlan:
    """Check the command, and keep the code where the settings say so. Raises MeticulousError."""
    program = process.resolve(command[0], os.environ.get("PATH"))
    return RunPlan(program, command, settings, code_of(settings), earlier)


def _launch(
    plan: RunPlan, role: Role, started: Callable[[RunRecord, str], None] | None = None
) -> int:
    """Record a whole run; `role` are the other ranks of it, if there are any.

    `started` is told of the record when the command has started, where somebody waits for it.
    """
    console = Console(is_quiet=plan.settings.quiet)
    if plan.settings.needed:
        from meticulous.recording.candidates import succeeded

        run = succeeded(plan)
        if run is not None:
            console.note(f"not needed: run {run.id} has done the same with SUCCESS")
            return 0
    if plan.settings.detach:
        from meticulous.runner.background import detached

        return detached(console, lambda started: _record_all(plan, role, started))
    return _record_all(plan, role, started or role.begun)


def _record_all(plan: RunPlan, role: Role, started: Callable[[RunRecord, str], None]) -> int:
    """Record every attempt of one run; `started` is told of the first, and what there is to say."""
    console = Console(is_quiet=plan.settings.quiet)
    record = _first_record(plan, console)
    line = first_line(record, plan.code)
    console.note(line)
    attempt = Attempt(plan, record, console, role)
    result = attempt.run(lambda: started(record, line))
    for _ in range(plan.settings.retries):
        if result.is_final or is_end_pending():
            break
        attempt.close()
        again = _resumed(plan, record, console)
        if again is None:
            break
        record = again
        console.note(first_line(record, None))
        attempt = Attempt(plan, record, console, role, result.mask)
        result = attempt.run()
    if result.has_timed_out:
        return TIMED_OUT
    if result.has_gap and result.ended.exit_code == 0:
        return _NOT_PASSED_ON
    return process.die_like(result.ended)


def _first_record(plan: RunPlan, console: Console) -> RunRecord:
    if os.environ.get("SLURM_RESTART_COUNT", "0") != "0":
        from meticulous.recording.candidates import requeued

        record = requeued(plan, console.say)
        if record is not None:
            return record
    if plan.settings.resume:
        from meticulous.recording.candidates import resumed

        record = resumed(plan, console.say)
        if record is not None:
            return record
    return begin(plan.settings, plan.code, plan.command, console.say)


def _resumed(plan: RunPlan, record: RunRecord, console: Console) -> RunRecord | None:
    """Go on in the folder of `record`; None where it cannot be read or written any more."""
    from meticulous.recording.record import resume

    try:
        return resume(record.run, plan.settings, plan.code, plan.command, console.say)
    except RunFolderError as error:
        console.say(f"no further attempt: {error}")
        return None


def _run_bare(program: str, command: list[str]) -> NoReturn:
    environ = inherited.environment()
    environ.pop(RUN_DIRECTORY_VARIABLE, None)
    process.exec_bare(program, command, environ)


def _occupy_closed_descriptors() -> None:
    """Put something at 0, 1 and 2 where we were given nothing, so that no file of ours gets there.

    It is close-on-exec: a command that would have had no stdin still has none.
    """
    for descriptor in range(3):
        if not is_open(descriptor):
            os.open(os.devnull, os.O_RDWR)
