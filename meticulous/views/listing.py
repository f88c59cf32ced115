"""Rows of runs -> the lines that `ls` prints, for people or for programs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from meticulous.reading import TIMES, Row
from meticulous.runfolder import RUNNING
from meticulous.views import colour, text
from meticulous.views.table import Column, draw

__all__ = ["Listing", "fold", "for_people", "for_programs"]

_ALWAYS = ("expid", "status")
_ARGUMENTS = "args_"


class Listing(NamedTuple):
    """What is printed: the constant arguments, the table, and the columns without room."""

    folded: str
    lines: list[str]
    left_out: list[str]


def for_programs(rows: Sequence[Row], names: Sequence[str], *, header: bool) -> list[str]:
    """Draw whole values, without colour; ``-`` stands where a run has no value."""
    columns = [
        Column(name, [text.full(row.get(name)) or "-" for row in rows], _is_numeric(rows, name))
        for name in names
    ]
    return draw(columns, header=header)[0]


def for_people(
    rows: Sequence[Row], names: Sequence[str], *, header: bool, folding: bool
) -> Listing:
    """Draw for the terminal: fitted to its width, constant arguments folded into one line."""
    limit = shutil.get_terminal_size().columns
    folded, names = fold(rows, names) if folding else ({}, list(names))
    columns = [_column(name, rows) for name in names]
    paint = colour.painter(sys.stdout)
    lines, left_out = draw(columns, limit, header=header, paint=paint)
    line = "  ".join(f"{name}={text.short(value)}" for name, value in folded.items())
    if line:
        line = text.clip(f"all: {line}", limit)
    return Listing(line, lines, left_out)


def fold(rows: Sequence[Row], names: Sequence[str]) -> tuple[Row, list[str]]:
    """Take out of `names` the arguments that are the same in all of `rows` (two at least).

    Returns those with their values, and the names that stay.
    """
    constant: Row = {}
    if len(rows) > 1:
        for name in names:
            if name.startswith(_ARGUMENTS) and name in rows[0]:
                first = rows[0][name]
                if all(_same(row.get(name, constant), first) for row in rows):
                    constant[name] = first
    return constant, [name for name in names if name not in constant]


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (one == other or (one != one and other != other))


def _column(name: str, rows: Sequence[Row]) -> Column:
    cells = [_cell(name, row) for row in rows]
    right = _is_numeric(rows, name)
    return Column(name, cells, right, flexible=not right, keep=name in _ALWAYS)


def _cell(name: str, row: Row) -> str:
    value = row.get(name)
    if name == "duration" and value is None and row.get("status") == RUNNING:
        value = _elapsed(row)
    if value is None:
        return ""
    if name in TIMES:
        return text.local_time(str(value))
    if name == "duration" and isinstance(value, (int, float)):
        return text.duration(value)
    if name == "status_message":
        return text.harmless(str(value).strip().rpartition("\n")[2].strip())
    if name == "sha":
        return str(value)[:8]
    return text.short(value)


def _elapsed(row: Row) -> float | None:
    start = row.get("start_time")
    if not start:
        return None
    return (datetime.now(timezone.utc) - datetime.fromisoformat(start)).total_seconds()


def _is_numeric(rows: Sequence[Row], name: str) -> bool:
    """Tell whether there are numbers in the column, and nothing else."""
    kinds = {type(row.get(name)) for row in rows} - {type(None)}
    return bool(kinds) and kinds <= {int, float}
