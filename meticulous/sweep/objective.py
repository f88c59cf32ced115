"""The value that a sweep is about: one column of its runs, to be as small or as large as can be."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from typing import Any

from meticulous import runfolder
from meticulous.errors import RunFolderError
from meticulous.query import rows
from meticulous.runfolder import RunFolder, keys
from meticulous.runfolder.directory import highest_number
from meticulous.sweep.folder import SweepFolder
from meticulous.sweep.state import Outcome

__all__ = ["better", "columns", "metric_of", "series", "value_of", "with_value"]

_LOOKED_AT = 200


def with_value(folder: SweepFolder, run: RunFolder, outcome: Outcome) -> Outcome:
    """Return `outcome` with the value of the sweep's objective, if it has one and the run too."""
    name = folder.specification.get("objective")
    if not name:
        return outcome
    value = value_of(run, str(name))
    return outcome if value is None else outcome._replace(value=value)


def value_of(run: RunFolder, column: str) -> float | None:
    """Return the number that `run` has in `column`; None where it has none.

    A script that records itself has it in its own run, within this one.
    """
    value = _own_value(run, column)
    if value is None:
        found = (_own_value(inner, column) for inner in _inner(run))
        value = next((one for one in found if one is not None), None)
    return value


def _own_value(run: RunFolder, column: str) -> float | None:
    try:
        row: dict[str, Any] = rows.read_row(run) or {}
    except RunFolderError:
        return None
    value = row.get(column)
    if value is None and column.startswith("metrics_"):
        value = _of_series(run, column.removeprefix("metrics_"))
    if not isinstance(value, (int, float)) or isinstance(value, bool) or math.isnan(value):
        return None
    return float(value)


def _inner(run: RunFolder) -> Iterator[RunFolder]:
    """Iterate over the runs that were recorded within `run`: their numbers come after its own."""
    directory = os.path.dirname(os.path.abspath(run.path))
    if not run.id.isdecimal():
        return
    first = int(run.id) + 1
    for number in range(first, min(highest_number(directory) + 1, first + _LOOKED_AT)):
        inner = RunFolder(os.path.join(directory, str(number)))
        try:
            if inner.read_metadata().get(keys.PARENT) == run.id:
                yield inner
        except RunFolderError:
            continue


def columns(run: RunFolder) -> list[str]:
    """List the columns of results that a run has, or those within it."""
    found: dict[str, None] = {}
    for one in (run, *_inner(run)):
        try:
            names = rows.read_row(one) or {}
        except RunFolderError:
            continue
        found.update(dict.fromkeys(name for name in names if name.startswith("summary_")))
    return list(found)


def _of_series(run: RunFolder, name: str) -> float | None:
    """Return the last, least or largest value of a series: ``loss``, ``loss_min``, ``loss_max``."""
    for ending, choose in _CHOICES.items():
        found, _ = series(run, name.removesuffix(ending)) if name.endswith(ending) else ([], 0)
        if found:
            return float(choose([value for _, value in found]))
    return None


def _last(values: list[float]) -> float:
    return values[-1]


_CHOICES: dict[str, Callable[[list[float]], float]] = {
    "": _last,
    "_last": _last,
    "_min": min,
    "_max": max,
}


def series(run: RunFolder, name: str, start: int = 0) -> tuple[list[tuple[int, float]], int]:
    """Read the series `name` of a run from byte `start` on: (step, value) each, and where it ends."""
    found = []
    try:
        with open(run.file(runfolder.METRICS), "rb") as file:
            file.seek(start)
            content = file.read()
    except OSError:
        return [], start
    whole = content[: content.rfind(b"\n") + 1]
    for line in whole.splitlines():
        try:
            entry = json.loads(line)
            value, step = entry.get(name), entry.get("step")
        except (ValueError, AttributeError):
            continue
        if isinstance(value, (int, float)) and isinstance(step, int):
            found.append((step, float(value)))
    return found, start + len(whole)


def metric_of(column: str) -> str:
    """Return the name of the series that belongs to a column: ``val_loss`` of ``summary_val_loss``."""
    name = column.removeprefix("summary_").removeprefix("metrics_")
    for ending in ("_min", "_max", "_last"):
        if column.startswith("metrics_"):
            name = name.removesuffix(ending)
    return name


def better(direction: str, one: float, other: float) -> bool:
    """Return whether `one` is better than `other`."""
    return one > other if direction == "maximize" else one < other
