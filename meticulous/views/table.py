"""A table of text: aligned, and fitted to a width. Draws what it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from meticulous.views.text import clip, width

__all__ = ["Column", "Drawn", "draw"]

Paint = Callable[[str, str], str]

_GAP = "  "
_NARROWEST = 8
"""Text columns are not cut below this; whole columns go before that."""


class Column(NamedTuple):
    """A column of texts without newlines; `cells` has one for each row.

    ``group`` stands above the names of neighbours that share it. ``flexible`` columns (free text)
    may be cut. Where there is too little room, columns of the highest ``rank`` are left out first,
    the last of them before the others; those of rank 0 never.
    """

    name: str
    cells: Sequence[str]
    right: bool = False
    group: str = ""
    flexible: bool = False
    rank: int = 0


class Drawn(NamedTuple):
    """The lines of a table, and the names of the columns that found no room."""

    lines: list[str]
    left_out: list[str]


def draw(
    columns: Sequence[Column],
    limit: int | None = None,
    *,
    header: bool = True,
    paint: Paint | None = None,
) -> Drawn:
    """Draw `columns` side by side.

    Args:
        columns: all with the same number of cells.
        limit: columns of the terminal; None draws everything in full.
        header: whether lines with the groups and names come first.
        paint: (column name, or "" for the header, text) -> the text with colour.
    """
    widths = [max([width(column.name) * header, *map(width, column.cells)]) for column in columns]
    shown = list(range(len(columns)))
    if limit is not None:
        shown, widths = _fit(columns, widths, limit)
    left_out = [c.group + c.name for i, c in enumerate(columns) if i not in shown]
    columns = [columns[i] for i in shown]
    lines = _heading(columns, widths, paint) if header else []
    drawn = [_draw_cells(*pair, paint) for pair in zip(columns, widths, strict=True)]
    lines += [_GAP.join(cells).rstrip() for cells in zip(*drawn, strict=True)]
    return Drawn(lines, left_out)


def _heading(columns: Sequence[Column], widths: list[int], paint: Paint | None) -> list[str]:
    """Draw the names, and above them the groups; a group may widen its last column."""
    groups: list[str] = []
    for start, column in enumerate(columns):
        if start and column.group == columns[start - 1].group:
            continue
        end = start
        while end < len(columns) and columns[end].group == column.group:
            end += 1
        room = sum(widths[start:end]) + len(_GAP) * (end - start - 1)
        label = column.group
        if width(label) > room:
            widths[end - 1] += width(label) - room
            room = width(label)
        groups.append(_placed(label, room, "", paint, right=False))
    names = [
        _placed(column.name, size, "", paint, right=column.right)
        for column, size in zip(columns, widths, strict=True)
    ]
    above = _GAP.join(groups).rstrip()
    return ([above] if any(column.group for column in columns) else []) + [
        _GAP.join(names).rstrip()
    ]


def _draw_cells(column: Column, size: int, paint: Paint | None) -> list[str]:
    name = column.group + column.name
    return [_placed(cell, size, name, paint, right=column.right) for cell in column.cells]


def _placed(text: str, size: int, name: str, paint: Paint | None, *, right: bool) -> str:
    cut = clip(text, size)
    space = " " * (size - width(cut))
    if paint:
        cut = paint(name, cut)
    return space + cut if right else cut + space


def _fit(columns: Sequence[Column], widths: list[int], limit: int) -> tuple[list[int], list[int]]:
    """Cut flexible columns, then leave out columns, until all fit in `limit`.

    Returns the places of the columns that are shown, and their widths.
    """
    shown = list(range(len(columns)))
    floors = [
        min(size, max(_NARROWEST, width(column.name))) if column.flexible else size
        for column, size in zip(columns, widths, strict=True)
    ]
    leaving = sorted((i for i in shown if columns[i].rank), key=lambda i: (columns[i].rank, i))
    while leaving and sum(floors[i] + len(_GAP) for i in shown) - len(_GAP) > limit:
        shown.remove(leaving.pop())
    sizes = {i: floors[i] for i in shown}
    spare = limit - sum(size + len(_GAP) for size in sizes.values()) + len(_GAP)
    for i in sorted(shown, key=lambda i: widths[i]):
        more = min(max(spare, 0), widths[i] - sizes[i])
        sizes[i] += more
        spare -= more
    return shown, [sizes[i] for i in shown]
