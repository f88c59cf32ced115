"""Where workers run. The folder of the sweep is the truth: an engine holds only ids.

An engine starts workers, says their states and cancels them; it knows nothing of points.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import NamedTuple, Protocol

__all__ = ["ENDED", "RUNNING", "WAITING", "Engine", "Watched", "WorkerState", "worker_command"]

WAITING, RUNNING, ENDED = "waiting", "running", "ended"

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from meticulous.sweep.worker import main; sys.exit(main(**json.loads(sys.argv[1])))"
)


class WorkerState(NamedTuple):
    """A worker as its engine sees it: `state` is WAITING, RUNNING or ENDED."""

    name: str
    state: str
    detail: str = ""


class Engine(Protocol):
    """What runs workers."""

    name: str
    is_watched: bool
    """Whether its workers end with the command that has started them."""

    def start(self, count: int) -> None:
        """Start `count` workers. Raises MeticulousError where that is refused."""

    def states(self) -> Sequence[WorkerState]:
        """Return the states of the workers that were started, by one question at most."""

    def drain(self) -> None:
        """Have the workers start no more points."""

    def cancel(self) -> None:
        """Have the workers end their runs and return the points back."""


class Watched(Engine, Protocol):
    """An engine whose workers are followed by the command that has started them."""

    def kill(self) -> None:
        """End the workers and their runs at once."""

    def forget(self) -> None:
        """Forget the workers that have ended."""

    def trouble(self) -> str:
        """Return what workers that could not go on have said; let go of what was held."""


def worker_command(
    folder: str, *, most: int | None = None, parent: int | None = None, again_only: bool = False
) -> list[str]:
    """Return the command line of a worker: this Python, this meticulous, whatever the directory."""
    plan = {"path": folder, "most": most, "parent": parent, "again_only": again_only}
    return [sys.executable, "-I", "-S", "-c", _START, json.dumps(sys.path), json.dumps(plan)]
