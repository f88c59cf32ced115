"""Decide whether a run that says RUNNING is still running. Only this module does; it writes nothing.

A recorder that was killed cannot change its STATUS. On the machine and boot that the run was
started on, its process id and start time decide; a reused id has another start time. From anywhere
else its process cannot be seen: there the scheduler decides, and the heartbeat, which is the
modification time of resources.jsonl. `docs/running.md` explains this to users.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from meticulous.base.process_id import boot_id, is_hidden, is_there, pid_namespace
from meticulous.base.units import format_duration
from meticulous.errors import RunFolderError
from meticulous.runfolder import (
    ERROR,
    LOST,
    RESOURCES,
    RUNNING,
    STATUS,
    STDERR,
    STDOUT,
    RunFolder,
    headline,
    keys,
)
from meticulous.schedulers import slurm

__all__ = [
    "ENDED_BY_OTHERS",
    "HEARTBEAT_MARGIN_S",
    "Judgement",
    "examine",
    "is_copy",
    "is_here",
    "is_running",
    "judge",
    "orphan",
    "orphan_of",
    "sees",
]

ENDED_BY_OTHERS = ("SIGTERM", "SIGKILL", "SIGINT", "SIGHUP")
"""By these a launcher ends the ranks that are left when one has failed."""

HEARTBEAT_MARGIN_S = 15 * 60
"""On another host, a run with an older heartbeat is lost. It beats every ten seconds; the rest allows
for clocks that differ and for caches of network file systems."""
_BEATING_S = 60
_LAST_HEARD = ", last heard of"


class Judgement(NamedTuple):
    """`state` is RUNNING or LOST, `message` the evidence for LOST.

    `is_certain` is true if it does not depend on the clock of another machine.
    """

    state: str
    message: str = ""
    is_certain: bool = False

    @property
    def evidence(self) -> str:
        """Return the message without the time since the last sign of life, which changes."""
        return self.message.partition(_LAST_HEARD)[0]


def is_running(run: RunFolder) -> bool:
    """Return whether `run` is running, or one of its ranks is although rank 0 is gone.

    Raises RunFolderError where it cannot be read.
    """
    if run.read_status()[0] == RUNNING and judge(run.read_metadata(), run.path)[0] == RUNNING:
        return True
    return any(_is_rank_running(run.rank(number)) for number in run.ranks())


def _is_rank_running(rank: RunFolder) -> bool:
    if rank.read_status()[0] != RUNNING:
        return False
    metadata = rank.read_metadata()
    if not (is_here(metadata) and sees(metadata)):
        touched = _changed(rank.file(STATUS))  # its recorder does that now and then
        if touched is None or time.time() - touched > HEARTBEAT_MARGIN_S:
            return False
    return judge(metadata, rank.path)[0] == RUNNING


def judge(metadata: Mapping[str, Any], folder: str) -> tuple[str, str]:
    """Return (state, message) of :func:`examine`."""
    return examine(metadata, folder)[:2]


def examine(metadata: Mapping[str, Any], folder: str) -> Judgement:
    """Judge a run whose STATUS on disk is RUNNING.

    Args:
        metadata: of the run; that of its recorder's process is looked at, and of its job.
        folder: path of the run.

    The state is LOST only if that is certain, or nearly certain for a run of another host. A run
    that records too little (those of the original system) counts as RUNNING.
    """
    if is_copy(metadata):
        text = f"this is a copy, exported on {metadata.get(keys.HOST)} while the run went on"
        return Judgement(LOST, text, is_certain=True)
    host, pid = metadata.get(keys.HOST), metadata.get(keys.PID)
    if not isinstance(pid, int) or not host:
        return Judgement(RUNNING)
    who = f"its recorder (process {pid} on {host})"
    judged = _examine(metadata, folder, pid, who)
    if judged.state == LOST and (metadata.get(keys.RANKS) or metadata.get("ranks_size")):
        failed = _failed_rank(RunFolder(folder), len(metadata.get(keys.ATTEMPTS) or []) + 1)
        return judged._replace(message=f"{failed}{judged.message}")
    return judged


def _examine(metadata: Mapping[str, Any], folder: str, pid: int, who: str) -> Judgement:
    if not is_here(metadata):
        return _examine_elsewhere(metadata, folder, who)
    if not sees(metadata):
        return _by_heartbeat(folder, f"{who} is in another container, and")
    if is_hidden(pid):
        return _by_heartbeat(folder, f"{who} may not be looked at, and")
    if is_there(pid, metadata.get(keys.PID_START_TIME)):
        return Judgement(RUNNING)
    return Judgement(LOST, f"{who} is gone{_last_sign(folder)}", is_certain=True)


def _examine_elsewhere(metadata: Mapping[str, Any], folder: str, who: str) -> Judgement:
    """Judge a run of another machine, or of this one before it was restarted."""
    beat = _changed(os.path.join(folder, RESOURCES))
    has_our_name = (
        metadata.get(keys.HOST) == this_host() and metadata.get(keys.BOOT_ID) and this_boot()
    )
    # A heart that has beaten since is that of another machine of the same name.
    if has_our_name and (beat is None or beat < boot_time()):
        text = f"{who} is gone: the machine was restarted{_last_sign(folder)}"
        return Judgement(LOST, text, is_certain=True)
    if beat is not None and abs(time.time() - beat) < _BEATING_S:
        return Judgement(RUNNING)
    return _by_scheduler(metadata) or _by_heartbeat(folder, who)


def is_copy(metadata: Mapping[str, Any]) -> bool:
    """Return whether the run was imported: its processes belong to another folder."""
    origin = metadata.get(keys.IMPORTED_FROM)
    return isinstance(origin, dict) or "imported-from_id" in metadata  # as a row may have it


def orphan(metadata: Mapping[str, Any]) -> int | None:
    """Return the process id of a run's command if it is still running on this machine.

    If the run is lost, this is a command whose recorder was killed and that is no longer recorded.
    """
    child, started = metadata.get(keys.CHILD_PID), metadata.get(keys.CHILD_START_TIME)
    if not isinstance(child, int) or not isinstance(started, (int, float)):
        return None
    is_seen = is_here(metadata) and sees(metadata) and not is_copy(metadata)
    return child if is_seen and is_there(child, started) else None


def orphan_of(run: RunFolder) -> int | None:
    """Return the process id of the command of `run` if it may still write to the folder, or None.

    Raises RunFolderError where it cannot be read.
    """
    return orphan(run.read_metadata()) if run.read_status()[0] == RUNNING else None


def _failed_rank(run: RunFolder, attempt: int) -> str:
    """Return a text that says which rank of a lost run failed first, from its folder; empty if none did."""
    failed = []
    for number in run.ranks():
        rank = run.rank(number)
        try:
            state, message = rank.read_status()
            metadata = rank.read_metadata()
        except RunFolderError:
            continue
        if state == ERROR and metadata.get("attempt") == attempt:
            is_victim = metadata.get(keys.SIGNAL) in ENDED_BY_OTHERS
            moment = str(metadata.get(keys.END_TIME))
            failed.append((is_victim, moment, number, headline(message)))
    if not failed:
        return ""
    _, _, number, line = min(failed)
    return f"rank {number}: {line}; "


def is_here(metadata: Mapping[str, Any]) -> bool:
    """Return whether the run was started on this machine since its last boot.

    A machine that has been renamed is still the same.
    """
    boot = metadata.get(keys.BOOT_ID)
    if boot and this_boot():
        return bool(boot == this_boot())
    return metadata.get(keys.HOST) == this_host()


def sees(metadata: Mapping[str, Any]) -> bool:
    """Return whether process ids of the run are valid here, in the namespace of its recorder."""
    namespace = metadata.get(keys.PID_NAMESPACE)
    return namespace is None or pid_namespace() is None or namespace == pid_namespace()


@cache
def this_host() -> str:
    """Return the name of this machine as the recorder writes it."""
    return os.uname().nodename


this_boot = cache(boot_id)


@cache
def boot_time() -> float:
    """Return when this machine was started, in seconds since 1970."""
    import psutil

    return float(psutil.boot_time())


def _by_heartbeat(folder: str, who: str) -> Judgement:
    beat = _changed(os.path.join(folder, RESOURCES))
    if beat is None or time.time() - beat < HEARTBEAT_MARGIN_S:
        return Judgement(RUNNING)
    return Judgement(LOST, f"{who} gives no sign of life{_last_sign(folder)}")


def _by_scheduler(metadata: Mapping[str, Any]) -> Judgement | None:
    """Ask Slurm about the run's job; None if there is none, or Slurm does not know it.

    A job that is running does not prove that this run of it is: the heartbeat decides.
    """
    ids = metadata.get(keys.SCHEDULER) or {}
    job = ids.get("SLURM_JOB_ID") if isinstance(ids, dict) else None
    job = job or metadata.get("scheduler_SLURM_JOB_ID")
    cluster = ids.get("SLURM_CLUSTER_NAME") if isinstance(ids, dict) else None
    cluster = cluster or metadata.get("scheduler_SLURM_CLUSTER_NAME")
    state = slurm.state_of(str(job), cluster and str(cluster)) if job else None
    if state is None or state in slurm.ALIVE:
        return None
    if state in slurm.STOPPED:
        return Judgement(RUNNING)
    text = f"Slurm says {state} of its job {job}"
    if state in slurm.WAITING:
        text += ", which is to be started again"
    return Judgement(LOST, text, is_certain=state != slurm.UNKNOWN)


def _last_sign(folder: str) -> str:
    """Return a text that says when the run gave its last sign of life; empty if that is unknown."""
    times = [_changed(os.path.join(folder, name)) for name in (RESOURCES, STDOUT, STDERR)]
    known = [moment for moment in times if moment is not None]
    if not known or time.time() < max(known):
        return ""
    return f"{_LAST_HEARD} {format_duration(time.time() - max(known))} ago"


def _changed(path: str) -> float | None:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return None
