"""The process of one point: ``meticulous run``, with the code known and the claim told of it.

It is started with as little as possible to import. Its one argument is a JSON object, see
:func:`main`; what the worker and others must know stands in the file of the claim.
"""

from __future__ import annotations

import json
import os

from meticulous.base.process_id import start_time
from meticulous.errors import NOT_RECORDED, MeticulousError
from meticulous.git import CodeState, ModuleSnapshot, Snapshot
from meticulous.recording.record import code_state
from meticulous.runfolder import keys
from meticulous.runner.launch import launch
from meticulous.settings import RunSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

__all__ = ["START", "TAKEN", "known_code", "main"]

START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from meticulous.sweep.start import main; main(sys.argv[1])"
)
"""For ``python -I -S -c``, with the ``sys.path`` to use and the plan as arguments."""
TAKEN = 75
"""The exit code where the try is not ours any more: somebody took the worker for dead."""


def main(plan: str) -> NoReturn:
    """Launch the command of the JSON object `plan`, and end as it did.

    It has the ``command``, the ``cwd``, ``variables`` of the environment, the ``settings`` of the
    run, the file with the ``code`` (None: the present tree), the file of the ``claim``, and that
    of the ``next`` try.
    """
    given = json.loads(plan)
    pid = os.getpid()
    _note(given["claim"], {"run-pid": pid, "run-pid-start-time": start_time(pid)})
    if os.path.exists(given["next"]):
        # Who takes over makes that file first and looks for our line then: one of us sees the other.
        os._exit(TAKEN)
    os.environ.update(given["variables"])
    try:
        os.chdir(given["cwd"])
    except OSError as error:
        _note(given["claim"], {"refused": f"cannot change into {given['cwd']}: {error.strerror}"})
        os._exit(NOT_RECORDED)
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given["settings"].items()
    }
    try:
        code = launch(
            given["command"],
            RunSettings(**values),
            lambda *_: [],
            lambda settings: known_code(settings, given["code"]),
            lambda record, _: _note(given["claim"], {"run": record.run.id}),
        )
    except MeticulousError as error:
        _note(given["claim"], {"refused": str(error)})
        code = error.exit_code or NOT_RECORDED
    os._exit(code)


def _note(claim: str, entry: dict[str, Any]) -> None:
    """Add a line to the file of the claim; trouble with it must not stop the run."""
    try:
        descriptor = os.open(claim, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, json.dumps(entry).encode() + b"\n")
        finally:
            os.close(descriptor)
    except OSError:
        pass


def known_code(settings: RunSettings, path: str | None) -> CodeState | None:
    """Return the state of the code: that of the sweep's start, or of the present tree."""
    if path is None:
        return code_state(settings)
    with open(path, encoding="utf-8") as file:
        known = json.load(file)
    assert settings.repository is not None
    metadata = known["metadata"]
    state = CodeState(
        settings.repository,
        metadata[keys.GITHEAD_SHA],
        metadata.get(keys.GITHEAD_MESSAGE) or "",
        metadata.get(keys.BRANCH),
        tuple(known["changes"]),
        tuple(known["untracked"]),
        known.get("untracked-left-out", 0),
        known.get("remote"),
    )
    kept = known.get("kept")
    if not kept:
        return state
    patches = {}
    for name, place in kept["patches"].items():
        with open(os.path.join(os.path.dirname(path), place), "rb") as patch:
            patches[name] = patch.read()
    modules = tuple(ModuleSnapshot(*module) for module in kept["modules"])
    left_out = tuple((one[0], one[1]) for one in kept["left-out"])
    return state._replace(kept=Snapshot(kept["sha"], patches, left_out, modules))
