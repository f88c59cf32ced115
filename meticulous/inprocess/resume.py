"""What an experiment compares of its arguments with those of an earlier run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from meticulous import runfolder
from meticulous.child.helper import to_strict
from meticulous.masking import mask_value
from meticulous.runfolder import RunFolder, directory

__all__ = ["differences", "newest_first"]

_NAMED = 5


def newest_first(experiments_directory: str) -> Iterable[str]:
    """Return the ids of all runs, the newest first."""
    try:
        return reversed(directory.run_ids(experiments_directory))
    except OSError:
        return ()


def differences(args: Mapping[str, Any]) -> Callable[[RunFolder, Mapping[str, Any]], str]:
    """Return a function that says which of `args` differ from a run's, and how."""
    masked = {name: mask_value(name, value) for name, value in args.items()}  # as recorded

    def from_run(run: RunFolder, _metadata: Mapping[str, Any]) -> str:
        return _differences(run.read_json(runfolder.ARGS), masked)

    return from_run


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
    """Return a text that is the same for the same JSON value; NaN is the same as itself here."""
    return json.dumps(to_strict(value), sort_keys=True)
