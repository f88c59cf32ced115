"""Ways to name runs on the command line -> ids of runs.

``12``, ``12-15``, ``12,14``, ``last``, ``last~2``, ``best:summary_val_loss`` (the lowest),
``best:-summary_val_acc`` (the highest), ``@tag``, and any id that was given by name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from meticulous.errors import RunFolderError, UsageError
from meticulous.reading import Row

__all__ = ["HELP", "select", "select_one"]

HELP = "12, 12-15, 12,14, last, last~1, best:COLUMN, best:-COLUMN, @TAG, or the name of a run"

_LAST = re.compile(r"last(?:~(\d+))?")
_RANGE = re.compile(r"(\d+)-(\d+)")


def select(selector: str, rows: Sequence[Row]) -> list[Row]:
    """Give the runs that `selector` names, each once, in the order named.

    Args:
        selector: as in the module's docstring.
        rows: all runs, in start order.

    Raises RunFolderError where it names a run that is not there, UsageError where it is no selector.
    """
    named = {str(row["expid"]): row for row in rows}
    chosen: dict[str, Row] = {}
    for part in selector.split(",") if selector not in named else [selector]:
        for row in _select_part(part.strip(), rows, named):
            chosen[str(row["expid"])] = row
    return list(chosen.values())


def select_one(selector: str, rows: Sequence[Row]) -> Row:
    """Give the one run that `selector` names; UsageError where it names several."""
    chosen = select(selector, rows)
    if len(chosen) != 1:
        ids = ", ".join(str(row["expid"]) for row in chosen[:5])
        raise UsageError(f"{selector} names {len(chosen)} runs: {ids}", "Name one run")
    return chosen[0]


def _select_part(part: str, rows: Sequence[Row], named: dict[str, Row]) -> list[Row]:
    if part in named:
        return [named[part]]
    if not rows:
        raise RunFolderError(
            f"there is no run {part}", "Record one with `meticulous run -- COMMAND`"
        )
    if match := _LAST.fullmatch(part):
        back = int(match[1] or 0)
        if back >= len(rows):
            raise RunFolderError(f"{part}: there are only {len(rows)} runs")
        return [rows[-1 - back]]
    if match := _RANGE.fullmatch(part):
        return _between(part, int(match[1]), int(match[2]), rows)
    if part.startswith("@"):
        return _tagged(part[1:], rows)
    if part.startswith("best:"):
        return [_best(part[len("best:") :], rows)]
    if not part:
        raise UsageError("an empty selector names no run", f"Give {HELP}")
    raise RunFolderError(f"there is no run {part}", "See `meticulous ls`")


def _between(part: str, first: int, last: int, rows: Sequence[Row]) -> list[Row]:
    found = [row for row in rows if isinstance(row["expid"], int) and first <= row["expid"] <= last]
    if not found:
        raise RunFolderError(f"there is no run in {part}", "See `meticulous ls`")
    return sorted(found, key=lambda row: int(row["expid"]))


def _tagged(tag: str, rows: Sequence[Row]) -> list[Row]:
    found = [row for row in rows if tag in row.get("tags", "").split(",")]
    if not found:
        raise RunFolderError(
            f"no run has the tag {tag!r}", "See `meticulous ls --columns expid,tags`"
        )
    return found


def _best(column: str, rows: Sequence[Row]) -> Row:
    """Give the run with the lowest number in `column`, the highest with a dash before; first wins."""
    sign = -1 if column.startswith("-") else 1
    name = column.removeprefix("-")
    numbers = [
        (sign * row[name], place)
        for place, row in enumerate(rows)
        if isinstance(row.get(name), (int, float)) and row[name] == row[name]
    ]
    if not numbers:
        raise UsageError(f"no run has a number in {name!r}", "See `meticulous ls --list-columns`")
    return rows[min(numbers)[1]]
