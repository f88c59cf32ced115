"""The environment variables of the command: those that we were given, and ours."""

from __future__ import annotations

import os

from meticulous.base import inherited
from meticulous.child.variables import ATTEMPT_VARIABLE, COLLECT_VARIABLE, RANK_VARIABLE
from meticulous.recording.record import RUN_DIRECTORY_VARIABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["STARTUP", "for_command", "without_shim"]

STARTUP = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "child", "startup"
)
"""Directory that is put on the PYTHONPATH of the command."""


def without_shim(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` as it is without what we put on the PYTHONPATH."""
    found = {**environ}
    inherited = found.pop("PYTHONPATH", "") or STARTUP
    # An empty entry stays: to Python it is the current directory.
    others = [entry for entry in inherited.split(os.pathsep) if entry != STARTUP]
    if others:
        found["PYTHONPATH"] = os.pathsep.join(others)
    return found


def for_command(
    run_directory: str,
    attempt: int,
    variables: Mapping[str, str],
    *,
    has_shim: bool,
    collects: bool = True,
) -> dict[str, str]:
    """Return the environment of a command that is recorded in `run_directory`.

    Args:
        run_directory: path of the run folder.
        attempt: which one of the run this is, from 1.
        variables: what a rank is told beside, or differently.
        has_shim: whether its Python is to report what it does.
        collects: whether it is to record what is logged to trackers.
    """
    environ = inherited.environment()
    environ[RUN_DIRECTORY_VARIABLE] = os.path.abspath(run_directory)
    environ[ATTEMPT_VARIABLE] = str(attempt)
    environ.pop(RANK_VARIABLE, None)  # that of a run around this one
    environ.update(variables)
    environ = without_shim(environ)
    if not collects:
        environ[COLLECT_VARIABLE] = "0"
    if has_shim:
        others = [environ["PYTHONPATH"]] if "PYTHONPATH" in environ else []
        environ["PYTHONPATH"] = os.pathsep.join([STARTUP, *others])
    return environ
