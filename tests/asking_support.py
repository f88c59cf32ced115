"""Run folders for tests and benchmarks, written as the recorder writes them."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import Any

from meticulous import runfolder
from meticulous.runfolder import RunFolder

__all__ = ["FIRST", "make_run"]

FIRST = datetime(2026, 1, 5, 9, 0, tzinfo=timezone.utc)
"""When the run 1 starts; each next one starts a minute later."""


def make_run(
    directory: str | os.PathLike[str],
    run_id: int | str,
    args: dict[str, Any] | None = None,
    summary: dict[str, Any] | None = None,
    *,
    default_args: dict[str, Any] | None = None,
    status: str = runfolder.SUCCESS,
    message: str = "",
    minute: float | None = None,
    wall: float = 12.5,
    **metadata: Any,
) -> RunFolder:
    """Write the folder of a finished run (or a RUNNING one); extra names go into metadata.json."""
    folder = RunFolder(os.path.join(os.fspath(directory), str(run_id)))
    os.makedirs(folder.path)
    if minute is None:
        minute = run_id if isinstance(run_id, int) else 0
    start = FIRST + timedelta(minutes=minute)
    record: dict[str, Any] = {
        "format": runfolder.FORMAT,
        "githead-sha": "970d8ad001f5d42a9ecaa5e3791765d65e02292a",
        "githead-message": "Explicitly close stdout and stderr\n",
        "description": "",
        "tags": [],
        "command": ["python", "train.py"],
        "timestamp": start.isoformat(),
        "start-time": start.isoformat(),
    }
    if status != runfolder.RUNNING:
        record["end-time"] = (start + timedelta(seconds=wall)).isoformat()
        record["usage"] = {"wall": wall, "user": wall / 2, "system": 0.25, "peak_memory": 64 << 20}
        record["exit-code"] = 0 if status == runfolder.SUCCESS else 1
    folder.write_json(runfolder.METADATA, {**record, **metadata_names(metadata)})
    folder.write_json(runfolder.ARGS, args or {})
    folder.write_json(runfolder.DEFAULT_ARGS, default_args or {})
    if summary is not None:
        folder.write_json(runfolder.SUMMARY, summary)
    folder.write_status(status, message)
    return folder


def metadata_names(given: dict[str, Any]) -> dict[str, Any]:
    """Write ``boot_id`` as ``boot-id``: keyword arguments cannot hold the dash."""
    return {name.replace("_", "-"): value for name, value in given.items()}
