"""The earlier runs of the same command and code: to go on with, or because of which none is needed.

The arguments of a command are known only when the program has parsed them, so before its start a run
is the same that has the same command line, the same directory in the project, and the same code. A
script that records itself knows its arguments, and compares those.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from meticulous import runfolder
from meticulous.child.helper import to_strict
from meticulous.errors import RunFolderError
from meticulous.masking import mask_command, mask_value
from meticulous.recording import record as recording
from meticulous.recording.metadata import cwd_within
from meticulous.recording.plan import RunPlan
from meticulous.recording.record import RunRecord
from meticulous.recording.resume import go_on
from meticulous.runfolder import RunFolder, keys
from meticulous.runfolder.directory import run_ids
from meticulous.settings import RunSettings

__all__ = ["argument_differences", "newest_first", "requeued", "resumed", "succeeded"]

_NAMED = 5
"""How many arguments are named that differ."""


def resumed(plan: RunPlan, say: Callable[[str], None]) -> RunRecord | None:
    """Return the record of the run that is resumed; None where a new one is to be made."""
    settings, code, command = plan.settings, plan.code, plan.command
    is_given = settings.experiment_id is not None
    return go_on(
        settings,
        code,
        () if is_given else plan.earlier(settings.experiments_directory, plan.sha, False),
        lambda _, metadata: _differences(metadata, settings, command),
        lambda run: recording.resume(run, settings, code, command, say),
        is_success_final=True,
    )


def requeued(
    plan: RunPlan, say: Callable[[str], None], environ: Mapping[str, str] = os.environ
) -> RunRecord | None:
    """Return the record of the run that this job was at when Slurm took its nodes away.

    None where it has none that is the same and did not succeed. That Slurm has started the job
    again says that no process of the run is left, on whatever machine it was.
    """
    settings, code, command = plan.settings, plan.code, plan.command
    directory, given = settings.experiments_directory, settings.experiment_id
    restart = environ["SLURM_RESTART_COUNT"]

    def differences(_: RunFolder, metadata: Mapping[str, Any]) -> str:
        ids = metadata.get(keys.SCHEDULER) or {}
        before = str(ids.get("SLURM_RESTART_COUNT", "0"))
        is_before = before.isdecimal() and restart.isdecimal() and int(before) < int(restart)
        if ids.get("SLURM_JOB_ID") != environ.get("SLURM_JOB_ID") or not is_before:
            return "it is not of this job before it was requeued"
        return _differences(metadata, settings, command)

    record = go_on(
        settings._replace(experiment_id=None),
        code,
        [given] if given else plan.earlier(directory, plan.sha, False),
        differences,
        lambda run: recording.resume(run, settings, code, command, say),
        is_success_final=True,
        are_over=True,
    )
    if record is not None and record.metadata[keys.ATTEMPTS]:
        last = record.metadata[keys.ATTEMPTS][-1]
        why = f"the job was requeued (restart {restart})"
        last["reason"] = f"{last['reason']}; {why}" if last["reason"] else why
        if last["status"] == runfolder.RUNNING:
            last["status"] = runfolder.LOST
        record.update({})
    return record


def succeeded(plan: RunPlan) -> RunFolder | None:
    """Return the newest run that has done the same with SUCCESS.

    What had uncommitted changes that nobody kept was perhaps not the same.
    """
    code, settings = plan.code, plan.settings
    if code is None or (code.dirty and code.snapshot is None):
        return None
    for name in plan.earlier(settings.experiments_directory, code.sha, True):
        run = RunFolder(os.path.join(settings.experiments_directory, name))
        try:
            metadata = run.read_metadata()
            is_same = (
                run.read_status()[0] == runfolder.SUCCESS
                and metadata.get(keys.GITHEAD_SHA) == code.sha
                and metadata.get(keys.SNAPSHOT_SHA) == code.snapshot
                and (not metadata.get(keys.DIRTY) or code.snapshot is not None)
                and not _differences(metadata, settings, plan.command)
            )
        except RunFolderError:
            continue
        if is_same:
            return run
    return None


def _differences(metadata: Mapping[str, Any], settings: RunSettings, command: list[str]) -> str:
    """Say what differs of the command, as it is recorded; empty where nothing does."""
    recorded = metadata.get(keys.COMMAND)
    if recorded != mask_command(command):
        shown = shlex.join(map(str, recorded)) if isinstance(recorded, list) else repr(recorded)
        return f"the command was {shown}"
    here = cwd_within(settings)
    if metadata.get(keys.CWD) != here:
        return f"it was started in {metadata.get(keys.CWD)}, and now in {here}"
    return ""


def newest_first(experiments_directory: str) -> Iterable[str]:
    """Return the ids of all runs, the newest first."""
    try:
        return reversed(run_ids(experiments_directory))
    except OSError:
        return ()


def argument_differences(args: Mapping[str, Any]) -> Callable[[RunFolder, Mapping[str, Any]], str]:
    """Return a function that says which of `args` differ from a run's, and how."""
    masked = {name: mask_value(name, value) for name, value in args.items()}  # as recorded

    def from_run(run: RunFolder, _metadata: Mapping[str, Any]) -> str:
        return _named_differences(run.read_json(runfolder.ARGS), masked)

    return from_run


def _named_differences(recorded: Mapping[str, Any], args: Mapping[str, Any]) -> str:
    """Say which names differ, and how; empty where none does."""
    parts = []
    for name in dict.fromkeys([*recorded, *args]):
        if name not in args:
            parts.append(f"{name} was {recorded[name]!r} and is not given")
        elif name not in recorded:
            parts.append(f"{name} is {args[name]!r} and was not given")
        elif _canonical(recorded[name]) != _canonical(args[name]):
            parts.append(f"{name} was {recorded[name]!r} and is {args[name]!r}")
    more = [f"and {len(parts) - _NAMED} more"] if len(parts) > _NAMED else []
    return "; ".join([*parts[:_NAMED], *more])


def _canonical(value: Any) -> str:
    """Return a text that is the same for the same JSON value; NaN is the same as itself here."""
    return json.dumps(to_strict(value), sort_keys=True)
