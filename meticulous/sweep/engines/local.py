"""Workers on this machine: processes of a session of their own, so that Ctrl-C is ours to give."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence

from meticulous.base.units import format_bytes
from meticulous.errors import MeticulousError, UsageError
from meticulous.sweep.engines import ENDED, RUNNING, WorkerState, worker_command
from meticulous.sweep.folder import SweepFolder

__all__ = ["LocalEngine", "gpus_of", "limited"]

_LOG = "workers.log"


class LocalEngine:
    """`jobs` workers, each with one of `gpus` if there are any."""

    name = "local"
    is_watched = True

    def __init__(
        self, folder: SweepFolder, gpus: Sequence[str] = (), *, again_only: bool = False
    ) -> None:
        self._folder, self._gpus, self._again_only = folder, gpus, again_only
        self._workers: list[subprocess.Popen[bytes]] = []
        self._seen = 0

    def start(self, count: int) -> None:
        """Start `count` workers."""
        line = worker_command(self._folder.path, parent=os.getpid(), again_only=self._again_only)
        with open(self._folder.file(_LOG), "ab") as log:
            self._seen = log.tell()
            for number in range(count):
                environ = dict(os.environ)
                if self._gpus:
                    environ["CUDA_VISIBLE_DEVICES"] = self._gpus[number % len(self._gpus)]
                self._workers.append(
                    subprocess.Popen(
                        line,
                        env=environ,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                )

    def states(self) -> list[WorkerState]:
        """Return the states of the workers."""
        found = []
        for worker in self._workers:
            code = worker.poll()
            state = RUNNING if code is None else ENDED
            found.append(WorkerState(str(worker.pid), state, str(code) if code else ""))
        return found

    def trouble(self) -> str:
        """Return what workers that could not go on have said."""
        if not any(worker.poll() for worker in self._workers):
            return ""
        try:
            with open(self._folder.file(_LOG), "rb") as log:
                log.seek(self._seen)
                lines = log.read().decode("utf-8", "replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1].removeprefix("meticulous: ") if lines else ""

    def forget(self) -> None:
        """Forget the workers that have ended."""
        self._workers = [worker for worker in self._workers if worker.poll() is None]

    def drain(self) -> None:
        """Have the workers end after the points that they run."""
        self._signal(signal.SIGUSR1)

    def cancel(self) -> None:
        """Have the workers end their runs."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the workers and all that they have started."""
        import psutil

        for worker in self._workers:
            if worker.poll() is not None:
                continue
            try:
                started = psutil.Process(worker.pid).children(recursive=True)
            except psutil.Error:
                started = []
            worker.kill()
            for process in started:
                try:
                    process.kill()
                except psutil.Error:
                    pass

    def _signal(self, number: int) -> None:
        for worker in self._workers:
            if worker.poll() is None:
                worker.send_signal(number)


def gpus_of(text: str | None) -> list[str]:
    """Read ``--gpus``: ``each`` stands for all that are visible. Raises UsageError."""
    if not text:
        return []
    if text != "each":
        found = [part.strip() for part in text.split(",")]
        if not all(found):
            raise UsageError(f"cannot understand --gpus {text}", "Write each, or 0,1,2,3")
        return found
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        found = [part for part in visible.split(",") if part and part != "-1"]
    else:
        found = _listed()
    if not found:
        raise MeticulousError("no GPU was found for --gpus each", "Name them: --gpus 0,1")
    return found


def _listed() -> list[str]:
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.split() if done.returncode == 0 else []


def limited(jobs: int | None, gpus: int, cpus_per_run: float | None, memory: int | None) -> int:
    """Return how many runs may go at once: as many as asked for, and as there is room for.

    Without `jobs` it is one, or one for each GPU, or what the limits leave room for. Raises
    UsageError where not even one fits.
    """
    limits = []
    if cpus_per_run:
        own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        limits.append(("processors", int((own or 1) / cpus_per_run), f"there are {own}"))
    if memory:
        import psutil

        free = psutil.virtual_memory().available
        limits.append(("memory", free // memory, f"{format_bytes(free)} are free"))
    for what, most, there in limits:
        if most < 1:
            raise UsageError(
                f"one run needs more {what} than this machine has: {there}", "Ask for less"
            )
    room = min((most for _, most, _ in limits), default=None)
    if jobs is None:
        jobs = gpus or room or 1
    return jobs if room is None else min(jobs, room)
