"""Is a run that says RUNNING still running? The one place that answers; nothing is written.

A recorder that was killed cannot change its STATUS. On the host and boot that the run was
started on, its process id and start time decide. From anywhere else its process cannot be seen,
and only a heartbeat that stopped long ago speaks against it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from meticulous.processes import boot_id, start_time
from meticulous.runfolder import LOST, RESOURCES, RUNNING

__all__ = ["HEARTBEAT_MARGIN_S", "judge"]

HEARTBEAT_MARGIN_S = 24 * 3600
"""A heartbeat elsewhere that is older than this is that of a lost run; clocks may differ."""

_START_TOLERANCE_S = 0.1


def judge(metadata: Mapping[str, Any], folder: str) -> tuple[str, str]:
    """Give (state, message) for a run whose STATUS on disk is RUNNING.

    Args:
        metadata: of the run; ``host``, ``boot-id``, ``pid`` and ``pid-start-time`` are looked at.
        folder: path of the run.

    The state is LOST only where that is certain, or nearly so for a run of another host. A run
    that says too little of itself (those of the original system) is believed.
    """
    host, pid = metadata.get("host"), metadata.get("pid")
    if host == this_host():
        if not isinstance(pid, int):
            return RUNNING, ""
        boot = metadata.get("boot-id")
        if boot and this_boot() and boot != this_boot():
            return LOST, "the machine was restarted"
        if _is_alive(pid, metadata.get("pid-start-time")):
            return RUNNING, ""
        return LOST, f"its recorder (process {pid}) is gone"
    beat = _heartbeat(folder) if host else None
    if beat is not None and time.time() - beat > HEARTBEAT_MARGIN_S:
        return LOST, f"no sign of life from {host} for more than a day"
    return RUNNING, ""


@cache
def this_host() -> str:
    """Give the name of this machine as the recorder writes it."""
    return os.uname().nodename


this_boot = cache(boot_id)


def _is_alive(pid: int, started: Any) -> bool:
    """Tell whether `pid` is a process that started at `started`, as the recorder writes it."""
    try:
        found = start_time(pid)
    except OSError:
        return _answers(pid)
    if found is None:
        return False
    return not isinstance(started, (int, float)) or abs(found - started) < _START_TOLERANCE_S


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's process
    return True


def _heartbeat(folder: str) -> float | None:
    try:
        return os.stat(os.path.join(folder, RESOURCES)).st_mtime
    except OSError:
        return None
