"""Rows of runs -> the lines that `ls` prints, for people or for programs."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from meticulous.base.text import harmless
from meticulous.base.units import format_duration
from meticulous.query.aggregate import Spread
from meticulous.query.rows import HEADER, SECTIONS, Row, is_numeric, same
from meticulous.views import colour, text
from meticulous.views.cell import cell, whole_cell
from meticulous.views.table import Column, draw

__all__ = ["Listing", "Style", "fold", "for_people", "for_programs", "with_spreads"]

_ARGUMENTS = "args_"
_DEFAULTS = "default_args_"
_SELDOM = ("sha", "curexpdir", "end_time")
_WHOLE = ("expid", "start_time", "end_time", "status")
_WHERE_ANY = ("status_message", "description", "tags")
_LAST = "status_message"


class Style(NamedTuple):
    """How `ls` shows a table to people.

    ``chosen`` says that the user named the columns: all are shown then, and none folded. Columns
    in ``right`` are aligned as numbers are.
    """

    header: bool = True
    arguments: str = "truncated"
    chosen: bool = False
    of_what: str = "runs"
    right: frozenset[str] = frozenset()


class Listing(NamedTuple):
    """What is printed: the constant arguments, the table, and the columns without room."""

    folded: str
    lines: list[str]
    left_out: list[str]


def for_programs(rows: Sequence[Row], names: Sequence[str], *, header: bool) -> list[str]:
    """Draw whole values, without colour; ``-`` stands where a run has no value."""
    columns = [
        Column(
            harmless(name), [whole_cell(name, row) or "-" for row in rows], is_numeric(rows, name)
        )
        for name in names
    ]
    return draw(columns, header=header).lines


def for_people(rows: Sequence[Row], names: Sequence[str], style: Style) -> Listing:
    """Draw for the terminal: fitted to its width, constant arguments folded into one line."""
    width = shutil.get_terminal_size().columns
    folded: Row = {}
    if not style.chosen:
        names = _for_people(rows, names, style.arguments)
        if style.arguments == "truncated":
            folded, names = fold(rows, names)
    columns = [_column(name, rows, style) for name in names]
    limit = None if style.arguments == "all" and not style.chosen else width
    drawn = draw(columns, limit, header=style.header, paint=colour.painter(sys.stdout))
    line = "  ".join(
        f"{harmless(name.removeprefix(_ARGUMENTS))}={text.short(value) if value is not None else None}"
        for name, value in folded.items()
    )
    line = text.clip(f"all {len(rows)} {style.of_what}: {line}", width) if line else ""
    return Listing(line, drawn.lines, drawn.left_out)


def fold(rows: Sequence[Row], names: Sequence[str]) -> tuple[Row, list[str]]:
    """Take out of `names` the arguments that are the same in all of `rows` (two at least).

    Runs without any argument, such as those that ended before they had read theirs, do not count.
    Returns those arguments with their values, and the names that stay; an argument that none of
    the rows has does not.
    """
    arguments = [name for name in names if name.startswith(_ARGUMENTS)]
    counting = [row for row in rows if any(name in row for name in arguments)]
    constant: Row = {}
    for name in arguments if len(counting) > 1 else ():
        if all(name in row and same(row[name], counting[0][name]) for row in counting):
            constant[name] = counting[0][name]
    present = {name for row in rows for name in row}
    return constant, [
        name
        for name in names
        if name not in constant and (name in present or not name.startswith(_ARGUMENTS))
    ]


def _for_people(rows: Sequence[Row], names: Sequence[str], arguments: str) -> list[str]:
    """Leave out what people seldom look for, and put the messages last."""
    chosen = []
    for name in names:
        if name.startswith(_ARGUMENTS) and (
            arguments == "none"
            or (arguments == "non-default" and all(_is_default(name, row) for row in rows))
        ):
            continue
        if name in _SELDOM or (name in _WHERE_ANY and not any(row.get(name) for row in rows)):
            continue
        chosen.append(name)
    return sorted(chosen, key=lambda name: name == _LAST)


def _is_default(name: str, row: Row) -> bool:
    default = _DEFAULTS + name.removeprefix(_ARGUMENTS)
    return name not in row or (default in row and same(row[name], row[default]))


def _column(name: str, rows: Sequence[Row], style: Style) -> Column:
    blank = style.arguments == "non-default" and name.startswith(_ARGUMENTS)
    cells = ["" if blank and _is_default(name, row) else cell(name, row) for row in rows]
    group = "" if name in HEADER else next((p for p in SECTIONS if name.startswith(p)), "")
    right = is_numeric(rows, name) or name == "duration" or name in style.right
    return Column(
        harmless(name.removeprefix(group)),
        cells,
        right,
        group,
        flexible=not right and name not in _WHOLE,
        rank=0 if style.chosen else _rank(name, group, cells),
    )


def _rank(name: str, group: str, cells: Sequence[str]) -> int:
    """Say how easily a column is done without where there is too little room; 0 is never."""
    if name in _WHERE_ANY:
        return 5
    if group in ("summary_", "metrics_"):
        return 4 if len(set(cells) - {""}) == 1 and len(cells) > 1 else 1
    if group:
        return 2
    return 3 if name == "start_time" else 0


def with_spreads(
    rows: Sequence[Row], names: Sequence[str], spreads: Mapping[str, Spread]
) -> tuple[list[Row], list[str]]:
    """Put the mean and deviation of a column into one, under its own name: mean ± std (n)."""
    merged = {one.mean: name for name, one in spreads.items() if {one.mean, one.std} <= {*names}}
    hidden = {spreads[name].std for name in merged.values()}
    kept = [merged.get(name, name) for name in names if name not in hidden]
    texts = [
        {**row, **{name: _spread(row, name, spreads[name]) for name in merged.values()}}
        for row in rows
    ]
    return texts, kept


def _spread(row: Row, name: str, columns: Spread) -> str | None:
    mean, deviation, count = (row.get(column) for column in columns)
    if mean is None:
        return None
    if name == "duration":
        middle = format_duration(mean)
        around = None if deviation is None else format_duration(deviation)
    elif not deviation or not math.isfinite(deviation) or not math.isfinite(mean):
        middle, around = text.short(mean), None if deviation is None else text.short(deviation)
    else:
        # Two digits of the deviation, and the mean to the same place.
        places = max(0, 1 - math.floor(math.log10(deviation)))
        form = f".{places}f" if places <= 8 and abs(mean) < 1e9 else ".3g"
        middle, around = format(mean, form), format(deviation, form)
    return f"{middle} ± {around} ({count})" if around is not None else f"{middle} ({count})"
