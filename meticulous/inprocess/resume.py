"""Which run an experiment can go on with: same arguments, same commit, not running now."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from meticulous import liveness, runfolder
from meticulous.codestate import CodeState
from meticulous.errors import MismatchedArgsError, MismatchedCommitError, RunFolderError
from meticulous.helper import to_strict
from meticulous.masking import mask_value
from meticulous.runfolder import RunFolder, store
from meticulous.settings import RunSettings

__all__ = ["find"]

_NAMED = 5


def find(
    settings: RunSettings, code: CodeState | None, args: Mapping[str, Any]
) -> RunFolder | None:
    """Give the run to resume; None where there is none, so that a new one is to be made.

    With an id in the settings it is that run or none: MismatchedArgsError and
    MismatchedCommitError say what differs. Without an id it is the newest that fits.
    """
    sha = code.sha if code else None
    args = {name: mask_value(name, value) for name, value in args.items()}  # as they are recorded
    directory = settings.experiments_directory
    if settings.experiment_id is not None:
        run = RunFolder(os.path.join(directory, settings.experiment_id))
        if not os.path.isdir(run.path):
            return None
        _check(run, sha, args)
        return run
    try:
        names = store.run_ids(directory)
    except OSError:
        return None
    runs = (RunFolder(os.path.join(directory, name)) for name in reversed(names))
    return next((run for run in runs if _fits(run, sha, args)), None)


def _fits(run: RunFolder, sha: str | None, args: Mapping[str, Any]) -> bool:
    try:
        metadata = run.read_metadata()
        return (
            bool(metadata)
            and metadata.get("githead-sha") == sha
            and _canonical(run.read_json(runfolder.ARGS)) == _canonical(args)
            and not _is_running(run, metadata)
        )
    except RunFolderError:
        return False  # one that cannot be read cannot be resumed either


def _check(run: RunFolder, sha: str | None, args: Mapping[str, Any]) -> None:
    metadata = run.read_metadata()
    recorded = metadata.get("githead-sha")
    if recorded != sha:
        raise MismatchedCommitError(
            f"experiment {run.id} was recorded at commit {_short(recorded)}, "
            f"and the code is now at {_short(sha)}",
            "Check out that commit, or give another --experiment-id, or none",
        )
    differences = _differences(run.read_json(runfolder.ARGS), args)
    if differences:
        raise MismatchedArgsError(
            f"experiment {run.id} was recorded with other arguments: {differences}",
            "Give the same arguments, or another --experiment-id, or none",
        )
    if _is_running(run, metadata):
        message = f"experiment {run.id} is running (process {metadata.get('pid')})"
        raise RunFolderError(message, "Wait for its end, or give another --experiment-id, or none")


def _is_running(run: RunFolder, metadata: Mapping[str, Any]) -> bool:
    state, _ = run.read_status()
    return state == runfolder.RUNNING and liveness.judge(metadata, run.path)[0] == state


def _differences(recorded: Mapping[str, Any], args: Mapping[str, Any]) -> str:
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
    """Give a text that is the same for the same JSON value; NaN is the same as itself here."""
    return json.dumps(to_strict(value), sort_keys=True)


def _short(sha: str | None) -> str:
    return sha[:7] if sha else "none (no repository)"
