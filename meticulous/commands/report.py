r"""Write one page about runs, to send or keep: `meticulous report 12-15 -o report.html`.

It opens from disk and asks nobody for anything: a table of the runs, curves of what they have logged,
scatter and parallel coordinates, and of each run its arguments, code, environment, resources and the end
of its log. Look at it before you send it: it shows what the runs have recorded.
"""

from __future__ import annotations

import os
import time

from meticulous import __version__, settings
from meticulous.child.helper import replace_file
from meticulous.commands import _names, _runs
from meticulous.commands._console import say
from meticulous.commands._parser import Parser
from meticulous.errors import UsageError
from meticulous.query.cache.index import Index
from meticulous.query.rows import Row

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "main"]


def add_arguments(parser: Parser) -> None:
    """Declare the command line of `report`."""
    parser.is_intermixed = True
    _names.add_words(parser, "all", "the metrics to draw (default: all)")
    _names.add_filter(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="report.html", help="default: report.html"
    )
    parser.add_argument("--title", metavar="TEXT", help="what stands above (default: the project)")


def main(arguments: argparse.Namespace) -> int:
    """Gather the runs, and write the page."""
    from meticulous.report.page import page  # numpy and what it reads with

    directory = _runs.directory_of(arguments.experiments_directory)
    rows, every, names = _runs.ask(directory, lambda index: _chosen(arguments, index))
    title = arguments.title or f"{_project(directory)}: {_count(rows)}"
    content = page(title, _data(rows, every, names, title))
    _write(arguments.output, content.encode())
    say(f"wrote {_count(rows)} to {arguments.output}, {len(content) / 1e6:.1f} MB")
    return 0


def _chosen(arguments: argparse.Namespace, index: Index) -> tuple[list[Row], list[Row], list[str]]:
    """Return the runs to show, all runs, and the names to draw."""
    runs, names = _names.split(arguments.words, index)
    every = index.select()
    if arguments.filter is not None:
        runs = _names.matching(arguments.filter, runs, index)
    found = every if runs is None else runs
    if not found:
        message = "no run matches" if every else "there are no runs yet"
        raise UsageError(message, "See `meticulous ls`")
    return found, every, names


def _data(rows: list[Row], every: list[Row], names: list[str], title: str) -> dict[str, object]:
    from meticulous.plots import labels
    from meticulous.report import curves, runs

    packed = curves.packed(rows, None)
    known = [one["name"] for one in packed["curves"]]
    _names.check(names, known)
    if names:
        packed["curves"] = [one for one in packed["curves"] if _names.matches(one["name"], names)]
    seeds = settings.seed_names(settings.find_place({}).values)
    return {
        "title": title,
        "made": time.strftime("%Y-%m-%d %H:%M %z"),
        "version": __version__,
        "columns": runs.columns(rows),
        "palette": labels.COLOURS,
        "slots": labels.slots([row["expid"] for row in rows]),
        "groups": runs.groups(rows, seeds),
        **runs.details(rows, every),
        **packed,
    }


def _count(rows: list[Row]) -> str:
    return "1 run" if len(rows) == 1 else f"{len(rows)} runs"


def _project(directory: str) -> str:
    """Return the name of the folder that holds the experiments directory."""
    return os.path.basename(os.path.dirname(os.path.abspath(directory))) or directory


def _write(path: str, content: bytes) -> None:
    """Write a file whole or not at all."""
    try:
        replace_file(path, content)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}"
        raise UsageError(message, "Choose another file") from error
