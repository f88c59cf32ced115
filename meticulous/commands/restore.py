"""Bring runs back from the trash; without an ID, list what is in it."""

from __future__ import annotations

import argparse
import time

from meticulous.base.units import format_bytes, format_duration
from meticulous.commands import _runs
from meticulous.commands._console import print_lines, tell
from meticulous.errors import UsageError
from meticulous.query.trash_selectors import NAMES, all_named
from meticulous.runfolder import trash
from meticulous.runfolder.directory import check_id
from meticulous.runfolder.sizes import size_of
from meticulous.runfolder.trash import Removed
from meticulous.views.table import Column, draw

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `restore`."""
    _runs.add_directory(parser)
    parser.add_argument("runs", nargs="*", metavar="ID", help=NAMES)
    parser.add_argument("--as", dest="new_id", metavar="NAME", help="give it this id instead")


def main(arguments: argparse.Namespace) -> int:
    """Restore what is named, the last removed of an id."""
    directory = _runs.directory_of(arguments.experiments_directory)
    there = trash.removed(directory)
    if not arguments.runs:
        print_lines(_listing(there))
        return 0
    chosen = all_named(arguments.runs, there)
    if arguments.new_id is not None:
        check_id(arguments.new_id)
        if len(chosen) != 1:
            raise UsageError("--as gives a name to one run", "Restore one at a time")
    for run in chosen:
        tell(f"restored {trash.restore(directory, run, arguments.new_id)}")
    return 0


def _listing(there: list[Removed]) -> list[str]:
    if not there:
        return ["the trash is empty"]
    ages = [format_duration(max(time.time() - run.time, 0)) for run in there]
    return draw(
        [
            Column("expid", [run.id for run in there], right=True),
            Column("removed", [f"{one} ago" for one in ages], right=True),
            Column("size", [format_bytes(size_of(run.path).bytes) for run in there], right=True),
        ]
    ).lines
