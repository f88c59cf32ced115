"""Show everything about a run."""

from __future__ import annotations

import argparse
import sys

from meticulous.commands import asked
from meticulous.views import detail

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `show`."""
    asked.add_selectors(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON list, one object a run")


def main(arguments: argparse.Namespace) -> int:
    """Print each run that is named."""
    _, rows = asked.runs_named(arguments, arguments.runs)
    records = [detail.record(row) for row in rows]
    if arguments.json:
        asked.print_json(records)
        return 0
    for place, record in enumerate(records):
        if place:
            print()
        asked.print_lines(list(detail.lines(record, sys.stdout)))
    return 0
