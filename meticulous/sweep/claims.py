"""Who works on a point: claims by exclusive create, and whether their holder still lives.

The first try at a point is the file ``claims/KEY.1``, the next ``KEY.2``: the highest number counts.
Whoever creates a file holds that try, and nobody else can; so a try that was given up, or whose
holder is known to be dead, is taken over by creating the next number, by one alone. Files are never
removed or replaced.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Mapping
from typing import Any

from meticulous.base.process_id import is_there
from meticulous.recording.metadata import recorder
from meticulous.runfolder import keys, liveness
from meticulous.schedulers import slurm
from meticulous.schedulers.job_ids import scheduler_ids
from meticulous.sweep.folder import SweepFolder
from meticulous.sweep.lines import append, cannot_read, cannot_write, read_lines

__all__ = [
    "LEASE_S",
    "Claimant",
    "Holder",
    "claimed",
    "details",
    "holder_here",
    "is_dead",
    "is_gone",
    "is_visible",
    "note",
    "path",
]

_WRITING_S = 60
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
LEASE_S = 15 * 60
"""A worker that cannot be looked at, and whose file has not been touched for so long, is dead."""

Holder = Mapping[str, Any]


def path(folder: SweepFolder, key: str, number: int) -> str:
    """Return the file of one try at a point."""
    return folder.file("claims", f"{key}.{number}")


def claimed(folder: SweepFolder) -> dict[str, int]:
    """Return the highest try of each point that was claimed. One listing, no file is opened."""
    found: dict[str, int] = {}
    try:
        names = os.listdir(folder.file("claims"))
    except FileNotFoundError:
        return {}  # an empty directory that a copy has left out
    except OSError as error:
        raise cannot_read(folder.file("claims"), error) from error
    for name in names:
        if name.endswith(".1"):  # most are, and there may be very many
            found.setdefault(name[:-2], 1)
            continue
        key, dot, number = name.rpartition(".")
        if dot and number.isdecimal() and int(number) > found.get(key, 0):
            found[key] = int(number)
    return found


def holder_here(worker: str) -> dict[str, Any]:
    """Describe this process as the holder of claims, so that others can tell whether it lives."""
    return {"worker": worker, **recorder(), "scheduler": scheduler_ids(os.environ)}


class Claimant:
    """Takes claims for one worker, whose first line of each is `holder`.

    A file of ours becomes the claim by a second name, which is made in one step and by one alone:
    so a claim never is without its holder, whenever we are killed.
    """

    def __init__(self, folder: SweepFolder, holder: Mapping[str, Any]) -> None:
        self._folder = folder
        self._line = json.dumps(holder).encode() + b"\n"
        self._own = folder.file("claims", f".{holder['worker']}.tmp")
        self._is_ready = False

    def take(self, key: str, number: int) -> bool:
        """Claim try `number` at a point; return whether it is ours. Raises SweepError."""
        target = path(self._folder, key, number)
        try:
            self._prepare()
            try:
                os.link(self._own, target)
            except FileExistsError:
                # A network file system may have done it, lost its answer, and done it again.
                if os.stat(self._own).st_nlink < 2:
                    return False
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                return self._create(target)
            os.unlink(self._own)
            self._is_ready = False
        except OSError as error:
            raise cannot_write(self._folder.path, error) from error
        return True

    def _prepare(self) -> None:
        if not self._is_ready:
            self._write(self._own, os.O_TRUNC)
            self._is_ready = True

    def _write(self, target: str, flag: int) -> None:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | flag, 0o666)
        try:
            os.write(descriptor, self._line)
        finally:
            os.close(descriptor)

    def _create(self, target: str) -> bool:
        """Claim by exclusive create, on a file system without links."""
        try:
            self._write(target, os.O_EXCL)
        except FileExistsError:
            return False
        return True

    def close(self) -> None:
        """Remove what is of no use any more."""
        try:
            os.unlink(self._own)
        except OSError:
            pass


def note(claim: str, entry: Mapping[str, Any]) -> None:
    """Add a line to the file of a claim that is ours."""
    append(claim, [json.dumps(entry, ensure_ascii=False)])


def details(folder: SweepFolder, key: str, number: int) -> dict[str, Any]:
    """Return all that the file of a claim says, later lines over earlier ones; empty for none."""
    found: dict[str, Any] = {}
    for _, entry in read_lines(path(folder, key, number)):
        found.update(entry)
    return found


def is_dead(folder: SweepFolder, key: str, number: int, now: float | None = None) -> bool:
    """Return whether the holder of a try at a point is known to be gone.

    On this machine its process tells; in a Slurm job Slurm does; else the time of the worker's
    file, against `now` on the clock of the file server (default: ours).
    """
    now = time.time() if now is None else now
    holder = details(folder, key, number)
    if not holder:  # killed between the making of the file and its first line, or about to write it
        return _age(path(folder, key, number), now) > _WRITING_S
    return is_gone(holder) or _age_of_heartbeat(folder, holder, key, number, now) > LEASE_S


def is_gone(holder: Holder) -> bool:
    """Return whether a process that can be looked at, or its job, is certainly over."""
    pid = holder.get("pid")
    if isinstance(pid, int) and liveness.is_here(holder) and liveness.sees(holder):
        return not is_there(pid, holder.get(keys.PID_START_TIME))
    ids = holder.get("scheduler")
    if not isinstance(ids, dict) or not ids.get("SLURM_JOB_ID"):
        return False
    if _was_restarted(ids):
        return True
    state = slurm.state_of(str(ids["SLURM_JOB_ID"]), ids.get("SLURM_CLUSTER_NAME"))
    return state is not None and state not in (*slurm.ALIVE, *slurm.STOPPED)


def is_visible(holder: Holder) -> bool:
    """Return whether :func:`is_gone` can tell, so that no clock has to be believed."""
    pid = holder.get("pid")
    return isinstance(pid, int) and liveness.is_here(holder) and liveness.sees(holder)


def _was_restarted(ids: Mapping[str, str]) -> bool:
    """Return whether we are the same Slurm job, started again since."""
    if ids["SLURM_JOB_ID"] != os.environ.get("SLURM_JOB_ID"):
        return False
    before, now = ids.get("SLURM_RESTART_COUNT", "0"), os.environ.get("SLURM_RESTART_COUNT", "0")
    return before.isdecimal() and now.isdecimal() and int(before) < int(now)


def _age_of_heartbeat(
    folder: SweepFolder, holder: Holder, key: str, number: int, now: float
) -> float:
    if is_visible(holder):
        return 0.0  # its process is there
    beat = _age(folder.file("workers", f"{holder.get('worker')}.jsonl"), now)
    return min(beat, _age(path(folder, key, number), now))


def _age(path: str, now: float) -> float:
    """Return how long ago the file was touched; for ever where it is not there."""
    try:
        return now - os.stat(path).st_mtime
    except OSError:
        return float("inf")
