"""What became of the run of a worker that is dead: it may go on, or have ended well, without it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from meticulous import runfolder
from meticulous.base.process_id import is_there
from meticulous.errors import RunFolderError
from meticulous.runfolder import RunFolder, headline, keys, liveness
from meticulous.runfolder.directory import highest_number
from meticulous.sweep import claims
from meticulous.sweep.folder import SweepFolder
from meticulous.sweep.state import ERROR, LOST, SUCCESS, Outcome

__all__ = ["begun", "look_into"]

_PAUSE_S = 0.5
_GRACE_S = 10.0
_LOOKED_AT = 200


def look_into(folder: SweepFolder, key: str, number: int, beat: Callable[[], None]) -> Outcome:
    """Say how try `number` at a point has ended, whose worker is dead and whose next try is ours.

    Where its run goes on it is waited for; `beat` is called meanwhile. LOST where it is to be run
    again: then nothing of it is left.
    """
    told = claims.details(folder, key, number)
    run = begun(folder, key, number, told)
    while _goes_on(told, run):
        beat()
        time.sleep(_PAUSE_S)
        told = claims.details(folder, key, number)
        run = begun(folder, key, number, told)
    if run is None:
        return Outcome(key, number, LOST, message="its worker was killed before the run had begun")
    _end_orphan(run)
    try:
        state, message = run.read_status()
        ended_by = run.read_metadata().get(keys.SIGNAL)
    except RunFolderError as error:
        return Outcome(key, number, LOST, run.id, str(error))
    if state == runfolder.SUCCESS:
        return Outcome(key, number, SUCCESS, run.id)
    if state == runfolder.ERROR and ended_by not in liveness.ENDED_BY_OTHERS:
        return Outcome(key, number, ERROR, run.id, headline(message))
    return Outcome(key, number, LOST, run.id, "its worker and its recorder were killed")


def begun(folder: SweepFolder, key: str, number: int, told: claims.Holder) -> RunFolder | None:
    """Return the run of a try, by what its claim has `told`; None where none has begun.

    A full disk may have kept the claim from being told; then the newest runs are looked at.
    """
    directory = folder.directory("experiments")
    if told.get("run"):
        run = RunFolder(os.path.join(directory, str(told["run"])))
        return run if os.path.isdir(run.path) else None
    if not told.get("run-pid"):
        return None
    point = {"id": int(folder.id), "point": key, "try": number}
    newest = highest_number(directory)
    for name in range(newest, max(newest - _LOOKED_AT, 0), -1):
        run = RunFolder(os.path.join(directory, str(name)))
        try:
            if run.read_metadata().get(keys.SWEEP) == point:
                return run
        except RunFolderError:
            continue
    return None


def _goes_on(told: claims.Holder, run: RunFolder | None) -> bool:
    """Return whether the recorder of the run still works."""
    pid = told.get("run-pid")
    if isinstance(pid, int) and claims.is_visible(told):
        return is_there(pid, told.get("run-pid-start-time"))
    try:
        return run is not None and liveness.is_running(run)
    except RunFolderError:
        return False


def _end_orphan(run: RunFolder) -> None:
    """End a program whose recorder was killed: what it does now is in no record."""
    for number, patience_s in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, 1.0)):
        try:
            child = liveness.orphan_of(run)
        except RunFolderError:
            return
        if child is None:
            return
        try:
            os.kill(child, number)
        except OSError:
            return
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and is_there(child, None):
            time.sleep(0.05)
