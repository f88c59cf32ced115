"""Stopping runs: with SIGINT, then SIGTERM, then SIGKILL, each if the one before had no effect in time.

Each goes to the whole process group of the command, as Ctrl-C does. Only runs of this machine and
of the user can be stopped, and only if their process is still the one that is recorded.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from itertools import starmap
from typing import Any

from meticulous.base.process_id import is_there, start_time
from meticulous.child.helper import locked
from meticulous.errors import RunFolderError
from meticulous.resources import process_tree
from meticulous.runfolder import RUNNING, RunFolder, keys, liveness

__all__ = ["Target", "end", "other_ranks"]

_LOOK_AGAIN_S = 0.05
_LAST_PATIENCE_S = 10.0
_STEPS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


class Target:
    """The processes to end of one run, or of one rank of it.

    Signals go to its recorder, which passes them on, or to the orphaned command of a lost run.
    On a terminal the recorder passes them only to the command; its children, and what is left of its
    group after it has ended, get them from here.
    """

    def __init__(self, run: RunFolder, rank: int = 0) -> None:
        self.run, self.rank = run, rank
        self.name = f"rank {rank} of the run {run.id}" if rank else f"the run {run.id}"
        self._folder = folder = run.rank(rank) if rank else run
        self.metadata = folder.read_metadata()
        self.pid: int = 0
        self._orphan: int = 0
        self._group: dict[int, float | None] = {}
        """The processes of the command's group that have been seen, and when each has started."""
        state = folder.read_status()[0]
        if state != RUNNING:
            raise RunFolderError(f"{self.name} has ended: {state or 'no status'}")
        if not isinstance(self.metadata.get(keys.PID), int):
            message = f"{self.name} does not say which process it is"
            raise RunFolderError(message, "End it as it was started, or remove the run")
        judged = liveness.examine(self.metadata, folder.path)
        if not (liveness.is_here(self.metadata) and liveness.sees(self.metadata)):
            self._refuse_from_elsewhere(judged.state)
        if judged.state == RUNNING:
            self.pid = self.metadata[keys.PID]
        elif orphan := liveness.orphan(self.metadata):
            self.pid = self._orphan = orphan
        else:
            raise RunFolderError(f"{self.name} is lost: {judged.message}")
        self._refuse_of_another_user()
        self._started = start_time(self.pid)

    def _refuse_of_another_user(self) -> None:
        try:
            os.kill(self.pid, 0)
        except PermissionError:
            message = f"{self.name} belongs to {self.metadata.get(keys.USER)}"
            raise RunFolderError(message, "Ask them, or use sudo") from None
        except ProcessLookupError:
            pass  # it has just ended

    def _refuse_from_elsewhere(self, state: str) -> None:
        host, run_id = self.metadata.get(keys.HOST), self.run.id
        if state != RUNNING:
            raise RunFolderError(f"{self.name} is lost: there is nothing to stop")
        if liveness.is_here(self.metadata):
            raise RunFolderError(f"{self.name} is in another container", "Stop it from there")
        raise RunFolderError(
            f"{self.name} is running on {host}, and this is {liveness.this_host()}",
            f"Stop it there: ssh {host} meticulous stop {run_id}",
        )

    def send(self, number: signal.Signals) -> None:
        """Send a signal; SIGKILL to the command itself, so that its recorder can write of it."""
        child = self._command()
        self._look(child, everyone=number == signal.SIGKILL)
        is_killed = number == signal.SIGKILL and any(starmap(_is_same, self._group.items()))
        if not (self._orphan or is_killed):
            _kill(self.pid, self._started, number)
        # What its recorder does when the command has been killed has to wait until it knows that
        # this was meant, or with `--retries` it would begin another attempt.
        with ExitStack() as stack:
            if is_killed:
                with suppress(OSError):  # the folder is gone
                    stack.enter_context(locked(self._folder.path))
            for pid, started in reversed(self._group.items()):
                if is_killed or not self._passes_on_to(pid, child):
                    _kill(pid, started, number)
            if is_killed and not self._orphan:
                _kill(self.pid, self._started, signal.SIGTERM)

    def _command(self) -> int:
        """Return the process id of the command; 0 if it has ended or was never started."""
        child: int = self.metadata.get(keys.CHILD_PID) or 0
        return child if _is_same(child, self.metadata.get(keys.CHILD_START_TIME)) else 0

    def _look(self, child: int, *, everyone: bool) -> None:
        """Note the processes in the command's group, before a signal separates them from their parents.

        With `everyone`, include descendants that have left the group, but not the command.
        """
        if not child:
            if self.metadata.get(keys.CHILD_PID) is None and everyone:
                self._note([self.pid, *process_tree.descendants([self.pid])])
            return
        group = process_tree.group_of(child)
        below = [child, *process_tree.descendants([child])]
        found = process_tree.all_processes() if group == child else below
        self._note(pid for pid in found if process_tree.group_of(pid) == group)
        if everyone:
            self._note(below)

    def _note(self, pids: Iterable[int]) -> None:
        for pid in pids:
            with suppress(OSError):  # another user's, which is not ours to end
                self._group.setdefault(pid, start_time(pid))

    def _passes_on_to(self, pid: int, child: int) -> bool:
        """Return whether the recorder passes its signals on to `pid`."""
        if self._orphan or not child or not _is_same(self.pid, self._started):
            return False
        return pid == child or process_tree.group_of(child) == child

    def is_there(self) -> bool:
        """Return whether any of its processes is still running, and is still the same process."""
        return any(
            _is_same(pid, started)
            for pid, started in [(self.pid, self._started), *self._group.items()]
        )


def other_ranks(run: RunFolder) -> tuple[list[Target], list[str]]:
    """Return the ranks of `run` from 1 on that are running here, and the hosts where others are running."""
    found, hosts = [], set()
    for number in run.ranks():
        folder = run.rank(number)
        metadata = folder.read_metadata()
        if folder.read_status()[0] != RUNNING:
            continue
        if not (liveness.is_here(metadata) and liveness.sees(metadata)):
            hosts.add(str(metadata.get(keys.HOST)))
            continue
        try:
            found.append(Target(run, number))
        except RunFolderError:
            pass  # it has just ended, or is lost
    return found, sorted(hosts)


def end(
    targets: Sequence[Target], *, grace_s: float, at_once: bool, say: Callable[[str], None]
) -> list[Target]:
    """End `targets`, all at the same time, and return those that are still there.

    Each signal has `grace_s` seconds to take effect; `at_once` begins with SIGKILL. `say` is called
    with a message for each signal after the first.
    """
    waiting = list(targets)
    for number in _STEPS[-1:] if at_once else _STEPS:
        waiting = _step(waiting, number, grace_s, say)
    return waiting


def _step(
    targets: Sequence[Target], number: signal.Signals, grace_s: float, say: Callable[[str], None]
) -> list[Target]:
    """Send `number` to `targets` and wait; return those that are still there."""
    waiting = list(targets)
    for target in targets:
        target.send(number)
    if waiting and number != signal.SIGINT:
        ids = ", ".join(target.run.id for target in waiting if not target.rank)
        if ids:
            say(f"sent {number.name} to {ids}")
    patience_s = _LAST_PATIENCE_S if number == signal.SIGKILL else grace_s
    deadline = time.monotonic() + patience_s
    while waiting and time.monotonic() < deadline:
        time.sleep(_LOOK_AGAIN_S)
        waiting = [target for target in waiting if target.is_there()]
    return waiting


def _is_same(pid: Any, started: Any) -> bool:
    return isinstance(pid, int) and started is not None and is_there(pid, started)


def _kill(pid: int, started: float | None, number: int) -> None:
    if _is_same(pid, started):
        with suppress(ProcessLookupError, PermissionError):  # it has just ended, or is set-uid
            os.kill(pid, number)
