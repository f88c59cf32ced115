"""The launcher of a rerun: a process of its own, in the directory of the code as it was.

What it is to do comes as JSON in its one argument; how the code was is known, not asked of git, as
the work tree is at the commit of a snapshot.
"""

from __future__ import annotations

import json
import os
import sys

from meticulous import git
from meticulous.errors import NOT_RECORDED, MeticulousError
from meticulous.git import CodeState, ModuleSnapshot, Snapshot
from meticulous.recording.record import code_state
from meticulous.runfolder import keys
from meticulous.runner.launch import launch
from meticulous.settings import RunSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

__all__ = ["START", "main"]

START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from meticulous.reproduce.relaunch_entry import main; main(sys.argv[1])"
)
"""For ``python -I -S -c``, with the ``sys.path`` to use and the plan as arguments: nothing that
lies in the current directory is imported in our place."""


def main(plan: str) -> NoReturn:
    """Launch the command of the JSON object `plan`, and end as it did."""
    given = json.loads(plan)
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given["settings"].items()
    }
    settings, known = RunSettings(**values), given["code"]
    try:
        code = launch(
            given["command"],
            settings,
            lambda *_: [],
            lambda settings: _as_it_was(settings, known) if known else code_state(settings),
        )
    except MeticulousError as error:
        print(f"meticulous: {error}", file=sys.stderr)
        code = NOT_RECORDED if error.exit_code is None else error.exit_code
    sys.stderr.flush()
    os._exit(code)


def _as_it_was(settings: RunSettings, known: dict[str, Any]) -> CodeState:
    """Return the state of the code that the first run had recorded.

    `known` has its ``metadata``, the names of the ``changes``, the files of the ``patches``, and
    the ``links`` in the work tree, which are not files of the run's own.
    """
    assert settings.repository is not None
    metadata = known["metadata"]
    state = git.capture(settings.repository)
    state = state._replace(
        untracked=tuple(name for name in state.untracked if name not in known["links"]),
        sha=metadata[keys.GITHEAD_SHA],
        message=metadata.get(keys.GITHEAD_MESSAGE) or "",
        branch=metadata.get(keys.BRANCH),
        changes=tuple(known["changes"]),
    )
    if not metadata.get(keys.SNAPSHOT_SHA):
        return state
    patches = {}
    for path, name in known["patches"].items():
        with open(name, "rb") as file:
            patches[path] = file.read()
    modules = tuple(
        ModuleSnapshot(module["path"], module[keys.GITHEAD_SHA], module[keys.SNAPSHOT_SHA])
        for module in metadata.get(keys.SNAPSHOT_SUBMODULES) or []
    )
    left_out = tuple(
        (one["path"], one["reason"]) for one in metadata.get(keys.SNAPSHOT_LEFT_OUT) or []
    )
    return state._replace(kept=Snapshot(metadata[keys.SNAPSHOT_SHA], patches, left_out, modules))
