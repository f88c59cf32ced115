"""Going on with an earlier run: which one fits, and the claim to it, so that no two take the same.

A run fits that was recorded at the same commit, differs in nothing that its caller looks at, and is
not running. Two that look at the same moment are kept apart by a lock on the run's folder.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from meticulous import runfolder
from meticulous.errors import MismatchedArgsError, MismatchedCommitError, RunFolderError
from meticulous.git import CodeState
from meticulous.recording.record import RunRecord
from meticulous.runfolder import RunFolder, keys, liveness
from meticulous.settings import RunSettings

__all__ = ["go_on"]

_HINT = "or give another --experiment-id, or none"
_MAKING_S = 2.0
"""What a recorder may take from making a folder to its first words in it."""
Differences = Callable[[RunFolder, Mapping[str, Any]], str]


def go_on(
    settings: RunSettings,
    code: CodeState | None,
    candidates: Iterable[str],
    differences: Differences,
    resume: Callable[[RunFolder], RunRecord],
    *,
    is_success_final: bool = False,
    are_over: bool = False,
) -> RunRecord | None:
    """Return the record of the run that is resumed; None where a new one is to be made.

    Args:
        settings: with an ``experiment_id`` it is that run or none, and what differs is an error.
        code: as it is now.
        candidates: ids of runs to look at where no id is given, the newest first.
        differences: says what differs between a run (its folder, its metadata) and what is to be
            run now; empty where nothing does.
        resume: :func:`meticulous.recording.record.resume` with what it needs.
        is_success_final: whether a run that ended well is over.
        are_over: whether it is known, from others than us, that no candidate runs any more.

    Raises MismatchedCommitError, MismatchedArgsError and RunFolderError for a given id.

    """

    def fits(run: RunFolder) -> bool:
        try:
            metadata = run.read_metadata()
            if not metadata or _recorded_code(metadata) != _code(code):
                return False
            is_final = is_success_final and run.read_status()[0] == runfolder.SUCCESS
            if is_final or differences(run, metadata):
                return False
            return are_over or not (liveness.is_running(run) or liveness.orphan_of(run))
        except RunFolderError:
            return False  # one that cannot be read cannot be resumed either

    directory = settings.experiments_directory
    if settings.experiment_id is not None:
        run = RunFolder(os.path.join(directory, settings.experiment_id))
        if not os.path.isdir(run.path):
            return None
        with _claim(run) as is_ours:
            if is_ours and _is_unbegun(run):
                return resume(run)
            _check(run, code, differences, is_ours=is_ours, is_success_final=is_success_final)
            return resume(run)
    for name in candidates:
        run = RunFolder(os.path.join(directory, name))
        if fits(run):
            with _claim(run) as is_ours:
                # Once more: another may have claimed and begun it since.
                if is_ours and fits(run):
                    return resume(run)
    return None


def _is_unbegun(run: RunFolder) -> bool:
    """Return whether a recorder was killed before it had said anything in the folder it had made.

    Waits for a moment where it may be about to.
    """
    while True:
        begun = [name for name in os.listdir(run.path) if not name.endswith(".tmp")]
        if begun not in ([], [runfolder.UNCOMMITTED_PATCH]):
            return False
        if abs(time.time() - os.stat(run.path).st_mtime) > _MAKING_S:
            return True
        time.sleep(0.05)


@contextmanager
def _claim(run: RunFolder) -> Iterator[bool]:
    """Hold the folder of `run`, by a lock that ends with us; False where another holds it."""
    import fcntl

    try:
        descriptor = os.open(run.path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = True
        except OSError as error:
            # Some network file systems know no locks: then only the status keeps two apart.
            is_ours = error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
        yield is_ours
    finally:
        os.close(descriptor)


def _check(
    run: RunFolder,
    code: CodeState | None,
    differences: Differences,
    *,
    is_ours: bool,
    is_success_final: bool,
) -> None:
    metadata = run.read_metadata()
    recorded, now = _recorded_code(metadata), _code(code)
    if recorded != now:
        raise MismatchedCommitError(
            f"experiment {run.id} was recorded at commit {_shown(recorded)}, "
            f"and the code is now at {_shown(now)}",
            f"Check out that commit, {_HINT}",
        )
    if what := differences(run, metadata):
        message = f"experiment {run.id} was recorded with other arguments: {what}"
        raise MismatchedArgsError(message, f"Give the same arguments, {_HINT}")
    if not is_ours or liveness.is_running(run):
        message = f"experiment {run.id} is running (process {metadata.get(keys.PID)})"
        raise RunFolderError(message, f"Wait for its end, {_HINT}")
    if child := liveness.orphan_of(run):
        message = f"the command of experiment {run.id} lives on without a recorder: process {child}"
        raise RunFolderError(message, f"End it with `meticulous stop {run.id}`, {_HINT}")
    if is_success_final and run.read_status()[0] == runfolder.SUCCESS:
        message = f"experiment {run.id} has ended with SUCCESS, so there is nothing to resume"
        raise RunFolderError(message, "Give another --experiment-id, or none")


def _recorded_code(metadata: Mapping[str, Any]) -> tuple[Any, Any]:
    return metadata.get(keys.GITHEAD_SHA), metadata.get(keys.SNAPSHOT_SHA)


def _code(code: CodeState | None) -> tuple[Any, Any]:
    return (code.sha if code else None), (code.snapshot if code else None)


def _shown(code: tuple[Any, Any]) -> str:
    sha, snapshot = code
    text = sha[:7] if sha else "none (no repository)"
    return f"{text} with the changes of snapshot {snapshot[:7]}" if snapshot else text
