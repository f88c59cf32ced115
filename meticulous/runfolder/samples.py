"""Reading the samples of resource use in resources.jsonl."""

from __future__ import annotations

import json
from typing import Any

from meticulous.runfolder import RESOURCES, RunFolder
from meticulous.runfolder.files import read_end

__all__ = ["last_sample"]

_MOST_BYTES = 1 << 14
"""More than one line has, with many GPUs."""
_LARGEST = 1e18


def last_sample(run: RunFolder) -> dict[str, Any]:
    """Return the newest sample of `run`, empty if there is none; ``docs/resources.md`` has its keys.

    Only the end of the file is read. An incomplete or broken line is ignored.
    """
    try:
        lines = read_end(run.file(RESOURCES), _MOST_BYTES).split(b"\n")
    except OSError:
        return {}
    for line in reversed(lines[:-1]):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and _is_sound(found):
            return found
    return {}


def _is_sound(sample: dict[str, Any]) -> bool:
    """Return whether the values that are used in calculations are numbers, also those of the GPUs."""
    gpus = sample.get("gpus") or []
    if not (isinstance(gpus, list) and all(isinstance(gpu, dict) for gpu in gpus)):
        return False
    values = [sample.get(name) for name in ("cpu", "memory", "processes")]
    values += [gpu.get(name) for gpu in gpus for name in ("memory", "utilisation")]
    return all(
        value is None or (type(value) in (int, float) and -_LARGEST < value < _LARGEST)
        for value in values
    )
