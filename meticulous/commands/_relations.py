"""Scatter, heat map and parallel coordinates of `plot`; itself no command."""

from __future__ import annotations

import argparse
import shutil
import sys
from typing import Any

from meticulous.commands._console import say
from meticulous.errors import UsageError
from meticulous.query.question import split_list
from meticulous.query.rows import Row
from meticulous.views import colour
from meticulous.views.chart import Style

__all__ = ["draw_relation", "terminal_style", "usual_height"]

_SHORTEST, _TALLEST = 6, 22


def usual_height(room: int) -> int:
    """Return how many lines a chart has where there is `room` for so many."""
    return min(max(room, _SHORTEST), _TALLEST)


def terminal_style(columns: int, height: int) -> Style:
    """Return the style of a chart on stdout: coloured on a terminal, braille where it can be written."""
    has_braille = "utf" in (sys.stdout.encoding or "").lower()
    return Style(columns, height, colour.painter(sys.stdout) is not None, braille=has_braille)


def draw_relation(arguments: argparse.Namespace, rows: list[Row]) -> list[str]:
    """Return the lines of a scatter, a heat map or parallel coordinates, or write them to a file."""
    from meticulous.plots.relations import column, heat, held
    from meticulous.views import relations

    names: Any = arguments.scatter or arguments.heatmap or split_list([arguments.parallel])
    if len(names) < 2:
        raise UsageError("--parallel needs two columns at least", "Such as args_lr,summary_loss")
    found, missing = held(rows, names)
    if missing:
        say(f"{missing} runs have no value there, and are left out")
    ids = [row["expid"] for row in found]
    screen = shutil.get_terminal_size()
    style = terminal_style(screen.columns, arguments.height or usual_height(screen.lines - 5))
    if arguments.heatmap:
        cells = heat(found, *names)
        draw: Any = lambda module: module.heat_figure(cells, names)  # noqa: E731
        lines = relations.heat_map(cells, names, style)
    elif arguments.scatter:
        x = column(names[0], found, log=arguments.log_x or None)
        y = column(names[1], found, log=arguments.log)
        draw = lambda module: module.scatter_figure(x, y, ids)  # noqa: E731
        lines = relations.scatter(x, y, ids, style)
    else:
        columns = [column(name, found) for name in names]
        draw = lambda module: module.parallel_figure(columns)  # noqa: E731
        lines = relations.parallel(columns, style)
    if not arguments.output:
        return lines
    from meticulous.plots import figure

    with figure.styled(arguments.style):
        figure.save(draw(figure), arguments.output)
    say(f"wrote {arguments.output}")
    return []
