"""The environment variables of the command: those that we were given, and ours."""

from __future__ import annotations

import os

from meticulous.child.variables import ATTEMPT_VARIABLE, RANK_VARIABLE
from meticulous.recording.record import RUN_DIRECTORY_VARIABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["STARTUP", "for_command", "given"]

STARTUP = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "child", "startup"
)
"""Directory that is put on the PYTHONPATH of the command."""


def given() -> dict[str, str]:
    """Return the environment as we were given it.

    In the C locale Python adds LC_CTYPE to its own (PEP 538), where programs that it starts would
    find it: ``sort`` and ``ls`` would answer differently.
    """
    environ = {**os.environ}
    if environ.get("LC_CTYPE") in ("C.UTF-8", "C.utf8", "UTF-8"):
        try:
            with open("/proc/self/environ", "rb") as file:
                start = file.read()
        except OSError:
            return environ
        if b"\0LC_CTYPE=" not in b"\0" + start:
            del environ["LC_CTYPE"]
    return environ


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
) -> dict[str, str]:
    """Return the environment of a command that is recorded in `run_directory`.

    Args:
        run_directory: path of the run folder.
        attempt: which one of the run this is, from 1.
        variables: what a rank is told beside, or differently.
        has_shim: whether its Python is to report what it does.
    """
    environ = given()
    environ[RUN_DIRECTORY_VARIABLE] = os.path.abspath(run_directory)
    environ[ATTEMPT_VARIABLE] = str(attempt)
    environ.pop(RANK_VARIABLE, None)  # that of a run around this one
    environ.update(variables)
    environ = without_shim(environ)
    if has_shim:
        others = [environ["PYTHONPATH"]] if "PYTHONPATH" in environ else []
        environ["PYTHONPATH"] = os.pathsep.join([STARTUP, *others])
    return environ
