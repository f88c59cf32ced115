"""A table of text: aligned, and fitted to a width. Draws what it is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from meticulous.views.text import clip, clip_alike, plain, width, wrap

__all__ = ["GAP", "Column", "Drawn", "draw", "full_width"]

Paint = Callable[[str, str], str]

GAP = "  "
_PARTS = re.compile(r"[^._/\-]*[._/\-]*")


class Column(NamedTuple):
    """A column of texts without newlines; `cells` has one for each row.

    ``group`` stands above the names of neighbours that share it. ``flexible`` columns (free text)
    may be cut; where they are ``wraps`` they go on in further lines instead. Where there is too
    little room, columns of the highest ``rank`` are left out first, the last of them before the
    others; those of rank 0 never. Flexible columns keep at least ``narrowest`` columns.
    """

    name: str
    cells: Sequence[str]
    right: bool = False
    group: str = ""
    flexible: bool = False
    rank: int = 0
    wraps: bool = False
    narrowest: int = 8


class Drawn(NamedTuple):
    """The lines with the names, those of each row, and the names of the columns without room."""

    heading: list[str]
    rows: list[list[str]]
    left_out: list[str]

    @property
    def lines(self) -> list[str]:
        """All lines of the table."""
        return [*self.heading, *(line for row in self.rows for line in row)]

    @property
    def width(self) -> int:
        """The terminal's columns that the table takes."""
        return max((width(plain(line)) for line in self.lines), default=0)


def draw(
    columns: Sequence[Column],
    limit: int | None = None,
    *,
    header: bool = True,
    paint: Paint | None = None,
) -> Drawn:
    """Draw `columns` side by side.

    Where there is too little room for all, names are broken into several lines first, then
    flexible columns are cut, and then columns are left out.

    Args:
        columns: all with the same number of cells.
        limit: columns of the terminal; None draws everything in full.
        header: whether lines with the groups and names come first.
        paint: (column name, or "" for the header, text) -> the text with colour.
    """
    widths = [full_width(column, header=header) for column in columns]
    shown = list(range(len(columns)))
    if limit is not None:
        shown, widths = _fit(columns, widths, limit, header=header)
    left_out = [c.group + c.name for i, c in enumerate(columns) if i not in shown]
    columns = [columns[i] for i in shown]
    widths = _labelled(columns, widths) if header else widths
    heading = _heading(columns, widths, paint) if header else []
    pairs = zip(columns, widths, strict=True)
    if any(column.wraps for column in columns):
        broken = [_wrapped(column, size, paint) for column, size in pairs]
        rows = [_beside(cells, widths) for cells in zip(*broken, strict=True)]
    else:
        drawn = [_drawn(column, column.cells, size, paint) for column, size in pairs]
        rows = [[GAP.join(cells).rstrip()] for cells in zip(*drawn, strict=True)]
    return Drawn(heading, rows, left_out)


def full_width(column: Column, *, header: bool = True) -> int:
    """Return the width at which nothing of `column` is cut."""
    return max([width(column.name) * header, *map(width, column.cells)])


def _beside(cells: Sequence[list[str]], widths: Sequence[int]) -> list[str]:
    """Put the lines of a row's cells beside each other; short cells stand at the top."""
    height = max(map(len, cells))
    filled = [
        lines + [" " * size] * (height - len(lines))
        for lines, size in zip(cells, widths, strict=True)
    ]
    return [GAP.join(parts).rstrip() for parts in zip(*filled, strict=True)]


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
    broken = [_broken(column.name, size) for column, size in zip(columns, widths, strict=True)]
    height = max(map(len, broken), default=1)
    lines = []
    for line in range(height):
        parts = [
            _placed(
                ([""] * (height - len(names)) + names)[line], size, "", paint, right=column.right
            )
            for column, names, size in zip(columns, broken, widths, strict=True)
        ]
        lines.append(GAP.join(parts).rstrip())
    if any(column.group for column in columns):
        labels = [
            _placed(label, _room(widths[first:end]), "", paint, right=False)
            for label, first, end in _groups(columns)
        ]
        lines.insert(0, GAP.join(labels).rstrip())
    return lines


def _parts(name: str) -> list[str]:
    """Split a name behind its dots, dashes, slashes and underscores: ``weight_decay`` has two parts."""
    return [part for part in _PARTS.findall(name) if part] or [""]


def _narrowest(name: str) -> int:
    return max(map(width, _parts(name)))


def _broken(name: str, size: int) -> list[str]:
    """Break `name` into lines of `size` columns; a part that is wider stays whole."""
    if width(name) <= size:
        return [name]
    lines = [""]
    for part in _parts(name):
        if lines[-1] and width(lines[-1] + part) > size:
            lines.append("")
        lines[-1] += part
    return lines


def _wrapped(column: Column, size: int, paint: Paint | None) -> list[list[str]]:
    """Return the lines of each cell of `column`."""
    return [
        _drawn(column, wrap(cell, size) if column.wraps else [cell], size, paint)
        for cell in column.cells
    ]


def _drawn(column: Column, lines: Sequence[str], size: int, paint: Paint | None) -> list[str]:
    name = column.group + column.name
    if column.flexible and not column.wraps:
        lines = clip_alike(lines, size)
    return [_placed(line, size, name, paint, right=column.right) for line in lines]


def _placed(text: str, size: int, name: str, paint: Paint | None, *, right: bool) -> str:
    if paint is None and text.isascii() and len(text) <= size:
        return text.rjust(size) if right else text.ljust(size)
    cut = clip(text, size)
    space = " " * (size - width(cut))
    if paint:
        cut = paint(name, cut)
    return space + cut if right else cut + space


def _fit(
    columns: Sequence[Column], widths: list[int], limit: int, *, header: bool
) -> tuple[list[int], list[int]]:
    """Choose the most important columns that fit in `limit`, as narrow as they may get.

    Returns the places of the columns that are shown, and their widths: what room is left goes to
    the narrowest first.
    """
    floors = [
        _floor(column, size, header=header) for column, size in zip(columns, widths, strict=True)
    ]
    shown = [i for i, column in enumerate(columns) if not column.rank]
    for i in sorted(range(len(columns)), key=lambda i: (columns[i].rank, i)):
        if i not in shown and _room(_sizes(columns, more := sorted([*shown, i]), floors)) <= limit:
            shown = more
    sizes = _sizes(columns, shown, floors)
    spare = limit - _room(sizes)
    for place, i in sorted(enumerate(shown), key=lambda pair: widths[pair[1]]):
        more_room = min(max(spare, 0), max(widths[i] - sizes[place], 0))
        sizes[place] += more_room
        spare -= more_room
    return shown, sizes


def _floor(column: Column, size: int, *, header: bool) -> int:
    """Return the width below which `column` is left out: its name may be broken, and text be cut."""
    name = _narrowest(column.name) * header
    if column.flexible:
        return min(size, max(column.narrowest, name))
    return max([name, *map(width, column.cells)])


def _sizes(columns: Sequence[Column], shown: Sequence[int], widths: Sequence[int]) -> list[int]:
    return _labelled([columns[i] for i in shown], [widths[i] for i in shown])
