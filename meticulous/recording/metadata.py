"""What ``metadata.json`` says when a run starts."""

from __future__ import annotations

import os

from meticulous import runfolder
from meticulous.base.paths import leads_out
from meticulous.base.process_id import boot_id, pid_namespace, start_time, user_name
from meticulous.child.helper import RUN_DIRECTORY_VARIABLE
from meticulous.git import CodeState
from meticulous.masking import mask_command, mask_text
from meticulous.recording import code as uncommitted
from meticulous.runfolder import keys
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
        keys.FORMAT: runfolder.FORMAT,
        keys.GITHEAD_SHA: code.sha if code else None,
        keys.GITHEAD_MESSAGE: mask_text(code.message) if code else None,
        keys.BRANCH: code.branch if code else None,
        keys.DIRTY: code.dirty if code else None,
        keys.UNTRACKED: list(code.untracked) if code else [],
        keys.REMOTE: mask_text(code.remote) if code and code.remote else None,
        **uncommitted.metadata(code),
        keys.DESCRIPTION: settings.description,
        keys.TAGS: list(settings.tags),
        keys.COMMAND: mask_command(list(command)),
        keys.PROJECT: _project_within(settings),
        keys.CWD: cwd_within(settings),
        keys.TIMESTAMP: started,
        keys.START_TIME: started,
        keys.END_TIME: None,
        keys.EXIT_CODE: None,
        keys.SIGNAL: None,
        keys.REASON: None,
        **recorder(),
        keys.PARENT: _parent(settings.experiments_directory, environ),
        **({keys.RERUN_OF: settings.rerun_of} if settings.rerun_of else {}),
        **({"sweep": settings.sweep} if settings.sweep else {}),
        keys.SCHEDULER: scheduler_ids(environ),
        keys.ATTEMPTS: [],
        keys.ARGS_SOURCE: None,
        keys.ARGS_GIVEN: [],
    }
    return metadata


def cwd_within(settings: RunSettings) -> str:
    """Return the current directory relative to the project, absolute where it is elsewhere.

    What is in its repository is not elsewhere: that directory is there again wherever the commit
    is checked out, so the run can be repeated in it.
    """
    here = os.getcwd()
    for top in (settings.project_directory, settings.repository):
        if top and not leads_out(os.path.relpath(here, top)):
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
        keys.HOST: os.uname().nodename,
        keys.BOOT_ID: boot_id(),
        keys.PID: os.getpid(),
        keys.PID_START_TIME: start_time(os.getpid()),
        keys.PID_NAMESPACE: pid_namespace(),
        keys.USER: user_name(),
    }
