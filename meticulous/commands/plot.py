r"""Draw what runs have logged: `meticulous plot 12-15 loss`, `meticulous plot 12 'val/*' -o curve.pdf`.

Numbers, ranges, last, best:… and @tags are RUNS, as is the name of a run; other words are NAMES, and *
matches many. Without names each metric has a picture of its own. Of each part of the axis the lowest, the
highest and the last value are drawn: no spike is lost.

--scatter, --heatmap and --parallel draw columns of `meticulous ls`, by default of all runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Sequence
from typing import Any

from meticulous import settings
from meticulous.commands import _names, _runs, _watch
from meticulous.commands._console import print_lines, say
from meticulous.commands._parser import Parser
from meticulous.commands._relations import draw_relation, terminal_style, usual_height
from meticulous.errors import UsageError
from meticulous.query import selectors
from meticulous.query.cache.index import Index
from meticulous.query.question import split_list
from meticulous.query.rows import Row

__all__ = ["add_arguments", "main"]

_FILES = (".png", ".svg", ".pdf")
_MOST_PICTURES = 12


def add_arguments(parser: Parser) -> None:
    """Declare the command line of `plot`."""
    parser.is_intermixed = True
    _names.add_words(parser, "last", "what was logged")
    _names.add_filter(parser)
    parser.add_argument(
        "-x",
        metavar="AXIS",
        default="step",
        help="step (default), time, relative (time since the start), or a name that was logged, "
        "such as epoch",
    )
    parser.add_argument("--log", action="store_true", help="a logarithmic y axis")
    parser.add_argument("--log-x", action="store_true", help="a logarithmic x axis")
    parser.add_argument(
        "--smooth",
        type=float,
        default=0.0,
        metavar="WEIGHT",
        help="an exponential moving average, from 0 (none) to below 1; the line before stays, faint",
    )
    parser.add_argument(
        "--groupby",
        metavar="COLUMN",
        help="mean and standard deviation over the runs of a group; "
        "`args`: that agree in all arguments but seeds",
    )
    parser.add_argument("--split", action="store_true", help="a picture of its own for each name")
    parser.add_argument(
        "--all", action="store_true", help="keep the steps that a later attempt has repeated"
    )
    other = parser.add_argument_group("other pictures")
    other.add_argument("--resources", action="store_true", help="what the runs have used")
    other.add_argument("--scatter", nargs=2, metavar=("X", "Y"), help="a point for each run")
    other.add_argument(
        "--heatmap", nargs=3, metavar=("X", "Y", "VALUE"), help="the mean of VALUE by two columns"
    )
    other.add_argument("--parallel", metavar="COLUMNS", help="parallel axes: a line for each run")
    to = parser.add_argument_group("where to")
    to.add_argument("-o", "--output", metavar="FILE", help=f"draw into FILE: {', '.join(_FILES)}")
    to.add_argument("--style", metavar="STYLE", help="a style of matplotlib, or a file of one")
    to.add_argument("--export", metavar="FILE", help="write the points that are drawn as .csv")
    to.add_argument("--height", type=int, metavar="LINES", help="of a picture in the terminal")
    _watch.add_option(to, "draw it again, every 2s or so often, until the runs have ended")


def main(arguments: argparse.Namespace) -> int:
    """Draw the pictures that are asked for."""
    _check(arguments)
    directory = _runs.directory_of(arguments.experiments_directory)
    rows, names = _runs.ask(directory, lambda index: _chosen(arguments, index))

    def show() -> None:
        if _is_relation(arguments):
            lines = draw_relation(arguments, rows)
        else:
            lines = _drawn(arguments, rows, names)
        if arguments.watch is not None:
            _watch.clear_screen()
        print_lines(lines)

    _watch.until_ended(arguments.watch, rows, show)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what can be refused before anything is read."""
    if not 0 <= arguments.smooth < 1:
        raise UsageError("--smooth must be from 0 to below 1", "Such as --smooth 0.9")
    if arguments.height is not None and not 3 <= arguments.height <= 500:
        raise UsageError("--height must be from 3 to 500")
    if arguments.output:
        ending = os.path.splitext(arguments.output)[1].lower()
        if ending not in _FILES:
            message = f"cannot draw into {arguments.output}: unknown ending"
            raise UsageError(message, f"Use one of {', '.join(_FILES)}")
        from meticulous.plots.drawing import need_matplotlib

        need_matplotlib("-o")
    elif arguments.style:
        raise UsageError("--style needs -o FILE", "The terminal has no styles")
    if arguments.export and not arguments.export.endswith(".csv"):
        raise UsageError(f"cannot export to {arguments.export}: unknown ending", "Use .csv")
    several = [_is_relation(arguments), arguments.resources, bool(arguments.groupby)]
    if sum(several) > 1:
        raise UsageError("--resources, --groupby, --scatter, --heatmap, --parallel: give one")
    if arguments.export and _is_relation(arguments):
        raise UsageError("--export writes the points of curves", "See `meticulous ls --export`")


def _is_relation(arguments: argparse.Namespace) -> bool:
    return bool(arguments.scatter or arguments.heatmap or arguments.parallel)


def _chosen(arguments: argparse.Namespace, index: Index) -> tuple[list[Row], list[str]]:
    """Return the runs and the names that are asked for."""
    runs, names = _names.split(arguments.words, index)
    if _is_relation(arguments) and names:
        raise UsageError(f"there is no run {names[0]}", "See `meticulous ls`")
    if runs is None and not (arguments.filter or _is_relation(arguments)):
        runs = selectors.select_all(["last"], index)
    if arguments.filter or runs is None:
        runs = _names.matching(arguments.filter, runs, index)
    if not runs:
        raise UsageError("no run matches", "See `meticulous ls`")
    return runs, names


def _drawn(arguments: argparse.Namespace, rows: list[Row], names: list[str]) -> list[str]:
    """Return the lines of the curves; with -o or --export they are written instead, or as well."""
    from meticulous.plots.drawing import FILE_BUCKETS
    from meticulous.plots.picture import export, picture

    columns = shutil.get_terminal_size().columns
    buckets = FILE_BUCKETS if arguments.output else max(columns - 10, 10) * 2
    found = _resources(rows) if arguments.resources else _curves(arguments, rows, names)
    pictures = []
    for title, curves in found:
        one = picture(curves, buckets, log_x=arguments.log_x, log_y=arguments.log)
        if one is not None:
            pictures.append((title, one))
    if not pictures:
        raise UsageError("there is nothing to draw", "On a logarithmic axis nothing is below zero")
    for note in dict.fromkeys(note for _, one in pictures for note in one.notes):
        say(note)
    if arguments.export:
        count = export(arguments.export, [one for _, one in pictures])
        say(f"wrote {count} points to {arguments.export}")
    if arguments.output:
        from meticulous.plots import figure

        with figure.styled(arguments.style):
            figure.save(figure.curves_figure(pictures), arguments.output)
        say(f"wrote {arguments.output}")
    if arguments.output or arguments.export:
        return []
    return _in_terminal(pictures, arguments, columns)


def _in_terminal(pictures: Any, arguments: argparse.Namespace, columns: int) -> list[str]:
    from meticulous.views.chart import chart

    rows = shutil.get_terminal_size().lines // min(len(pictures), 3)
    legend = max(len(one.curves) for _, one in pictures)
    height = arguments.height or usual_height(rows - 5 - min(legend, 6))
    style = terminal_style(columns, height)
    lines: list[str] = []
    for title, one in pictures:
        lines += [*([""] if lines else []), *chart(one, title, style)]
    return lines


def _resources(rows: list[Row]) -> list[tuple[str, Any]]:
    from meticulous.plots.resources import resource_curves

    found = resource_curves(rows)
    if not found:
        raise UsageError("the runs have no samples of resources", "See docs/resources.md")
    return found


def _curves(
    arguments: argparse.Namespace, rows: list[Row], names: list[str]
) -> list[tuple[str, Any]]:
    """Return (title, curves) of each picture."""
    from meticulous.plots.curves import OWN_AXES, Wanted, curves, load

    has_patterns = not names or any("*" in name for name in names)
    chosen = None if has_patterns else names
    loaded = load(rows, chosen, arguments.x, every_attempt=arguments.all)
    every = list(dict.fromkeys(name for one in loaded for name in one.names))
    asked = [*names, *([] if arguments.x in OWN_AXES else [arguments.x])]
    if not every or any(not any(_names.matches(one, [name]) for one in every) for name in asked):
        _refuse(rows, asked)
    mine = [name for name in every if not names or _names.matches(name, names)]
    mine = [name for name in mine if name != arguments.x or name in names]
    mine.sort(key=lambda name: names.index(name) if name in names else len(names))
    groupby = split_list([arguments.groupby]) if arguments.groupby else ()
    known = {name for row in rows for name in row}
    for name in groupby:
        if name not in known and name != "args":
            raise UsageError(
                f"no run has the column {name!r}", "See `meticulous ls --list-columns`"
            )
    seeds = settings.seed_names(settings.find_place({}).values)
    wanted = Wanted(mine, arguments.x, arguments.smooth, groupby, seeds)
    panels = [[name] for name in mine] if arguments.split or not names else [mine]
    if len(panels) > _MOST_PICTURES and not arguments.split:
        say(f"drawing {_MOST_PICTURES} of {len(panels)} metrics; name those that you want to see")
        panels = panels[:_MOST_PICTURES]
    found = [
        (_title(panel), curves(rows, loaded, wanted._replace(names=panel))) for panel in panels
    ]
    return [(title, one) for title, one in found if one.curves]


def _refuse(rows: list[Row], names: Sequence[str]) -> None:
    """Raise UsageError where the runs have logged nothing, or not all of `names`."""
    from meticulous.metrics import series

    known = [name for row in rows for name in series.read(row["curexpdir"]).names]
    if not known:
        which = f"run {rows[0]['expid']} has" if len(rows) == 1 else "the runs have"
        raise UsageError(f"{which} logged no metrics", "See docs/metrics.md")
    _names.check(names, known)


def _title(names: Sequence[str]) -> str:
    from meticulous.base.text import harmless

    return ", ".join(map(harmless, names))
