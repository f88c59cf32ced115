"""The earlier runs of the same command and code: to go on with, or because of which none is needed.

The arguments are known only when the program has parsed them, so before its start a run is the same
that has the same command line, the same directory in the project, and the same code.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from meticulous import recording, runfolder
from meticulous.codestate import CodeState
from meticulous.errors import RunFolderError
from meticulous.masking import mask_command
from meticulous.recording import Record, cwd_within
from meticulous.resuming import go_on
from meticulous.runfolder import RunFolder
from meticulous.settings import RunSettings

__all__ = ["Earlier", "resumed", "succeeded"]

Earlier = Callable[[str, str | None, bool], Iterable[str]]
"""(experiments directory, commit, whether it has succeeded) -> ids of runs, the newest first."""


def resumed(
    settings: RunSettings,
    code: CodeState | None,
    command: list[str],
    earlier: Earlier,
    say: Callable[[str], None],
) -> Record | None:
    """Give the record of the run that is resumed; None where a new one is to be made."""
    directory = settings.experiments_directory
    is_given = settings.experiment_id is not None
    return go_on(
        settings,
        code,
        () if is_given else earlier(directory, code.sha if code else None, False),
        lambda _, metadata: _differences(metadata, settings, command),
        lambda run: recording.resume(run, settings, code, command, say),
        is_success_final=True,
    )


def succeeded(
    settings: RunSettings, code: CodeState | None, command: list[str], earlier: Earlier
) -> RunFolder | None:
    """Give the newest run that has done the same with SUCCESS.

    What had uncommitted changes that nobody kept was perhaps not the same.
    """
    if code is None or (code.dirty and code.snapshot is None):
        return None
    for name in earlier(settings.experiments_directory, code.sha, True):
        run = RunFolder(os.path.join(settings.experiments_directory, name))
        try:
            metadata = run.read_metadata()
            is_same = (
                run.read_status()[0] == runfolder.SUCCESS
                and metadata.get("githead-sha") == code.sha
                and metadata.get("snapshot-sha") == code.snapshot
                and (not metadata.get("dirty") or code.snapshot is not None)
                and not _differences(metadata, settings, command)
            )
        except RunFolderError:
            continue
        if is_same:
            return run
    return None


def _differences(metadata: Mapping[str, Any], settings: RunSettings, command: list[str]) -> str:
    """Say what differs of the command, as it is recorded; empty where nothing does."""
    recorded = metadata.get("command")
    if recorded != mask_command(command):
        shown = shlex.join(map(str, recorded)) if isinstance(recorded, list) else repr(recorded)
        return f"the command was {shown}"
    here = cwd_within(settings.project_directory)
    if metadata.get("cwd") != here:
        return f"it was started in {metadata.get('cwd')}, and now in {here}"
    return ""
