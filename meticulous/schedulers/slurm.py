"""Slurm's word on a job, where its programs are installed.

``squeue`` is asked once for all jobs of a listing, ``sacct`` for those that it does not know any
more. Neither may keep a listing waiting: each has seconds to answer, and one that did not is left
alone for a while. Who looks for long (`wait`, a notebook) gets a new answer now and then.
"""

from __future__ import annotations

import os
import time
from functools import lru_cache

from meticulous.base.spawn import which

__all__ = ["ALIVE", "STOPPED", "UNKNOWN", "WAITING", "state_of"]

UNKNOWN = "nothing"
"""The word on a job that Slurm has forgotten: it was, and is not any more."""
ALIVE = ("RUNNING", "CONFIGURING", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT")
"""The job has its nodes. That says nothing of one of several commands in it."""
STOPPED = ("SUSPENDED", "STOPPED")
"""Its processes are there, and do nothing."""
WAITING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT")
"""It will be started, once more where it has been before."""
_PATIENCE_S = 5.0
_FRESH_S = 30.0


def state_of(job: str, cluster: str | None = None) -> str | None:
    """Return the state of `job` (``RUNNING``, ``CANCELLED``, …); None where Slurm cannot be asked.

    Another cluster than ours may have a job of the same number; of that we cannot ask.
    """
    period = int(time.monotonic() // _FRESH_S)
    if cluster is not None and (_our_cluster(period) or cluster) != cluster:
        return None
    jobs = _in_queue(period)
    if jobs is None:
        return None
    if job in jobs:
        return jobs[job]
    return _accounted(job, period) or UNKNOWN


@lru_cache(maxsize=1)
def _our_cluster(period: int) -> str | None:
    answer = _ask(period, "scontrol", "show", "config") or ""
    names = (line.partition("=") for line in answer.splitlines() if line.startswith("ClusterName"))
    return next((name.strip() for _, _, name in names), None)


@lru_cache(maxsize=1)
def _in_queue(period: int) -> dict[str, str] | None:
    answer = _ask(period, "squeue", "--noheader", "--array", "--states=all", "--format=%A|%T")
    if answer is None:
        return None
    pairs = [line.partition("|") for line in answer.splitlines()]
    return {job.strip(): state.strip() for job, _, state in pairs}


@lru_cache(maxsize=10_000)
def _accounted(job: str, period: int) -> str | None:
    words = ("--noheader", "--parsable2", "--allocations", f"--jobs={job}", "--format=State")
    answer = _ask(period, "sacct", *words)
    lines = answer.split("\n") if answer else [""]
    return lines[0].split()[0] if lines[0].strip() else None  # "CANCELLED by 1000"


_silent: dict[str, int] = {}
"""Programs that did not answer, and in which period that was."""


def _ask(period: int, name: str, *words: str) -> str | None:
    program = which(name, os.environ.get("PATH"))
    if program is None or _silent.get(name) == period:
        return None
    import subprocess

    try:
        done = subprocess.run(
            [program, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_PATIENCE_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        done = None
    if done is None or done.returncode != 0:
        _silent[name] = period
        return None
    return done.stdout
