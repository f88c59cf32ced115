"""Runs as HTML tables for notebooks, with the columns of `ls`. Every name and value is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from meticulous.base.text import harmless
from meticulous.query import importance
from meticulous.query.importance import ARGUMENTS, RESULTS
from meticulous.query.rows import (
    HEADER,
    Row,
    is_missing,
    is_numeric,
    ordered,
    same,
    section_of,
    usual_metrics,
)
from meticulous.runfolder import ERROR, LOST
from meticulous.views import folded, text
from meticulous.views.cell import cell, cells, is_told, message

__all__ = ["one_run", "runs_table"]

_MOST_ROWS = 60
_MOST_CHARACTERS = 120
_CAPTION = 500
_SHORT = 30
_DEFAULTS = "default_args_"
_MESSAGE = "status_message"
_FIGURE_SPACE = "\N{FIGURE SPACE}"
_NUMBER = "text-align: right; font-variant-numeric: tabular-nums"
_TEXT = "text-align: left"
_ON_ONE_LINE = "white-space: nowrap"
_WENT_WRONG = "color: #c62828; font-weight: bold"


def runs_table(rows: Sequence[Row], names: Iterable[str], seeds: Sequence[str] = ()) -> str:
    """Return the table of `rows`, the newest last; of many, the last ones and how many there are.

    Args:
        rows: the runs.
        names: their columns; those that `ls` shows are shown.
        seeds: the arguments that only repeat an experiment.
    """
    rows, names = importance.opened(rows, names)
    metrics = {*usual_metrics(names)}
    names = [name for name in names if not name.startswith("metrics_") or name in metrics]
    weighed = importance.weigh(rows, names, seeds=seeds)
    shown = rows[-_MOST_ROWS:]
    columns = {name: cells(name, shown) for name in _with_message(weighed.names, shown)}
    numeric = {name for name in columns if is_numeric(rows, name) or name == "duration"}
    lines = "".join(
        f"<tr>{''.join(_cell(name, column[k], name in numeric) for name, column in columns.items())}</tr>"
        for k in range(len(shown))
    )
    caption = folded.lines_of(weighed.programs, "runs", _CAPTION)
    if len(shown) < len(rows) or not caption:
        some = f"the last {len(shown)} of " if len(shown) < len(rows) else ""
        caption.insert(0, f"{some}{len(rows):,} run{'s' * (len(rows) != 1)}")
    return (
        f'<table><caption style="{_TEXT}">{"<br>".join(map(_safe, caption))}</caption>'
        f"<thead>{_heads([*columns])}</thead><tbody>{lines}</tbody></table>"
    )


def one_run(title: str, row: Row) -> str:
    """Return the table of one run: its status, its arguments with other defaults, its results."""
    (row,), names = importance.opened([row], ordered(row), (ARGUMENTS, _DEFAULTS, *RESULTS))
    lines = [_line(name, row) for name in HEADER if row.get(name) not in (None, "")]
    for group in (ARGUMENTS, *RESULTS):
        own = [name for name in names if name.startswith(group)]
        if own:
            lines.append(f'<tr><th style="{_TEXT}" colspan="3">{_title(group)}</th></tr>')
            lines += [_line(name, row) for name in own]
    return f"<b>{_safe(title)}</b><table><tbody>{''.join(lines)}</tbody></table>"


def _with_message(names: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Put what went wrong behind the results, where anything did."""
    if not any(map(is_told, rows)):
        return [*names]
    place = max(
        (k for k, name in enumerate(names, 1) if section_of(name) or name == "status"), default=0
    )
    return [*names[:place], _MESSAGE, *names[place:]]


def _line(name: str, row: Row) -> str:
    value = message(row) if name == _MESSAGE else cell(name, row)
    return (
        f'<tr><th style="{_TEXT}">{_safe(name.removeprefix(section_of(name)))}</th>'
        f"{_cell(name, value, False)}<td>{_safe(_default(name, row))}</td></tr>"
    )


def _heads(names: Sequence[str]) -> str:
    """Return the two rows of names: the group above, once for all its columns, and the name."""
    groups: list[tuple[str, int]] = []
    for name in names:
        group = section_of(name)
        if groups and groups[-1][0] == group:
            groups[-1] = (group, groups[-1][1] + 1)
        else:
            groups.append((group, 1))
    above = "".join(
        f'<th colspan="{count}" style="{_TEXT}">{_title(group)}</th>' for group, count in groups
    )
    below = "".join(f"<th>{_safe(name.removeprefix(section_of(name)))}</th>" for name in names)
    return f"<tr>{above}</tr><tr>{below}</tr>"


def _title(group: str) -> str:
    return {ARGUMENTS: "arguments"}.get(group, group.removesuffix("_"))


def _cell(name: str, value: str, is_number: bool) -> str:  # noqa: FBT001, of three
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
    default = _DEFAULTS + name.removeprefix(ARGUMENTS)
    if not name.startswith(ARGUMENTS) or default not in row or same(row[name], row[default]):
        return ""
    return "" if is_missing(row[default]) else f"(default {text.short(row[default])})"


def _safe(value: str) -> str:
    """Return `value` escaped; the spaces behind a number, which align its point, keep their width."""
    stripped = value.rstrip(" ")
    return html.escape(harmless(stripped)) + _FIGURE_SPACE * (len(value) - len(stripped))
