"""A table of text: aligned, and fitted to a width. Draws what it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from meticulous.views.text import clip, width

__all__ = ["GAP", "Column", "Drawn", "draw", "full_width"]

Paint = Callable[[str, str], str]

GAP = "  "
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
    widths = [full_width(column, header=header) for column in columns]
    shown = list(range(len(columns)))
    if limit is not None:
        shown, widths = _fit(columns, widths, limit)
    left_out = [c.group + c.name for i, c in enumerate(columns) if i not in shown]
    columns = [columns[i] for i in shown]
    widths = _labelled(columns, widths) if header else widths
    lines = _heading(columns, widths, paint) if header else []
    drawn = [_draw_cells(*pair, paint) for pair in zip(columns, widths, strict=True)]
    lines += [GAP.join(cells).rstrip() for cells in zip(*drawn, strict=True)]
    return Drawn(lines, left_out)


def full_width(column: Column, *, header: bool = True) -> int:
    """Return the width at which nothing of `column` is cut."""
    return max([width(column.name) * header, *map(width, column.cells)])


def _groups(columns: Sequence[Column]) -> list[tuple[str, int, int]]:
    """Return (label, first, end) for each run of neighbours of one group."""
    found: list[tuple[str, int, int]] = []
    for place, column in enumerate(columns):
        if found and found[-1][0] == column.group:
            found[-1] = (column.group, found[-1][1], place + 1)
        else:
            found.append((column.group, place, place + 1))
    return found


def _room(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * max(len(widths) - 1, 0)


def _labelled(columns: Sequence[Column], widths: Sequence[int]) -> list[int]:
    """Widen the last column of groups whose label is wider than they are."""
    widened = list(widths)
    for label, first, end in _groups(columns):
        widened[end - 1] += max(width(label) - _room(widths[first:end]), 0)
    return widened


def _heading(columns: Sequence[Column], widths: Sequence[int], paint: Paint | None) -> list[str]:
    """Draw the names, and above them the labels of the groups, where there are any."""
    names = [
        _placed(column.name, size, "", paint, right=column.right)
        for column, size in zip(columns, widths, strict=True)
    ]
    lines = [GAP.join(names).rstrip()]
    if any(column.group for column in columns):
        labels = [
            _placed(label, _room(widths[first:end]), "", paint, right=False)
            for label, first, end in _groups(columns)
        ]
        lines.insert(0, GAP.join(labels).rstrip())
    return lines


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
    while leaving and _room(_sizes(columns, shown, floors)) > limit:
        shown.remove(leaving.pop())
    sizes = _sizes(columns, shown, floors)
    spare = limit - _room(sizes)
    for place, i in sorted(enumerate(shown), key=lambda pair: widths[pair[1]]):
        more = min(max(spare, 0), max(widths[i] - sizes[place], 0))
        sizes[place] += more
        spare -= more
    return shown, sizes


def _sizes(columns: Sequence[Column], shown: Sequence[int], widths: Sequence[int]) -> list[int]:
    return _labelled([columns[i] for i in shown], [widths[i] for i in shown])
