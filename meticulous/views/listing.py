"""Rows of runs or groups -> the lines that `ls` prints, for people or for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple

from meticulous.base.text import harmless
from meticulous.query import importance
from meticulous.query.importance import ARGUMENTS, RESULTS, Weighed
from meticulous.query.rows import HEADER, Row, is_numeric, same, section_of
from meticulous.views import colour, packed, text
from meticulous.views.cell import cell, cells, is_told, message, whole_cell
from meticulous.views.folded import lines_of
from meticulous.views.table import GAP, Column, Drawn, draw

__all__ = ["Listing", "Style", "for_people", "for_programs", "names_for_programs"]

_DEFAULTS = "default_args_"
_PIPE_WIDTH = 200
"""A pipe gets the columns for which a terminal of this width has room."""
_SAMPLE = 500
"""So many rows tell how wide the columns are, where nobody sees how they fit."""
_INDENT = 7
"""Of a message below its row."""
_LEAST_ROWS = 3
"""A low terminal shows so many rows, though they leave it at the top."""


class Style(NamedTuple):
    """How `ls` shows a table to people.

    ``arguments`` is one of ``none``, ``truncated`` (those that vary), ``non-default`` and ``all``.
    ``folds`` says whether the arguments that never vary are taken out, ``chosen`` that the user
    named the columns: all are shown then, and none folded. ``keys``
    are the columns of a grouping, ``seeds`` the arguments that only repeat an experiment. Columns
    in ``right`` are aligned as numbers are. Of more rows than ``height`` lines have room for, the
    last are shown, or with ``from_top`` the first.
    """

    header: bool = True
    arguments: str = "truncated"
    folds: bool = True
    chosen: bool = False
    of_what: str = "runs"
    keys: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ("seed",)
    right: frozenset[str] = frozenset()
    height: int | None = None
    from_top: bool = False


class Listing(NamedTuple):
    """What is printed: the constant arguments, the table, and what has found no room."""

    folded: list[str]
    lines: list[str]
    left_out: list[str]
    hidden_rows: int = 0


def for_programs(
    rows: Sequence[Row], names: Sequence[str], *, header: bool, tabs: bool = False
) -> list[str]:
    """Draw whole values, without colour; ``-`` stands where a run has no value.

    With `tabs` one stands between two values, and nothing is aligned.
    """
    columns = [
        Column(
            harmless(name), [whole_cell(name, row) or "-" for row in rows], is_numeric(rows, name)
        )
        for name in names
    ]
    if not tabs:
        return draw(columns, header=header).lines
    lines = ["\t".join(line) for line in zip(*(column.cells for column in columns), strict=True)]
    return ["\t".join(column.name for column in columns)] * header + lines


def names_for_programs(rows: Sequence[Row], names: Sequence[str], style: Style) -> list[str]:
    """Return the columns of `rows`, whose nested values have been opened, that :func:`for_people` shows at 200 columns, the message behind them.

    All arguments that vary are among them, the first results of each program, and of runs the
    status.
    """
    rows, names, weighed = _weighed(rows, names, style)
    some = rows[:: len(rows) // _SAMPLE + 1]
    columns = _columns(weighed.names, some, weighed.ranks, style)
    first = sorted(weighed.results, key=weighed.ranks.__getitem__)[: 2 * len(weighed.programs)]
    left_out = {*draw(columns, _PIPE_WIDTH).left_out} - {*weighed.arguments, *first}
    chosen = [name for name in weighed.names if name not in left_out]
    if "expid" in chosen and "status" not in chosen and "status" in names:
        chosen.insert(chosen.index("expid") + 1, "status")
    told = "status_message" in names and any(map(is_told, rows))
    return chosen + ["status_message"] * told


def for_people(rows: Sequence[Row], names: Sequence[str], style: Style, limit: int) -> Listing:
    """Draw for a terminal of `limit` columns: what was varied, what came out, what went wrong."""
    count = len(rows)
    if style.chosen:
        rows, names = importance.opened(_in_view(rows, style, 0), names)
        columns = [_column(name, rows, 0, style) for name in names]
        drawn = draw(columns, limit, header=style.header, paint=colour.painter(sys.stdout))
        return Listing([], drawn.lines, [], count - len(rows))
    rows, names, weighed = _weighed(rows, names, style)
    folded = lines_of(weighed.programs, style.of_what, limit) if _folds(style) else []
    rows = _in_view(rows, style, len(folded))
    room = None if style.arguments == "all" else limit
    drawn = _draw(rows, weighed, style, room)
    blocks = _with_messages(drawn, rows, names, room)
    if style.height is not None:
        blocks = _fitting(blocks, style, len(folded) + len(drawn.heading))
    lines = [*drawn.heading, *(line for block in blocks for line in block)]
    return Listing(folded, lines, drawn.left_out, count - len(blocks))


def _weighed(
    rows: Sequence[Row], names: Sequence[str], style: Style
) -> tuple[Sequence[Row], list[str], Weighed]:
    rows, names = importance.opened(rows, names)
    if style.arguments == "none":
        names = [name for name in names if not name.startswith(ARGUMENTS) or name in style.keys]
    if style.arguments == "non-default":
        rows, names = _without_defaults(rows, names)
    fold = _folds(style)
    return rows, names, importance.weigh(rows, names, keys=style.keys, seeds=style.seeds, fold=fold)


def _folds(style: Style) -> bool:
    return style.folds and style.arguments == "truncated"


def _without_defaults(rows: Sequence[Row], names: Sequence[str]) -> tuple[Sequence[Row], list[str]]:
    """Take away arguments where they have their default, and those that have it everywhere."""

    def is_default(name: str, row: Row) -> bool:
        default = _DEFAULTS + name.removeprefix(ARGUMENTS)
        return default in row and same(row[name], row[default])

    kept = [
        {k: v for k, v in row.items() if not (k.startswith(ARGUMENTS) and is_default(k, row))}
        for row in rows
    ]
    held = {name for row in kept for name in row}
    return kept, [name for name in names if name in held or not name.startswith(ARGUMENTS)]


def _in_view(rows: Sequence[Row], style: Style, above: int) -> Sequence[Row]:
    """Return the rows of which some will fit on the screen: each takes a line at least."""
    if style.height is None:
        return rows
    most = max(style.height - above - style.header, _LEAST_ROWS)
    return rows[:most] if style.from_top else rows[-most:]


def _fitting(blocks: list[list[str]], style: Style, above: int) -> list[list[str]]:
    """Return the blocks for which the screen has room below `above` lines."""
    assert style.height is not None
    room = style.height - above
    kept: list[list[str]] = []
    for block in blocks if style.from_top else reversed(blocks):
        room -= len(block)
        if room < 0 and len(kept) >= _LEAST_ROWS:
            break
        kept.append(block)
    return kept if style.from_top else kept[::-1]


def _draw(rows: Sequence[Row], weighed: Weighed, style: Style, limit: int | None) -> Drawn:
    """Draw a column for each value; where programs are mixed and there is no room, one for all."""
    paint = colour.painter(sys.stdout)
    columns = _columns(weighed.names, rows, weighed.ranks, style)
    drawn = draw(columns, limit, header=style.header, paint=paint)
    if limit is None:
        return drawn
    is_mixed = len(weighed.programs) > 1 or "program" in style.keys
    if not (is_mixed and _misses(rows, weighed, drawn)) and drawn.width <= limit:
        return drawn
    identity = [name for name in weighed.names if not name.startswith((ARGUMENTS, *RESULTS))]
    beside = _columns(identity, rows, weighed.ranks, style)
    columns, no_room = packed.columns(rows, weighed, beside, limit)
    drawn = draw(columns, limit, header=style.header, paint=paint)
    return drawn._replace(left_out=[*drawn.left_out, *no_room])


def _misses(rows: Sequence[Row], weighed: Weighed, drawn: Drawn) -> bool:
    """Return whether an argument that varies, or all results of a row, have found no room."""
    gone = {*drawn.left_out}
    shown = [name for name in weighed.results if name not in gone]
    return not gone.isdisjoint(weighed.arguments) or any(
        row.get(name) is not None
        for row in rows
        if all(row.get(name) is None for name in shown)
        for name in weighed.results
    )


def _with_messages(
    drawn: Drawn, rows: Sequence[Row], names: Sequence[str], limit: int | None
) -> list[list[str]]:
    """Put what went wrong behind each row, or below it where there is no room for all."""
    told = [message(row) if "status_message" in names and is_told(row) else "" for row in rows]
    if not any(told):
        return drawn.rows
    broad = drawn.width
    if limit is None or broad + len(GAP) + max(map(text.width, told)) <= limit:
        return [
            [block[0] + " " * (broad - text.width(text.plain(block[0]))) + GAP + said, *block[1:]]
            if said
            else block
            for block, said in zip(drawn.rows, told, strict=True)
        ]
    indent = " " * _INDENT
    return [
        [*block, *(indent + line for line in text.wrap(said, limit - len(indent)))]
        if said
        else block
        for block, said in zip(drawn.rows, told, strict=True)
    ]


def _columns(
    names: Sequence[str], rows: Sequence[Row], ranks: dict[str, int], style: Style
) -> list[Column]:
    """Make a column for each of `names` that one of `rows` has."""
    found = [_column(name, rows, ranks[name], style) for name in names]
    found = [column for column in found if any(column.cells)]
    return _with_common_beginnings(found)


def _column(name: str, rows: Sequence[Row], rank: int, style: Style) -> Column:
    is_chosen = style.chosen or name in style.keys
    texts = [cell(name, row) for row in rows] if is_chosen and name in HEADER else cells(name, rows)
    group = section_of(name)
    right = is_numeric(rows, name) or name == "duration" or name in style.right
    flexible = not right and (name in ("description", "tags") or bool(group))
    flexible = flexible or (style.chosen and not right and name == "status_message")
    return Column(harmless(name.removeprefix(group)), texts, right, group, flexible, rank)


def _with_common_beginnings(columns: Sequence[Column]) -> list[Column]:
    """Put what neighbours begin with into the group above them: ``args_optimizer.`` over lr, momentum."""
    heads = [column.name[: column.name.rfind(".") + 1] for column in columns]
    keys = [(column.group, head) for column, head in zip(columns, heads, strict=True)]
    return [
        column._replace(group=column.group + head, name=column.name.removeprefix(head))
        if head
        and keys[place] in (keys[place - 1] if place else None, *keys[place + 1 : place + 2])
        else column
        for place, (column, head) in enumerate(zip(columns, heads, strict=True))
    ]
