"""Runs as HTML tables for notebooks, with the columns of `ls`. Every name and value is escaped."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple

from meticulous.base.text import harmless
from meticulous.query.rows import (
    HEADER,
    SECTIONS,
    Row,
    flatten,
    is_missing,
    is_numeric,
    ordered,
    same,
    usual_metrics,
)
from meticulous.runfolder import ERROR, LOST, SUCCESS
from meticulous.views import text
from meticulous.views.cell import cell

__all__ = ["one_run", "runs_table"]

_MOST_ROWS = 60
_MOST_CHARACTERS = 120
_SHORT = 30
_DEEPEST = 50
_ARGUMENTS, _DEFAULTS = "args_", "default_args_"
_RESULTS = ("summary_", "metrics_")
_FIRST = ("expid", "status", "tags", "program")
_LAST = ("status_message", "start_time", "duration", "description")
_NUMBER = "text-align: right; font-variant-numeric: tabular-nums"
_TEXT = "text-align: left"
_ON_ONE_LINE = "white-space: nowrap"
_WENT_WRONG = "color: #c62828; font-weight: bold"


class Chosen(NamedTuple):
    """The columns that a table shows, and the arguments that are the same in all its rows."""

    names: list[str]
    constant: Row


def runs_table(rows: Sequence[Row]) -> str:
    """Return the table of `rows`, the newest last; of many the last ones, and how many there are."""
    rows = [_opened(row) for row in rows]
    chosen = _chosen(rows, ordered(name for row in rows for name in row))
    shown = rows[-_MOST_ROWS:]
    caption = _caption(len(rows), len(shown), chosen.constant)
    numeric = {name for name in chosen.names if is_numeric(rows, name) or name == "duration"}
    body = "".join(
        "<tr>" + "".join(_cell(name, row, name in numeric) for name in chosen.names) + "</tr>"
        for row in shown
    )
    return (
        f'<table><caption style="{_TEXT}">{_safe(caption)}</caption>'
        f"<thead>{_heads(chosen.names)}</thead><tbody>{body}</tbody></table>"
    )


def one_run(title: str, row: Row) -> str:
    """Return the table of one run: how it stands, its arguments with other defaults, its results."""
    row = _opened(row)
    lines = [
        _line(name, row) for name in HEADER if not is_missing(row.get(name)) and row[name] != ""
    ]
    for group in (_ARGUMENTS, *_RESULTS):
        names = [name for name in row if name.startswith(group)]
        if names:
            lines.append(f'<tr><th style="{_TEXT}" colspan="3">{_safe(_title(group))}</th></tr>')
            lines += [_line(name, row) for name in names]
    return f"<b>{_safe(title)}</b><table><tbody>{''.join(lines)}</tbody></table>"


def _line(name: str, row: Row) -> str:
    return (
        f'<tr><th style="{_TEXT}">{_safe(name.removeprefix(_group(name)))}</th>'
        f"{_cell(name, row, False)}<td>{_safe(_default(name, row))}</td></tr>"
    )


def _opened(row: Row) -> Row:
    """Return what tables may show of `row`, nested values opened: ``args_model.lr``."""
    kept = {
        name: value
        for name, value in row.items()
        if name in HEADER or name.startswith((_ARGUMENTS, _DEFAULTS, *_RESULTS))
    }
    return flatten(kept, _DEEPEST)


def _chosen(rows: Sequence[Row], names: Sequence[str]) -> Chosen:
    """Choose the columns: which run, what was varied, what came out, what went wrong, and when."""
    arguments = [name for name in names if name.startswith(_ARGUMENTS)]
    counting = [row for row in rows if any(name in row for name in arguments)]
    constant: Row = {
        name: counting[0][name]
        for name in (arguments if len(counting) > 1 else ())
        if name in counting[0]
        and all(name in row and same(row[name], counting[0][name]) for row in counting)
    }
    metrics = {*usual_metrics(names)}
    results = [name for name in names if name.startswith(_RESULTS[0]) or name in metrics]
    varying = [name for name in arguments if name not in constant]
    identity = [name for name in _FIRST if _tells(name, rows)]
    last = [name for name in _LAST if _tells(name, rows)]
    return Chosen([*identity, *varying, *results, *last], constant)


def _tells(name: str, rows: Sequence[Row]) -> bool:
    """Return whether a column of the header is worth its place."""
    values = [row.get(name) for row in rows]
    if name == "status":
        return any(value != SUCCESS for value in values)
    if name == "program":
        return len({*values} - {None}) > 1
    return any(values)


def _heads(names: Sequence[str]) -> str:
    """Return the two rows of names: the group above, once for all its columns, and the name."""
    groups: list[tuple[str, int]] = []
    for name in names:
        group = _group(name)
        if groups and groups[-1][0] == group:
            groups[-1] = (group, groups[-1][1] + 1)
        else:
            groups.append((group, 1))
    above = "".join(
        f'<th colspan="{count}" style="{_TEXT}">{_safe(_title(group))}</th>'
        for group, count in groups
    )
    below = "".join(f"<th>{_safe(name.removeprefix(_group(name)))}</th>" for name in names)
    return f"<tr>{above}</tr><tr>{below}</tr>"


def _group(name: str) -> str:
    return "" if name in HEADER else next((p for p in SECTIONS if name.startswith(p)), "")


def _title(group: str) -> str:
    return {"args_": "arguments"}.get(group, group.removesuffix("_"))


def _cell(name: str, row: Row, is_number: bool) -> str:  # noqa: FBT001, of three
    value = cell(name, row)
    style = _NUMBER if is_number else _TEXT
    if len(value) <= _SHORT:
        style += f"; {_ON_ONE_LINE}"
    if name == "status" and value in (ERROR, LOST):
        style += f"; {_WENT_WRONG}"
    short = text.clip(value, _MOST_CHARACTERS)
    whole = f' title="{_safe(value)}"' if short != value else ""
    return f'<td style="{style}"{whole}>{_safe(short)}</td>'


def _default(name: str, row: Row) -> str:
    """Return the default of an argument where that is another, as `show` does."""
    default = _DEFAULTS + name.removeprefix(_ARGUMENTS)
    if not name.startswith(_ARGUMENTS) or default not in row or same(row[name], row[default]):
        return ""
    return f"(default {text.short(row[default])})"


def _caption(count: int, shown: int, constant: Row) -> str:
    pairs = "  ".join(
        f"{name.removeprefix(_ARGUMENTS)}={text.short(value)}" for name, value in constant.items()
    )
    runs = f"all {count} runs" if count > 1 else f"{count} run" + "s" * (count != 1)
    if shown < count:
        runs = f"the last {shown} of {count:,} runs"
    return f"{runs}: {pairs}" if pairs else runs


def _safe(value: str) -> str:
    return html.escape(harmless(value))
