"""Show runs side by side: a column for each run, a line for what differs between them.

Results are followed by how far they are from those of the first run; the best one has a star,
where it is known what is better: see `meticulous help runs`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence

from meticulous import settings
from meticulous.commands import _runs
from meticulous.commands._console import print_json, print_lines
from meticulous.query.importance import ARGUMENTS, opened
from meticulous.query.rows import HEADER, Row, ordered, usual_metrics
from meticulous.views import difference, side_by_side

__all__ = ["add_arguments", "main"]

_NEVER = ("expid", "curexpdir", "end_time")
_WHEN = ("start_time", "duration")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `compare`."""
    _runs.add_selectors(parser)
    parser.add_argument("--all", action="store_true", help="also what is the same in all of them")
    parser.add_argument("--json", action="store_true", help="print a JSON list, one object a run")


def main(arguments: argparse.Namespace) -> int:
    """Print the table."""
    _, rows = _runs.runs_named(arguments, arguments.runs)
    if arguments.json:
        names = _differing(rows, _names(rows), every=arguments.all)
        print_json([{name: row.get(name) for name in ("expid", *names)} for row in rows])
        return 0
    flat, names = opened(rows, _names(rows))
    names = _differing(flat, names, every=arguments.all)
    if sys.stdout.isatty():
        said = settings.better(settings.find_place({}).values)
        limit = shutil.get_terminal_size().columns
        print_lines(side_by_side.for_people(flat, names, said, limit))
    else:
        print_lines(side_by_side.for_programs(flat, names))
    return 0


def _names(rows: Sequence[Row]) -> list[str]:
    """Return the header, the arguments, the results and the usual metrics of `rows`."""
    every = {name: None for row in rows for name in row}
    usual = {*usual_metrics(every)}
    return [
        name
        for name in ordered(every)
        if name not in _NEVER
        and (name in HEADER or name in usual or name.startswith((ARGUMENTS, "summary_")))
    ]


def _differing(rows: Sequence[Row], names: Sequence[str], *, every: bool) -> list[str]:
    """Return those of `names` in which `rows` differ, and when they were; or `every` one."""
    if every or len(rows) < 2:
        return list(names)
    return [name for name in names if name in _WHEN or difference.differs(rows, name)]
