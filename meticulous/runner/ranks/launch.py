"""Several recorders, one run: ``srun -n 4 meticulous run python train.py``.

Each rank starts, records and ends its own command, as a recorder that is alone does. Rank 0 makes
the run, says our lines and has the last word on it: it stays until the others have ended, so that
a run is RUNNING as long as any rank is, and an ERROR if any has failed. But where its own command
has failed it goes soon, as the launcher must know. The others have a folder in it each. One that
ends after the last word corrects it.

Many launchers, told that one rank has failed, end the others: SIGTERM to all, and soon SIGKILL to
who is left, a second later or as soon as the first has ended (Open MPI). So a rank that is told to
end stays for a moment, until rank 0 has written the verdict.
"""

from __future__ import annotations

import os
import time

from meticulous import runfolder
from meticulous.base import inherited
from meticulous.base.timestamps import now
from meticulous.child.variables import ATTEMPT_VARIABLE, RANK_VARIABLE, STEP_VARIABLE
from meticulous.errors import NOT_RECORDED, MeticulousError, RunFolderError, SettingsError
from meticulous.recording import record as recording
from meticulous.recording.outcome import Outcome
from meticulous.recording.plan import RunPlan
from meticulous.recording.record import RunRecord
from meticulous.runfolder import RunFolder, keys
from meticulous.runner import process
from meticulous.runner.attempt import TIMED_OUT, Attempt
from meticulous.runner.console import Console
from meticulous.runner.ranks.rendezvous import Rendezvous
from meticulous.runner.ranks.results import Part, begin, correct, judge_together, read_part
from meticulous.runner.ranks.waiting import RankWaiter
from meticulous.runner.role import Role
from meticulous.runner.signals import SignalForwarder
from meticulous.schedulers.ranks import Rank
from meticulous.settings import RunSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["take_part"]

LEAVE_S = (0.2, 0.8)
"""How long a rank that was told to end stays, at least and at most, so that all can write."""
BEAT_S = 30.0
"""How often a rank shows rank 0, on another machine perhaps, that it is alive."""


class _Rank(Role):
    """Any rank: the command is told which run of the launcher it belongs to."""

    is_rank = True

    def __init__(self, key: str) -> None:
        super().__init__()
        self.variables[STEP_VARIABLE] = key


def take_part(
    rank: Rank,
    command: list[str],
    settings: RunSettings,
    lead: Callable[[RunSettings, Role], int],
) -> int:
    """Record our part of a run and return the exit code to end with; `lead` records a whole one.

    Raises MeticulousError where we refuse; in rank 0 alone if it is for all.
    """
    if settings.detach:
        message = f"--detach is not for the ranks of one run (this is rank {rank.number})"
        raise SettingsError(message, "Let the launcher go to the background: `srun … &`, sbatch")
    meeting = Rendezvous(settings.experiments_directory, rank.key)
    if rank.number == 0:
        return _lead(rank, settings, meeting, lead)
    console = Console(is_quiet=True, who=f"rank {rank.number}")
    invitation = meeting.wait(lambda said: _is_new(said, settings, rank))
    if invitation is None:
        console.say("no rank 0 has begun a run, so this rank is a run of its own")
        return lead(settings, _Rank(rank.key))
    if "exit" in invitation:
        return int(invitation["exit"])
    return _follow(rank, command, settings, invitation, console)


def _lead(
    rank: Rank,
    settings: RunSettings,
    meeting: Rendezvous,
    lead: Callable[[RunSettings, Role], int],
) -> int:
    if settings.retries:
        # The others would not know of another attempt; the launcher starts all of them again.
        Console(is_quiet=settings.quiet).note("--retries is for one process alone: not done")
        settings = settings._replace(retries=0)
    meeting.open()
    leader = _Leader(rank, meeting)
    code = NOT_RECORDED
    try:
        code = lead(settings, leader)
    except MeticulousError as error:
        code = error.exit_code or NOT_RECORDED
        raise
    finally:
        if not leader.has_begun:
            try:
                meeting.tell({"exit": code})
            except OSError:
                pass  # the others find out by themselves
    return code


class _Leader(_Rank):
    """Rank 0."""

    def __init__(self, rank: Rank, meeting: Rendezvous) -> None:
        super().__init__(rank.key)
        self.variables[RANK_VARIABLE] = "0"
        self._rank, self._meeting = rank, meeting
        self._started_s = 0.0
        self._others = RankWaiter(RunFolder(""), 1, 1)
        self.has_begun = False

    def begun(self, record: RunRecord, line: str) -> None:
        del line
        self._started_s = time.monotonic()
        attempt = len(record.metadata[keys.ATTEMPTS]) + 1
        self._others = RankWaiter(record.run, attempt, self._rank.size)
        record.update({"ranks": {"size": self._rank.size}})
        self.has_begun = True
        try:
            self._meeting.tell({"run": record.run.id, "attempt": attempt})
        except OSError as error:
            record.failed("the other ranks", error)

    def conclude(
        self, verdict: Outcome, changes: dict[str, Any], supervisor: SignalForwarder
    ) -> Outcome:
        """Wait for the others, and judge all together."""
        own = Part(
            0,
            verdict.state,
            verdict.message,
            verdict.reason,
            changes[keys.EXIT_CODE],
            changes["signal"],
            changes[keys.END_TIME],
            changes[keys.USAGE],
            os.uname().nodename,
        )
        has_failed = verdict.state != runfolder.SUCCESS
        parts, running = self._others.wait(supervisor, has_failed=has_failed)
        if len(parts) == self._rank.size - 1:
            self._meeting.close()  # else for those who may still come
        if any(part.end_time for part in parts):
            ended_s = time.monotonic() - self._started_s
            changes[keys.END_TIME] = now()
            changes[keys.USAGE]["wall"] = round(max(ended_s, changes[keys.USAGE]["wall"]), 6)
        return judge_together([own, *parts], self._rank.size, changes, running)


class _Follower(_Rank):
    """Any other rank, which has a folder in the folder of the run."""

    describes_program = False

    def __init__(self, rank: Rank, run: RunFolder, attempt: int) -> None:
        super().__init__(rank.key)
        self._beat_s = 0.0
        self.status = ""
        """The STATUS of its folder, by which rank 0 sees that it is alive."""
        self.variables[RANK_VARIABLE] = str(rank.number)
        self.variables[ATTEMPT_VARIABLE] = str(attempt)
        self.variables[recording.RUN_DIRECTORY_VARIABLE] = os.path.abspath(run.path)

    def tick(self) -> None:
        if time.monotonic() - self._beat_s > BEAT_S:
            self._beat_s = time.monotonic()
            try:
                os.utime(self.status)
            except OSError:
                pass  # rank 0 takes us for lost when it has ended long before us


def _follow(
    rank: Rank,
    command: list[str],
    settings: RunSettings,
    invitation: dict[str, Any],
    console: Console,
) -> int:
    run = RunFolder(os.path.join(settings.experiments_directory, str(invitation["run"])))
    attempt = int(invitation["attempt"])
    follower = _Follower(rank, run, attempt)
    try:
        record = begin(run, rank.number, attempt, command, console.say)
    except (OSError, RunFolderError) as error:
        console.say(f"not recorded: {error}")  # the others run already, and may wait for us
        program = process.resolve(command[0], os.environ.get("PATH"))
        process.exec_bare(program, command, {**inherited.environment(), **follower.variables})
    try:
        program = process.resolve(command[0], os.environ.get("PATH"))
    except MeticulousError as error:
        changes = {keys.END_TIME: now(), keys.REASON: error.message}
        record.finish(runfolder.ERROR, error.message, changes)
        raise
    follower.status = record.run.file(runfolder.STATUS)
    plan = RunPlan(program, command, settings, None, lambda *_: ())
    result = Attempt(plan, record, console, follower).run()
    if result.is_told_to_end:
        _stay(run)
    try:
        if correct(run, attempt):
            Rendezvous(settings.experiments_directory, rank.key).close()
    except (OSError, RunFolderError) as error:
        console.say(f"cannot correct the status of run {run.id}: {error}")
    return TIMED_OUT if result.has_timed_out else process.die_like(result.ended)


def _stay(run: RunFolder) -> None:
    """Return rank 0, and those beside us, the time to write how they have ended."""
    most_s = time.monotonic() + LEAVE_S[1]
    time.sleep(LEAVE_S[0])
    try:
        while time.monotonic() < most_s and run.read_status()[0] == runfolder.RUNNING:
            time.sleep(0.02)
    except RunFolderError:
        pass


def _is_new(said: dict[str, Any], settings: RunSettings, rank: Rank) -> bool:
    """Return whether we have not been part yet of the attempt that rank 0 invites to."""
    run = RunFolder(os.path.join(settings.experiments_directory, str(said["run"])))
    return os.path.isdir(run.path) and read_part(run, rank.number, said.get("attempt")) is None
