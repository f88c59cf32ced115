"""The status of a run, as every command and export shows it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from meticulous.runfolder import RUNNING, STDERR, STDOUT, RunFolder, keys, liveness

__all__ = ["RunStatus", "shortened", "status_of"]


class RunStatus(NamedTuple):
    """`state` is RUNNING, SUCCESS, ERROR or LOST, or empty where there is no STATUS.

    `message` is the reason or the traceback; for a lost run it is the evidence. It may be empty.
    """

    state: str
    message: str = ""


def status_of(run: RunFolder) -> RunStatus:
    """Return the status of `run` as it stands now.

    A run that says RUNNING and whose recorder is gone is LOST. Raises RunFolderError if its STATUS, or
    the metadata if they are needed, cannot be read.
    """
    state, message = run.read_status()
    if state != RUNNING:
        return RunStatus(state, message)
    judged = liveness.examine(run.read_metadata(), run.path)
    if judged.state == RUNNING:
        return RunStatus(RUNNING, message)
    # A recorder that has ended, as it should, between our two looks is gone as well.
    state, message = run.read_status()
    return (
        RunStatus(judged.state, judged.message) if state == RUNNING else RunStatus(state, message)
    )


def shortened(run: RunFolder, metadata: Mapping[str, Any]) -> list[str]:
    """Say of each stream that is not as long as it was when the run ended, that it is not.

    So it is after a power cut on a disk that keeps no order, and where somebody has cut it.
    """
    found = []
    for name, size in (metadata.get(keys.BYTES) or {}).items():
        if name not in (STDOUT, STDERR) or not isinstance(size, int):
            continue
        try:
            length = os.lstat(run.file(name)).st_size
        except OSError:
            length = 0
        if length != size:
            found.append(f"{name} has {length:,} bytes, and had {size:,} when the run ended")
    return found
