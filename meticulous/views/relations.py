"""Scatter, heat map and parallel coordinates for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from meticulous.base.text import harmless
from meticulous.plots.axes import Scale
from meticulous.plots.relations import Column, Heat
from meticulous.views.canvas import PALETTE, Canvas, coloured
from meticulous.views.chart import Style, axis_below
from meticulous.views.text import clip, short, width

__all__ = ["heat_map", "parallel", "scatter"]

_RAMP = ("38;5;99", "38;5;63", "38;5;32", "38;5;36", "38;5;71", "38;5;148", "38;5;220")
"""From low to high."""
_GREYS = " ░▒▓█"
_LONGEST_WORD = 16


def scatter(x: Column, y: Column, ids: Sequence[Any], style: Style) -> list[str]:
    """Draw a point for each run: its id where there is room, ``●`` otherwise, a number for several."""
    labels = {
        _row(y.scale, tick.value, style.height): clip(tick.text, _LONGEST_WORD)
        for tick in y.ticks(max(style.height // 3, 2))
    }
    room = max(map(width, labels.values()), default=0) + 2
    canvas = Canvas(max(style.width - room - 1, 10), style.height, braille=style.braille)
    cells: dict[tuple[int, int], list[Any]] = {}
    for across, value, expid in zip(x.values, y.values, ids, strict=True):
        column = round(x.scale.share(across) * (canvas.columns - 1))
        cells.setdefault((column, _row(y.scale, value, style.height)), []).append(expid)
    for (column, row), inside in cells.items():
        mark = "●" if len(inside) == 1 else str(len(inside)) if len(inside) < 10 else "#"
        canvas.put(column, row, mark if style.braille else mark.replace("●", "o"), PALETTE[0])
    for (column, row), inside in cells.items():
        text = harmless(str(inside[0]))
        places = range(column + 1, column + 1 + len(text))
        is_free = places.stop < canvas.columns and not any(
            canvas.is_written(place, row) for place in (*places, places.stop)
        )
        if len(inside) == 1 and is_free:
            for place, character in zip(places, text, strict=True):
                canvas.put(place, row, character, PALETTE[-1])
    lines = [coloured(harmless(y.name), "1", in_colour=style.in_colour)]
    for row, text in enumerate(canvas.lines(in_colour=style.in_colour)):
        label = labels.get(row, "")
        lines.append(f"{label.rjust(room - 2)} {'┤' if label else '│'}{text}".rstrip())
    return lines + _below(x, canvas.columns, room - 1)


def _row(scale: Scale, value: float, height: int) -> int:
    return round((1 - scale.share(value)) * (height - 1))


def _below(x: Column, columns: int, indent: int) -> list[str]:
    if not x.words:
        return axis_below(x.scale, columns, indent, harmless(x.name))
    line, texts = ["─"] * columns, ""
    for tick in x.ticks(0):
        column = round(x.scale.share(tick.value) * (columns - 1))
        line[column] = "┬"
        start = min(max(column - width(tick.text) // 2, 0), columns - width(tick.text))
        if start > width(texts) or not texts:
            texts = texts.ljust(start) + tick.text
    name = clip(harmless(x.name), columns)
    return [f"{'':{indent}}└{''.join(line)}", f"{'':{indent + 1}}{texts}",
            name.rjust(indent + 1 + columns)]  # fmt: skip


def heat_map(heat: Heat, names: tuple[str, str, str], style: Style) -> list[str]:
    """Draw the mean of each cell, with how many runs it is of where that differs from one."""
    known = [cell[0] for row in heat.cells for cell in row if cell is not None]
    low, high = min(known), max(known)
    head = clip(f"{names[1]} ↓  {names[0]} →", style.width)
    texts = [[_cell(cell) for cell in row] for row in heat.cells]
    left = max(map(width, heat.down))
    size = max(width(text) for row in [*texts, heat.across] for text in row) + 2
    most = max((style.width - left - 2) // (size + 1), 1)
    lines = [
        coloured(f"{harmless(names[2])}, mean", "1", in_colour=style.in_colour),
        harmless(head),
    ]
    lines.append(" " * (left + 2) + " ".join(text.center(size) for text in heat.across[:most]))
    for label, row, cells in zip(heat.down, texts, heat.cells, strict=True):
        parts = [
            _painted(text.center(size), cell, (low, high), style)
            for text, cell in zip(row[:most], cells, strict=False)
        ]
        lines.append(f"{label.rjust(left)}  {' '.join(parts)}".rstrip())
    if most < len(heat.across):
        lines.append(f"no room for {', '.join(heat.across[most:])}")
    lines.append(f"from {short(low)} (dark) to {short(high)} (bright)")
    return lines


def _cell(cell: tuple[float, int] | None) -> str:
    if cell is None:
        return "-"
    mean = f"{cell[0]:.4g}"
    return mean if cell[1] == 1 else f"{mean} ({cell[1]})"


def _painted(
    text: str, cell: tuple[float, int] | None, span: tuple[float, float], style: Style
) -> str:
    if cell is None:
        return text
    share = (cell[0] - span[0]) / ((span[1] - span[0]) or 1)
    if not style.in_colour:
        mark = _GREYS[min(int(share * len(_GREYS)), len(_GREYS) - 1)] if style.braille else " "
        return mark + text[1:-1] + mark
    level = 233 + round(share * 20)  # greys of the 256 colours, which every reader can order
    return f"\x1b[48;5;{level};38;5;{255 if share < 0.5 else 16}m{text}\x1b[0m"


def parallel(columns: Sequence[Column], style: Style) -> list[str]:
    """Draw an axis for each column, and a line for each run, coloured by the last column."""
    gap = max((style.width - _LONGEST_WORD) // max(len(columns) - 1, 1), 6)
    canvas = Canvas(gap * (len(columns) - 1) + 1, style.height, braille=style.braille)
    last = columns[-1]
    order = sorted(range(len(last.values)), key=lambda place: -last.values[place])
    for place in order:
        share = last.scale.share(last.values[place])
        colour = _RAMP[min(int(share * len(_RAMP)), len(_RAMP) - 1)]
        points = [
            (
                number * gap * 2,
                round((1 - one.scale.share(one.values[place])) * (canvas.height - 1)),
            )
            for number, one in enumerate(columns)
        ]
        for start, end in pairwise(points):
            canvas.line(start, end, colour)
    for number, one in enumerate(columns):
        _axis(canvas, one, number * gap, gap, is_last=number == len(columns) - 1)
    lines = [""]
    for number, one in enumerate(columns):
        text = clip(harmless(one.name), gap - 1 if number < len(columns) - 1 else _LONGEST_WORD)
        lines[0] = lines[0].ljust(number * gap) + text
    lines += [text.rstrip() for text in canvas.lines(in_colour=style.in_colour)]
    return [*lines, f"{len(last.values)} runs, coloured by {harmless(last.name)}"]


def _axis(canvas: Canvas, one: Column, column: int, gap: int, *, is_last: bool) -> None:
    for row in range(canvas.rows):
        canvas.put(column, row, "│", "")
    for tick in one.ticks(max(canvas.rows // 4, 2)):
        row = _row(one.scale, tick.value, canvas.rows)
        text = clip(tick.text, gap - 2)
        canvas.put(column, row, "┤" if is_last else "├", "")
        start = column - len(text) if is_last else column + 1
        for place, character in enumerate(text):
            canvas.put(start + place, row, character, "")
