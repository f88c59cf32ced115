"""What is wrong in an experiments directory, and which of it can be repaired with certainty.

Examining changes nothing. A finding that can be repaired has a `mend`, which checks again before it
writes: what has changed in the meantime is left alone.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from meticulous import runfolder
from meticulous.child.helper import locked
from meticulous.errors import NewerFormatError, RunFolderError
from meticulous.runfolder import RunFolder, abandoned, keys, liveness
from meticulous.runfolder import directory as store
from meticulous.runfolder.status import shortened

__all__ = ["Finding", "examine"]

_TEMPORARY = re.compile(r".+\.\d+(?:-\d+)?\.tmp")
_PATCH = re.compile(r"uncommitted(?:\.\d+)?\.patch")
"""What is written before metadata.json: the uncommitted changes, kept as a snapshot too."""
_YOUNG_S = 60.0
"""What is younger may be on its way."""
_FILES = (runfolder.ARGS, runfolder.DEFAULT_ARGS, runfolder.SUMMARY, runfolder.ENVIRONMENT)


class Finding(NamedTuple):
    """`kind` is a word for programs; `run` the id, or empty; `what` is the problem, `todo` the remedy.

    `is_harmless` findings are reported but are not faults. `mend` repairs it and returns what it did,
    or None if there was nothing left to do.
    """

    run: str
    kind: str
    what: str
    todo: str
    mend: Callable[[], str | None] | None = None
    is_harmless: bool = False


def examine(directory: str) -> Iterator[Finding]:
    """Examine every folder of `directory`. Raises RunFolderError if it cannot be listed."""
    try:
        ids = store.run_ids(directory)
        highest = store.highest_number(directory)
        others = sorted(set(os.listdir(directory)) - set(ids))
    except OSError as error:
        raise RunFolderError(f"cannot list {directory}: {error.strerror}") from error
    for name in ids:
        yield from _examine_run(RunFolder(os.path.join(directory, name)))
    yield from _leftovers("", directory, others)
    for path in abandoned.folders(directory):
        yield Finding(
            "",
            "leftover",
            f"{path} was left behind by an export, import or rerun that was killed",
            "--fix removes it",
            partial(abandoned.remove, path),
        )
    yield from _examine_numbers(directory, highest)


def _examine_run(run: RunFolder) -> Iterator[Finding]:
    try:
        names = os.listdir(run.path)
    except OSError as error:
        yield Finding(
            run.id, "unreadable", f"cannot be listed: {error.strerror}", "Make it readable"
        )
        return
    if runfolder.METADATA not in names and runfolder.STATUS not in names:
        yield from _half_made(run, names)
        return
    metadata = yield from _read_metadata(run)
    state = ""
    try:
        state = run.read_status()[0]
    except RunFolderError as error:
        yield Finding(run.id, "broken", error.message, error.hint or "Restore the file")
    if runfolder.STATUS not in names:
        yield from _without_status(run, metadata)
    elif state not in (runfolder.RUNNING, runfolder.SUCCESS, runfolder.ERROR):
        yield Finding(run.id, "broken", f"STATUS says {state[:40]!r}", "Restore the file")
    for name in _FILES:
        try:
            run.read_json(name)
        except RunFolderError as error:
            yield Finding(run.id, "broken", error.message, error.hint or "Restore the file")
    if metadata and keys.FORMAT not in metadata:
        what = "was written by the original system"
        yield Finding(run.id, "old-format", what, "It reads well", is_harmless=True)
    is_running = False
    if state == runfolder.RUNNING and metadata:
        judged = liveness.examine(metadata, run.path)
        is_running = judged.state == runfolder.RUNNING
        if not is_running:
            yield from _lost(run.id, run, metadata, judged)
    yield from _shortened(run, state, metadata)
    yield from _lost_ranks(run)
    if not is_running:
        yield from _leftovers(run.id, run.path, names)


def _read_metadata(run: RunFolder) -> Generator[Finding, None, dict[str, Any]]:
    try:
        metadata = run.read_metadata()
    except RunFolderError as error:
        kind = "new-format" if isinstance(error, NewerFormatError) else "broken"
        yield Finding(run.id, kind, error.message, error.hint or "Restore the file")
        return {}
    if not os.path.exists(run.file(runfolder.METADATA)):
        yield Finding(run.id, "missing", "has no metadata.json", "Restore the file")
    return metadata


def _shortened(run: RunFolder, state: str, metadata: dict[str, Any]) -> Iterator[Finding]:
    """Yield a finding for each stream that is not as long as it was when the run ended."""
    if state in (runfolder.SUCCESS, runfolder.ERROR):
        for what in shortened(run, metadata):
            yield Finding(run.id, "shortened", what, "Its output is not whole; run it again")


def _without_status(run: RunFolder, metadata: dict[str, Any]) -> Iterator[Finding]:
    """Distinguish a run whose recorder was killed between its first two files from a broken one."""
    has_begun = keys.PID not in metadata or any(
        (
            metadata.get(keys.CHILD_PID),
            metadata.get(keys.END_TIME),
            os.path.exists(run.file(runfolder.STDOUT)),
        )
    )
    judged = liveness.examine(metadata, run.path)
    if not has_begun and judged.state == runfolder.RUNNING:
        return  # it is just being made
    if not has_begun and judged.is_certain:
        what = f"has no STATUS: it was made and never begun, {judged.evidence}"
        todo = "--fix makes it an ERROR"
        yield Finding(run.id, "half-made", what, todo, lambda: _close_lost(run))
    else:
        yield Finding(run.id, "missing", "has no STATUS", "Its end is not known; restore the file")


def _half_made(run: RunFolder, names: list[str]) -> Iterator[Finding]:
    """Distinguish a run whose recorder was killed while making it from a folder that is not a run."""
    own = [name for name in names if not _is_of_the_making(name)]
    if own:
        what = f"holds no run but {', '.join(sorted(own)[:3])}"
        yield Finding(run.id, "foreign", what, "Keep it elsewhere", is_harmless=True)
        return

    def mend() -> str | None:
        if _age_s(run.path) < _YOUNG_S:
            return None
        for name in os.listdir(run.path):
            if _is_of_the_making(name):
                os.unlink(run.file(name))
        os.rmdir(run.path)
        return "removed the folder"

    if _age_s(run.path) >= _YOUNG_S:
        patches = [name for name in names if _PATCH.fullmatch(name)]
        holds = f"holds only {', '.join(sorted(patches))}" if patches else "is empty"
        what = f"{holds}: its recorder was killed while it was made"
        yield Finding(run.id, "half-made", what, "--fix removes it", mend)


def _is_of_the_making(name: str) -> bool:
    return _TEMPORARY.fullmatch(name) is not None or _PATCH.fullmatch(name) is not None


def _lost_ranks(run: RunFolder) -> Iterator[Finding]:
    """Find ranks of `run` whose recorders are gone, even if the run itself has ended."""
    for number in run.ranks():
        folder = run.rank(number)
        try:
            if folder.read_status()[0] != runfolder.RUNNING:
                continue
            metadata = folder.read_metadata()
        except RunFolderError as error:
            yield Finding(run.id, "broken", error.message, error.hint or "Restore the file")
            continue
        judged = liveness.examine(metadata, folder.path)
        if judged.state != runfolder.RUNNING:
            yield from _lost(run.id, folder, metadata, judged, f"rank {number} ")


def _lost(
    run_id: str,
    run: RunFolder,
    metadata: dict[str, Any],
    judged: liveness.Judgement,
    rank: str = "",
) -> Iterator[Finding]:
    """Return the finding for a lost run, or for a lost `rank` of the run `run_id`."""

    def mend() -> str | None:
        return _close_lost(run)

    todo = (
        "--fix makes it an ERROR"
        if judged.is_certain
        else "It is left as it is: that is not certain"
    )
    kind, what = ("lost-rank" if rank else "lost"), f"{rank}is lost: {judged.message}"
    yield Finding(run_id, kind, what, todo, mend if judged.is_certain else None)
    child = liveness.orphan(metadata)
    if child is not None:
        whose = f"the command of {rank}" if rank else "its command "
        what = f"{whose}lives on without a recorder: process {child}"
        yield Finding(run_id, "orphan", what, f"End it with `meticulous stop {run_id}`")


def _close_lost(run: RunFolder) -> str | None:
    """Write the end of a run that is certainly lost, after judging it once more under its lock."""
    with locked(run.path):
        metadata = run.read_metadata()
        judged = liveness.examine(metadata, run.path)
        is_lost = judged.state == runfolder.LOST and judged.is_certain
        if run.read_status()[0] not in (runfolder.RUNNING, "") or not is_lost:
            return None
        if metadata.get(keys.END_TIME):
            return _complete(run, metadata)
        metadata[keys.REASON] = "lost"
        metadata[keys.END_TIME] = _last_heard(run)
        run.write_json(runfolder.METADATA, metadata)
        run.write_status(runfolder.ERROR, f"lost: {judged.evidence}")
    os.utime(os.path.dirname(os.path.abspath(run.path)))
    return "wrote ERROR, with the time at which it was last heard of as its end"


def _complete(run: RunFolder, metadata: dict[str, Any]) -> str:
    """Write the STATUS of a run whose recorder was killed between the two files of its end."""
    reason = metadata.get(keys.REASON)
    state = runfolder.SUCCESS if reason is None else runfolder.ERROR
    run.write_status(state, str(reason or ""))
    os.utime(os.path.dirname(os.path.abspath(run.path)))
    return f"wrote {state}, as metadata.json has it"


def _last_heard(run: RunFolder) -> str:
    """Return the newest modification time of the files that a recorder writes."""
    moments = []
    names = (runfolder.RESOURCES, runfolder.STDOUT, runfolder.STDERR, runfolder.STATUS)
    for name in names if os.path.exists(run.file(runfolder.STATUS)) else (runfolder.METADATA,):
        try:
            moments.append(os.stat(run.file(name)).st_mtime)
        except OSError:
            continue
    return datetime.fromtimestamp(max(moments)).astimezone().isoformat(timespec="microseconds")


def _leftovers(run_id: str, folder: str, names: list[str]) -> Iterator[Finding]:
    for name in names:
        path = os.path.join(folder, name)
        if not _TEMPORARY.fullmatch(name) or _age_s(path) < _YOUNG_S:
            continue

        def mend(path: str = path) -> str | None:
            try:
                os.unlink(path)
            except FileNotFoundError:
                return None
            return "removed it"

        what = f"{name} was left behind by who was killed while writing"
        yield Finding(run_id, "leftover", what, "--fix removes it", mend)


def _examine_numbers(directory: str, highest: int) -> Iterator[Finding]:
    noted = store.noted_highest(directory)
    if noted >= highest:
        return

    def mend() -> str | None:
        store.note_highest(directory, max(highest, store.highest_number(directory)))
        return "wrote it anew"

    what = f"{runfolder.HIGHEST_ID} says {noted}, and there is or was a run {highest}"
    yield Finding("", "numbers", what, "--fix writes it anew", mend)


def _age_s(path: str) -> float:
    try:
        return time.time() - os.lstat(path).st_mtime
    except OSError:
        return 0.0
