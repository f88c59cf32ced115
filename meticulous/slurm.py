"""Slurm's word on a job, where its programs are installed.

``squeue`` is asked once for all jobs of a command of ours, ``sacct`` for those that it does not
know any more. Neither may keep a listing waiting: each has seconds to answer.
"""

from __future__ import annotations

import os
from functools import cache

from meticulous.programs import which

__all__ = ["ALIVE", "UNKNOWN", "state_of"]

UNKNOWN = "nothing"
"""The word on a job that Slurm has forgotten: it was, and is not any more."""
ALIVE = ("PENDING", "RUNNING", "SUSPENDED", "CONFIGURING", "COMPLETING", "STOPPED", "REQUEUED",
         "REQUEUE_HOLD", "RESIZING", "SIGNALING", "STAGE_OUT")  # fmt: skip
_PATIENCE_S = 5.0


def state_of(job: str) -> str | None:
    """Give the state of `job` (``RUNNING``, ``CANCELLED``, …); None where Slurm cannot be asked."""
    jobs = _in_queue()
    if jobs is None:
        return None
    if job in jobs:
        return jobs[job]
    return _accounted(job) or UNKNOWN


@cache
def _in_queue() -> dict[str, str] | None:
    answer = _ask("squeue", "--noheader", "--array", "--states=all", "--format=%A|%T")
    if answer is None:
        return None
    pairs = [line.partition("|") for line in answer.splitlines()]
    return {job.strip(): state.strip() for job, _, state in pairs}


@cache
def _accounted(job: str) -> str | None:
    words = ("--noheader", "--parsable2", "--allocations", f"--jobs={job}", "--format=State")
    answer = _ask("sacct", *words)
    lines = answer.split("\n") if answer else [""]
    return lines[0].split()[0] if lines[0].strip() else None  # "CANCELLED by 1000"


def _ask(name: str, *words: str) -> str | None:
    program = which(name, os.environ.get("PATH"))
    if program is None:
        return None
    import subprocess

    try:
        done = subprocess.run(
            [program, *words], capture_output=True, text=True, check=False, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
