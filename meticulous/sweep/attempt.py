"""One try at a point: the process that runs and records it, and how that ended."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from typing import Any

from meticulous import runfolder
from meticulous.errors import RunFolderError
from meticulous.reproduce.worktree import placed
from meticulous.runfolder import RunFolder, headline, keys
from meticulous.settings import RunSettings
from meticulous.settings.options import EXPERIMENTS_DIRECTORY
from meticulous.sweep import claims, code, objective, template
from meticulous.sweep.folder import Point, SweepFolder
from meticulous.sweep.start import START, TAKEN
from meticulous.sweep.state import ERROR, LOST, PRUNED, STOPPED, SUCCESS, Outcome
from meticulous.sweep.takeover import begun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from meticulous.sweep.search import Trial

__all__ = ["Attempt", "run_settings"]

_LAST_PATIENCE_S = 30.0
_SCHEDULER_PATIENCE_S = 5.0


def run_settings(folder: SweepFolder) -> RunSettings:
    """Return the settings of the runs of a sweep."""
    specification = folder.specification
    given = dict(specification.get("settings") or {})
    project, repository = folder.directory("project"), specification.get("repository")
    made = code.tree(folder)
    if made is not None:
        project, repository = made.project, made.top
    elif repository is not None:
        repository = os.path.normpath(os.path.join(folder.path, repository))
    options: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    return RunSettings(
        project, repository, folder.directory("experiments"), quiet=True, no_ranks=True,
        **options,
    )  # fmt: skip


class Attempt:
    """The run of one try.

    Args:
        folder: the sweep.
        point: what to run.
        number: of the try, which is claimed.
        earlier: the run of an earlier try, in whose folder this one goes on.
        trial: of a search: chooses the values, and says when to end early.

    """

    def __init__(
        self,
        folder: SweepFolder,
        point: Point,
        number: int,
        earlier: str | None = None,
        trial: Trial | None = None,
    ) -> None:
        self._folder, self._point, self._number = folder, point, number
        self._claim = claims.path(folder, point.key, number)
        self._trial = trial
        self._values = point.values
        self._earlier = earlier
        self._pid = 0
        self._began = time.monotonic()
        self._told_at: float | None = None
        self._is_told = False
        self._is_stopped = self._is_pruned = False
        self._status = 0

    def start(self) -> None:
        """Start the process."""
        if self._trial is not None:
            self._values = self._trial.ask()
            claims.note(self._claim, {"trial": self._trial.number, "values": self._values})
        self._spawn(self._resumable())

    def _spawn(self, earlier: str | None) -> None:
        chosen = run_settings(self._folder)
        chosen = chosen._replace(
            sweep={"id": int(self._folder.id), "point": self._point.key, "try": self._number},
            experiment_id=earlier,
            resume=earlier is not None,
        )
        words = template.command(self._folder.template, self._values)
        variables = template.variables(self._values)
        made = code.tree(self._folder)
        cwd = os.path.join(chosen.project_directory, self._folder.specification["cwd"])
        if made is not None:
            cwd, words = made.cwd, placed(words, made)
            # What records itself in the work tree would be lost with it.
            variables[EXPERIMENTS_DIRECTORY.variable] = chosen.experiments_directory
        plan = {
            "command": words,
            "cwd": os.path.normpath(cwd),
            "variables": variables,
            "settings": chosen._asdict(),
            "code": self._folder.file(code.CODE) if made is not None else None,
            "claim": self._claim,
            "next": claims.path(self._folder, self._point.key, self._number + 1),
        }
        line = [sys.executable, "-I", "-S", "-c", START, json.dumps(sys.path), json.dumps(plan)]
        null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
        self._began = time.monotonic()
        self._pid = os.posix_spawn(
            sys.executable,
            line,
            os.environ,
            file_actions=null,
            setsigmask=[],
            setsigdef=[signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE],
        )

    def _resumable(self) -> str | None:
        """Return the run in whose folder to go on; none where the code or values may be others."""
        if self._earlier is None or self._trial is not None or code.tree(self._folder) is None:
            return None
        run = self._run(self._earlier)
        try:
            is_same = run.read_metadata().get(keys.SWEEP, {}).get("point") == self._point.key
            return run.id if is_same and run.read_status()[0] != runfolder.SUCCESS else None
        except (RunFolderError, AttributeError):
            return None

    def _run(self, name: str) -> RunFolder:
        return RunFolder(os.path.join(self._folder.directory("experiments"), name))

    def wait(self, told: int, pause_s: float) -> bool:
        """Wait at most `pause_s`, or until the descriptor `told` can be read; say whether it ended."""
        if self._has_ended():
            return True
        if select.select([told], [], [], pause_s)[0]:
            os.read(told, 4096)
        if self._has_ended():
            return True
        if self._told_at is not None:
            self._insist(time.monotonic() - self._told_at)
        elif self._trial is not None and self._trial.is_to_prune(self._begun_run()):
            self._is_pruned = True
            self._told_at = time.monotonic()
            self._insist(0.0)
        return False

    def _begun_run(self) -> RunFolder | None:
        name = claims.details(self._folder, self._point.key, self._number).get("run")
        return self._run(str(name)) if name else None

    def _has_ended(self) -> bool:
        try:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
        except InterruptedError:
            return False
        if pid:
            self._status = os.waitstatus_to_exitcode(status)
        return bool(pid)

    def end(self) -> None:
        """End the run, because the worker is to end."""
        self._is_stopped = True
        if self._told_at is None:
            self._told_at = time.monotonic()
            self._insist(0.0)

    def _insist(self, waited: float) -> None:
        """Tell the run to end, and after a while kill what it has started."""
        # A scheduler tells every process of the job: a second signal might cut a good end short.
        is_told_by_others = "SLURM_JOB_ID" in os.environ and self._is_stopped
        if not self._is_told and waited >= (_SCHEDULER_PATIENCE_S if is_told_by_others else 0.0):
            self._is_told = True
            self._signal(signal.SIGTERM)
        if waited > _LAST_PATIENCE_S:
            import psutil

            try:
                for process in psutil.Process(self._pid).children(recursive=True):
                    process.kill()
            except psutil.Error:
                pass

    def _signal(self, number: int) -> None:
        try:
            os.kill(self._pid, number)
        except ProcessLookupError:
            pass

    def outcome(self) -> Outcome:
        """Return how it ended; told to the search."""
        seconds = round(time.monotonic() - self._began, 3)
        found = self._judge()._replace(seconds=seconds)
        if self._trial is not None:
            found = self._trial.tell(found)._replace(values=self._values)
        return found

    def _judge(self) -> Outcome:
        key, number = self._point.key, self._number
        told = claims.details(self._folder, key, number)
        run = begun(self._folder, key, number, told)
        if run is None:
            return self._unbegun(str(told.get("refused") or ""))
        name = run.id
        try:
            state, message = run.read_status()
        except RunFolderError as error:
            return Outcome(key, number, LOST, name, str(error))
        found = Outcome(key, number, LOST, name, f"its recorder was killed ({self._status})")
        if state == runfolder.SUCCESS:
            return objective.with_value(
                self._folder, run, found._replace(status=SUCCESS, message="")
            )
        if self._is_pruned:
            return found._replace(status=PRUNED, message="")
        if self._is_stopped or state == runfolder.ERROR:
            status = STOPPED if self._is_stopped else ERROR
            return found._replace(status=status, message=headline(message))
        return found

    def _unbegun(self, refused: str) -> Outcome:
        key, number = self._point.key, self._number
        if self._status == TAKEN or self._is_stopped:
            return Outcome(key, number, STOPPED, message="not begun")
        if self._status < 0:
            return Outcome(key, number, LOST, message=f"its recorder was killed ({self._status})")
        message = refused or f"the recorder ended with code {self._status}"
        return Outcome(key, number, ERROR, message=message)
