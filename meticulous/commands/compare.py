"""Show runs side by side: a column for each run, a line for what differs between them."""

from __future__ import annotations

import argparse
import shutil
import sys

from meticulous.commands import _runs
from meticulous.commands._console import print_json, print_lines
from meticulous.query.rows import HEADER, Row, usual_metrics
from meticulous.views import difference

__all__ = ["add_arguments", "main"]

_ALWAYS = ("start_time", "duration", "status")
_NEVER = ("expid", "curexpdir", "end_time")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `compare`."""
    _runs.add_selectors(parser)
    parser.add_argument("--all", action="store_true", help="also what is the same in all of them")
    parser.add_argument("--json", action="store_true", help="print a JSON list, one object a run")


def main(arguments: argparse.Namespace) -> int:
    """Print the table."""
    _, rows = _runs.runs_named(arguments, arguments.runs)
    names = _names(rows, every=arguments.all)
    if arguments.json:
        chosen = [{name: row.get(name) for name in ("expid", *names)} for row in rows]
        print_json(chosen)
        return 0
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print_lines(difference.side_by_side(rows, names, limit))
    return 0


def _names(rows: list[Row], *, every: bool) -> list[str]:
    """Return the header, arguments and summary; of those only what differs, but where `every`."""
    found = dict.fromkeys(
        name
        for prefix in ("args_", "summary_")
        for row in rows
        for name in row
        if name.startswith(prefix)
    )
    found.update(dict.fromkeys(usual_metrics(name for row in rows for name in row)))
    names = [name for name in (*HEADER, *found) if name not in _NEVER]
    if every or len(rows) < 2:
        return names
    return [
        name
        for name in names
        if name in _ALWAYS
        or name.startswith(("summary_", "metrics_"))
        or difference.differs(rows, name)
    ]
