"""Workers as tasks of Dask: any cluster that has a scheduler's address.

A task starts the same worker as everywhere, as a process, and waits for it. Dask cannot end what a
task has started, so cancelling is said through the folder: every worker looks there.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from typing import Any

from meticulous.errors import MeticulousError
from meticulous.sweep import stopping
from meticulous.sweep.engines import ENDED, RUNNING, WAITING, WorkerState, submitted, worker_command
from meticulous.sweep.folder import SweepFolder

__all__ = ["DaskEngine", "check", "run_on_dask", "work"]

_LOCAL = "local"
_PATIENCE_S = 10
_STATES = {"processing": RUNNING, "queued": WAITING, "no-worker": WAITING, "waiting": WAITING}


def check() -> Any:
    """Return Dask's client. Raises MeticulousError where it is not installed."""
    try:
        from distributed import Client
    except ImportError as error:
        hint = "Install it with `pip install 'meticulous[dask]'`"
        raise MeticulousError("Dask's `distributed` is not installed", hint) from error
    return Client


def work(path: str, *, again_only: bool = False) -> int:
    """Be a worker of the sweep at `path`, in a process of its own; this runs in a worker of Dask."""
    line = worker_command(path, parent=os.getpid(), again_only=again_only)
    with open(os.path.join(path, "workers.log"), "ab") as log:
        return subprocess.call(line, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def run_on_dask(
    folder: SweepFolder, options: dict[str, Any], *, again_only: bool
) -> tuple[DaskEngine, int]:
    """Return the engine for the scheduler in `options`, and how many workers to start."""
    jobs = options.get("jobs")
    engine = DaskEngine(folder, str(options["dask"]), again_only=again_only, size=jobs or 1)
    return engine, jobs or engine.room()


class DaskEngine:
    """Workers on the scheduler at `address`; ``local`` starts a cluster of `size` here."""

    name = "dask"
    is_watched = True

    def __init__(
        self, folder: SweepFolder, address: str, *, again_only: bool = False, size: int = 1
    ) -> None:
        self._folder, self._address, self._size = folder, address, size
        self._again_only = again_only
        self._client: Any = None
        self._futures: dict[str, Any] = {}
        self._keys: list[str] = [
            str(key) for entry in submitted.noted(folder, "dask") for key in entry.get("keys") or ()
        ]

    @property
    def client(self) -> Any:
        """The connection. Raises MeticulousError where nothing answers."""
        if self._client is None:
            make = check()
            _silence()
            try:
                if self._address == _LOCAL:
                    self._client = make(
                        n_workers=self._size, threads_per_worker=1, dashboard_address=None
                    )
                else:
                    self._client = make(self._address, timeout=_PATIENCE_S)
            except (OSError, ValueError, RuntimeError) as error:  # TimeoutError is an OSError
                hint = "Is it up, and the address right? `meticulous sweep resume` has --local and --dask"
                message = f"no Dask scheduler answers at {self._address}: {error}"
                raise MeticulousError(message, hint) from None
        return self._client

    def room(self) -> int:
        """Return how many tasks the cluster runs at once."""
        return max(1, int(sum(self.client.nthreads().values())))

    def start(self, count: int) -> None:
        """Submit `count` workers."""
        import distributed

        client = self.client
        keys = [f"meticulous-sweep-{self._folder.id}-{uuid.uuid4().hex[:12]}" for _ in range(count)]
        for key in keys:
            self._futures[key] = client.submit(
                work, self._folder.path, again_only=self._again_only, key=key, pure=False
            )
        if self._address != _LOCAL:  # they outlive us
            forget: Any = distributed.fire_and_forget
            forget(list(self._futures.values()))
        if self._address != _LOCAL:
            submitted.note(self._folder, {"engine": "dask", "address": self._address, "keys": keys})
        self._keys += keys

    def states(self) -> list[WorkerState]:
        """Ask the scheduler once. What it does not know has ended."""
        if not self._keys:
            return []
        if self._address == _LOCAL and self._client is None:
            return []  # it has ended with the command that has started it
        try:
            told = self.client.run_on_scheduler(_states_of, keys=self._keys)
        except (OSError, RuntimeError) as error:
            message = f"the Dask scheduler at {self._address} does not answer: {error}"
            raise MeticulousError(message, "The points of its workers can be resumed") from None
        return [WorkerState(key, self._state(key, told.get(key, ""))) for key in self._keys]

    def _state(self, key: str, told: str) -> str:
        """Return the state of a task: what we hold a future of may not have reached the scheduler."""
        future = self._futures.get(key)
        unknown = WAITING if future is not None and future.status == "pending" else ENDED
        return _STATES.get(told, unknown)

    def drain(self) -> None:
        """Have the workers end after the points that they run."""
        self._folder.stop("stopped by Ctrl-C")

    def cancel(self) -> None:
        """Have the workers end their runs."""
        self._folder.stop(stopping.NOW)

    def kill(self) -> None:
        """Let go of the scheduler; the workers see from the folder that they are to end."""
        self._folder.stop(stopping.NOW)
        self.close()

    def forget(self) -> None:
        """Forget the workers that have ended."""
        self._keys, self._futures = [], {}

    def trouble(self) -> str:
        """Return nothing: the workers write to the folder what they have to say."""
        self.close()
        return ""

    def close(self) -> None:
        """Close the connection, and the cluster where it is our own."""
        if self._client is not None:
            client, self._client = self._client, None
            try:
                client.close()
                if client.cluster is not None:
                    client.cluster.close()
            except (OSError, RuntimeError, TimeoutError):
                pass  # it is gone already


def _silence() -> None:
    """Keep what Dask's loops log of a connection that breaks off the terminal: we say it once."""
    import logging

    for name in ("distributed", "tornado", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _states_of(dask_scheduler: Any = None, keys: Any = ()) -> dict[str, str]:
    tasks = dask_scheduler.tasks
    return {key: tasks[key].state for key in keys if key in tasks}
