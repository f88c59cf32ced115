"""A table of text: aligned, and fitted to a width. Draws what it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from meticulous.views.text import clip, width

__all__ = ["Column", "draw"]

_GAP = "  "
_NARROWEST = 8
"""Text columns are not cut below this; whole columns go before that."""


class Column(NamedTuple):
    """A column of texts without newlines; `cells` has one for each row.

    ``flexible`` columns (free text) may be cut; ``keep`` ones are never left out.
    """

    name: str
    cells: Sequence[str]
    right: bool = False
    flexible: bool = False
    keep: bool = False


def draw(
    columns: Sequence[Column],
    limit: int | None = None,
    *,
    header: bool = True,
    paint: Callable[[str, str], str] | None = None,
) -> tuple[list[str], list[str]]:
    """Draw `columns` side by side.

    Args:
        columns: all with the same number of cells.
        limit: columns of the terminal; None draws everything in full.
        header: whether the first line has the names.
        paint: (column name or "" for the header, text) -> the text with colour.

    Returns the lines, and the names of the columns that found no room.
    """
    widths = [max([width(column.name) * header, *map(width, column.cells)]) for column in columns]
    left_out: list[str] = []
    if limit is not None:
        columns, widths, left_out = _fit(columns, widths, limit)
    count = len(columns[0].cells) if columns else 0
    drawn = [_draw_column(*pair, header, paint) for pair in zip(columns, widths, strict=True)]
    return [_GAP.join(cells).rstrip() for cells in zip(*drawn, strict=True)][
        : count + header
    ], left_out


def _fit(
    columns: Sequence[Column], widths: list[int], limit: int
) -> tuple[list[Column], list[int], list[str]]:
    """Cut flexible columns, then leave out columns from the right, until all fit in `limit`."""
    shown = list(range(len(columns)))
    floors = [
        min(size, max(_NARROWEST, width(column.name))) if column.flexible else size
        for column, size in zip(columns, widths, strict=True)
    ]
    droppable = [i for i in shown if not columns[i].keep]
    while droppable and sum(floors[i] + len(_GAP) for i in shown) - len(_GAP) > limit:
        shown.remove(droppable.pop())
    left_out = [columns[i].name for i in range(len(columns)) if i not in shown]
    sizes = {i: floors[i] for i in shown}
    spare = limit - sum(size + len(_GAP) for size in sizes.values()) + len(_GAP)
    for i in sorted(shown, key=lambda i: widths[i]):
        more = min(max(spare, 0), widths[i] - sizes[i])
        sizes[i] += more
        spare -= more
    return [columns[i] for i in shown], [sizes[i] for i in shown], left_out


def _draw_column(
    column: Column, size: int, header: bool, paint: Callable[[str, str], str] | None
) -> list[str]:
    drawn = []
    titles = [column.name] if header else []
    for place, text in enumerate([*titles, *column.cells]):
        cut = clip(text, size)
        space = " " * (size - width(cut))
        if paint:
            cut = paint("" if place < len(titles) else column.name, cut)
        drawn.append(space + cut if column.right else cut + space)
    return drawn
