"""Bring runs back from the trash; without an ID, list what is in it."""

from __future__ import annotations

import argparse
import time

from meticulous.commands import asked
from meticulous.errors import RunFolderError, UsageError
from meticulous.runfolder import trash
from meticulous.runfolder.sizes import size_of
from meticulous.runfolder.store import check_id
from meticulous.runfolder.trash import Removed
from meticulous.units import format_bytes, format_duration
from meticulous.views.table import Column, draw

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `restore`."""
    asked.add_directory(parser)
    parser.add_argument(
        "runs", nargs="*", metavar="ID", help="the id of a removed run; 3-7 for several"
    )
    parser.add_argument("--as", dest="new_id", metavar="NAME", help="give it this id instead")


def main(arguments: argparse.Namespace) -> int:
    """Restore what is named, the last removed of an id."""
    directory = asked.directory_of(arguments.experiments_directory)
    there = trash.removed(directory)
    if not arguments.runs:
        asked.print_lines(_listing(there))
        return 0
    chosen = [run for word in arguments.runs for run in named(word, there)]
    if arguments.new_id is not None:
        check_id(arguments.new_id)
        if len(chosen) != 1:
            raise UsageError("--as gives a name to one run", "Restore one at a time")
    for run in chosen:
        print(f"restored {trash.restore(directory, run, arguments.new_id)}")
    return 0


def named(word: str, there: list[Removed]) -> list[Removed]:
    """Give the removed runs that `word` names, the last removed of each id. Raises RunFolderError."""
    first, dash, last = word.partition("-")
    ids = {word}
    if dash and first.isdigit() and last.isdigit():
        ids = {str(number) for number in range(int(first), int(last) + 1)}
    found: dict[str, Removed] = {}
    for run in there:
        if run.id in ids:
            found.setdefault(run.id, run)
    if not found:
        raise RunFolderError(
            f"there is no run {word} in the trash", "`meticulous restore` lists what is"
        )
    return sorted(found.values(), key=lambda run: (len(run.id), run.id))


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
