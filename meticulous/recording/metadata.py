"""What ``metadata.json`` says when a run starts."""

from __future__ import annotations

import os

from meticulous import runfolder
from meticulous.base.process_id import boot_id, pid_namespace, start_time, user_name
from meticulous.child.helper import RUN_DIRECTORY_VARIABLE
from meticulous.git import CodeState
from meticulous.masking import mask_command, mask_text
from meticulous.recording import code as uncommitted
from meticulous.schedulers.job_ids import scheduler_ids
from meticulous.settings import RunSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["cwd_within", "first_metadata", "recorder"]


def first_metadata(
    settings: RunSettings,
    code: CodeState | None,
    command: Sequence[str],
    environ: Mapping[str, str],
    started: str,
) -> dict[str, Any]:
    """Return the metadata of a run that starts at `started`.

    `environ` tells of the run in which it is started, and of the scheduler.
    """
    metadata: dict[str, Any] = {
        "format": runfolder.FORMAT,
        "githead-sha": code.sha if code else None,
        "githead-message": mask_text(code.message) if code else None,
        "branch": code.branch if code else None,
        "dirty": code.dirty if code else None,
        "untracked": list(code.untracked) if code else [],
        "remote": mask_text(code.remote) if code and code.remote else None,
        **uncommitted.metadata(code),
        "description": settings.description,
        "tags": list(settings.tags),
        "command": mask_command(list(command)),
        "project": _project_within(settings),
        "cwd": cwd_within(settings),
        "timestamp": started,
        "start-time": started,
        "end-time": None,
        "exit-code": None,
        "signal": None,
        "reason": None,
        **recorder(),
        "parent": _parent(settings.experiments_directory, environ),
        **({"rerun-of": settings.rerun_of} if settings.rerun_of else {}),
        **({"sweep": settings.sweep} if settings.sweep else {}),
        "scheduler": scheduler_ids(environ),
        "attempts": [],
        "args-source": None,
        "args-given": [],
    }
    return metadata


def cwd_within(settings: RunSettings) -> str:
    """Return the current directory relative to the project, absolute where it is elsewhere.

    What is in its repository is not elsewhere: that directory is there again wherever the commit
    is checked out, so the run can be repeated in it.
    """
    here = os.getcwd()
    for top in (settings.project_directory, settings.repository):
        if top and os.path.relpath(here, top).split(os.sep)[0] != os.pardir:
            return os.path.relpath(here, settings.project_directory)
    return here


def _project_within(settings: RunSettings) -> str | None:
    """Return the project directory relative to the repository, mostly "."; None without one."""
    if settings.repository is None:
        return None
    return os.path.relpath(settings.project_directory, settings.repository)


def _parent(experiments_directory: str, environ: Mapping[str, str]) -> str | None:
    """Return the run in which this one was started: its id, or its path from our experiments."""
    outer = environ.get(RUN_DIRECTORY_VARIABLE)
    return os.path.relpath(outer, experiments_directory) if outer else None


def recorder() -> dict[str, Any]:
    """Say which process records: enough for a reader to tell later whether it still lives."""
    return {
        "host": os.uname().nodename,
        "boot-id": boot_id(),
        "pid": os.getpid(),
        "pid-start-time": start_time(os.getpid()),
        "pid-namespace": pid_namespace(),
        "user": user_name(),
    }
