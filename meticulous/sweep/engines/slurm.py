"""Workers as an array of Slurm jobs: submitted, and left alone.

What the site allows is read first. Nothing here needs Slurm's accounting, and a view asks
``squeue`` once. The script stays in the folder of the sweep and can be submitted again by hand.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from meticulous.errors import MeticulousError
from meticulous.sweep.engines import ENDED, RUNNING, WAITING, WorkerState, submitted, worker_command
from meticulous.sweep.folder import SweepFolder
from meticulous.sweep.lines import cannot_write
from meticulous.sweep.progress import dead_holders, progress
from meticulous.sweep.state import State

__all__ = ["SlurmEngine", "end_of_job", "environment", "limits"]

_FOLDER = "slurm"
_DEFAULT_ARRAY = 1001
"""Slurm's own default of MaxArraySize: the highest index is one less."""
_PATIENCE_S = 60.0
_OPTIONS = ("partition", "account", "qos", "time", "mem", "cpus_per_task", "gres", "constraint")
_WAITS = (
    "PENDING",
    "REQUEUED",
    "REQUEUE_HOLD",
    "REQUEUE_FED",
    "SPECIAL_EXIT",
    "SUSPENDED",
    "STOPPED",
)
_HINT = "Submit from a login node, or start `meticulous sweep work {id}` by other means"


class SlurmEngine:
    """The jobs of one sweep.

    Args:
        folder: the sweep.
        options: those of the command line, by name.
        say: for what the user should know.
        again_only: the workers run only what may be tried again.

    """

    name = "slurm"
    is_watched = False

    def __init__(
        self,
        folder: SweepFolder,
        options: Mapping[str, Any],
        say: Callable[[str], None],
        *,
        again_only: bool = False,
    ) -> None:
        self._folder, self._options, self._say = folder, options, say
        self._again_only = again_only

    def start(self, count: int) -> None:
        """Submit workers: `count`, or with ``per_job`` as many as the points need."""
        state = State(self._folder)
        state.look()
        found = progress(state, self._folder.count(), dead_holders(state))
        points = found.waiting + found.lost + len(state.again())
        alive = sum(one.state != ENDED for one in self.states())
        if not points:
            self._say("no point is open")
            return
        tasks, per_job, at_once = self._tasks(count, points, alive)
        if tasks < 1:
            self._say(f"{alive} workers are waiting or running already; they take what is open")
            return
        largest, most = limits()
        if most is not None and tasks > most:
            if most < 1:
                hint = "Wait until some have ended"
                raise MeticulousError("Slurm takes no more jobs of yours (MaxSubmitJobs)", hint)
            if per_job is not None:
                per_job = -(-points // most)
            per = f", each for up to {per_job} points" if per_job else ""
            self._say(
                f"Slurm takes {most:,} jobs of yours now, not {tasks:,}: submitting {most:,}{per}"
            )
            tasks = most
        before = None
        for size in _chunks(tasks, largest):
            job = self._submit(size, per_job, at_once, before)
            before = job if at_once else None  # each array counts for itself how many run at once

    def _tasks(self, count: int, points: int, alive: int) -> tuple[int, int | None, int | None]:
        """Return (how many jobs, points a job, how many at once)."""
        per_job = self._options.get("per_job")
        if per_job is None:
            return min(count, points) - alive, None, None
        at_once = count if self._options.get("jobs") else None
        return -(-points // per_job) - alive, per_job, at_once

    def _submit(
        self, size: int, per_job: int | None, at_once: int | None, before: str | None
    ) -> str:
        """Submit an array of `size` tasks, to start when the job `before` is over; return its id."""
        array = f"0-{size - 1}" + (f"%{at_once}" if at_once and at_once < size else "")
        place = self._folder.file(_FOLDER)
        try:
            os.makedirs(place, exist_ok=True)
            path = os.path.join(place, f"{len(os.listdir(place)) + 1}.sh")
            with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(self._script(array, per_job, before))
            os.chmod(path, 0o744)
        except OSError as error:
            raise cannot_write(self._folder.path, error) from error
        # A path may hold what a line of the script cannot; a pattern in it would be filled in.
        words = ["sbatch", "--parsable", f"--chdir={place}", "--output=%A_%a.log", path]
        job = _ask(words, self._folder.id).strip().partition(";")[0]
        submitted.note(self._folder, {"engine": "slurm", "job": job, "tasks": size, "script": path})
        self._say(f"submitted {size:,} worker{'s' if size > 1 else ''} as job {job}")
        return job

    def _script(self, array: str, per_job: int | None, before: str | None) -> str:
        command = worker_command(self._folder.path, most=per_job, again_only=self._again_only)
        lines = [
            "#!/bin/sh",
            *(f"#SBATCH {option}" for option in self._sbatch_options(array, before)),
        ]
        lines += self._options.get("setup") or []
        return "\n".join([*lines, f"exec {shlex.join(command)}"]) + "\n"

    def _sbatch_options(self, array: str, before: str | None) -> Iterator[str]:
        yield f"--job-name=sweep-{self._folder.id}"
        yield f"--array={array}"
        if before is not None:
            yield f"--dependency=afterany:{before}"
        yield "--requeue"
        yield "--open-mode=append"
        for name in _OPTIONS:
            if self._options.get(name) is not None:
                yield f"--{name.replace('_', '-')}={self._options[name]}"
        for option in self._options.get("sbatch") or []:
            yield option if option.startswith("-") else f"--{option}"

    def states(self) -> list[WorkerState]:
        """Ask ``squeue`` once for the workers that wait or run; what it does not know has ended."""
        jobs = {
            str(entry.get("job")): int(entry["tasks"])
            for entry in submitted.noted(self._folder, "slurm")
        }
        if not jobs:
            return []
        words = ["squeue", "--noheader", "--array", f"--user={os.getuid()}", "--format=%F|%K|%T|%r"]
        found: list[WorkerState] = []
        for line in _ask(words, self._folder.id).splitlines():
            job, task, state, reason = (*line.split("|", 3), "", "", "")[:4]
            if job in jobs:
                is_waiting = state in _WAITS
                detail = reason if is_waiting and reason not in ("None", "Priority") else ""
                found.append(
                    WorkerState(f"{job}_{task}", WAITING if is_waiting else RUNNING, detail)
                )
        ended = sum(jobs.values()) - len(found)
        return [*found, *[WorkerState("", ENDED)] * max(0, ended)]

    def drain(self) -> None:
        """Cancel what waits; what runs sees that the sweep was stopped."""
        self._cancel("--state=PENDING")

    def cancel(self) -> None:
        """Cancel the jobs: Slurm ends the workers, which end their runs and return the points back."""
        self._cancel()

    def _cancel(self, *options: str) -> None:
        jobs = [str(entry.get("job")) for entry in submitted.noted(self._folder, "slurm")]
        alive = {one.name.partition("_")[0] for one in self.states() if one.state != ENDED}
        if wanted := [job for job in jobs if job in alive]:
            _ask(["scancel", *options, *wanted], self._folder.id)


def _chunks(tasks: int, largest: int) -> Iterator[int]:
    """Divide tasks into arrays, each from index 0 on: the limit is on the index."""
    while tasks > 0:
        yield min(tasks, largest)
        tasks -= largest


def limits() -> tuple[int, int | None]:
    """Return how long an array may be, and how many more jobs we may submit (None: not limited)."""
    config = _ask(["scontrol", "show", "config"], "ID")
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", config, re.MULTILINE)
    largest = max(1, int(found[1]) if found else _DEFAULT_ARRAY)
    try:
        answer = _ask(
            ["sacctmgr", "--noheader", "--parsable2", "show", "associations",
             f"user={_user()}", "format=MaxSubmitJobs,GrpSubmitJobs"], "ID",
        )  # fmt: skip
        numbers = [int(word) for word in re.split(r"[|\s]+", answer) if word.isdecimal()]
    except MeticulousError:
        numbers = []  # no accounting: no limit there
    if not numbers:
        return largest, None
    queued = _ask(["squeue", "--noheader", "--array", f"--user={os.getuid()}", "--format=%i"], "ID")
    return largest, max(0, min(numbers) - len(queued.splitlines()))


def end_of_job(environ: Mapping[str, str]) -> float:
    """Return when the job that we are in will be ended, in seconds since 1970; infinity for never.

    Newer versions of Slurm say so in a variable; others are asked, once for each worker.
    """
    told = environ.get("SLURM_JOB_END_TIME", "")
    if told.isdecimal():
        return float(told)
    try:
        words = ["squeue", "--noheader", f"--jobs={environ['SLURM_JOB_ID']}", "--format=%e"]
        return datetime.fromisoformat(_ask(words, "ID").strip()).timestamp()
    except (MeticulousError, ValueError):
        return float("inf")


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` without what tells of a job that we may be in: the new one is another."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(("SLURM_", "SLURMD_", "PMI_", "PMIX_")) or name in _KEPT
    }


_KEPT = ("SLURM_CONF", "SLURM_CLUSTERS", "SLURM_TIME_FORMAT", "SLURM_CONF_SERVER")


def _ask(words: Sequence[str], sweep: str) -> str:
    """Run a program of Slurm and return what it prints. Raises MeticulousError where it refuses."""
    try:
        done = subprocess.run(
            words,
            env=environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_PATIENCE_S,
        )
    except FileNotFoundError:
        raise MeticulousError(f"there is no {words[0]} in PATH", _HINT.format(id=sweep)) from None
    except subprocess.TimeoutExpired:
        message = f"{words[0]} has not answered for {_PATIENCE_S:.0f} s"
        raise MeticulousError(message, "Is the controller of Slurm up? Try again later") from None
    except OSError as error:
        raise MeticulousError(f"cannot run {words[0]}: {error.strerror}") from None
    if done.returncode:
        text = " ".join(line.strip() for line in done.stderr.splitlines() if line.strip())
        text = text.replace(f"{words[0]}: error: ", "")
        message = f"{words[0]} refused: {text or f'exit code {done.returncode}'}"
        raise MeticulousError(
            message, f"`meticulous sweep resume {sweep}` goes on, with other options or --local"
        )
    return done.stdout
