"""Bring runs back from the trash; without an ID, list what is in it."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence

from meticulous.base.units import format_bytes, format_duration
from meticulous.commands import _runs
from meticulous.errors import RunFolderError, UsageError
from meticulous.runfolder import RunFolder, trash
from meticulous.runfolder.directory import check_id
from meticulous.runfolder.sizes import size_of
from meticulous.runfolder.trash import Removed
from meticulous.views.table import Column, draw

__all__ = ["NAMES", "add_arguments", "all_named", "main"]

NAMES = "the id of a removed run; 3-7, 3,5, @TAG, or last: the last removed"


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
        _runs.print_lines(_listing(there))
        return 0
    chosen = all_named(arguments.runs, there)
    if arguments.new_id is not None:
        check_id(arguments.new_id)
        if len(chosen) != 1:
            raise UsageError("--as gives a name to one run", "Restore one at a time")
    for run in chosen:
        _runs.tell(f"restored {trash.restore(directory, run, arguments.new_id)}")
    return 0


def all_named(words: Sequence[str], there: list[Removed]) -> list[Removed]:
    """Return the removed runs that `words` name, each once."""
    return list(dict.fromkeys(run for word in words for run in _named(word, there)))


def _named(word: str, there: list[Removed]) -> list[Removed]:
    """Return the removed runs that `word` names, the last removed of each id. Raises RunFolderError."""
    found: dict[str, Removed] = {}
    for run in _meant(word, there):
        found.setdefault(run.id, run)
    if not found:
        raise RunFolderError(
            f"there is no run {word} in the trash", "`meticulous restore` lists what is"
        )
    return sorted(found.values(), key=lambda run: (len(run.id), run.id))


def _meant(word: str, there: list[Removed]) -> list[Removed]:
    """Return the removed runs that `word` names, as the selectors of `ls` do."""
    exact = [run for run in there if run.id == word]
    if exact := exact or [run for run in there if os.path.basename(run.path) == word]:
        return exact
    if "," in word:
        return [run for part in word.split(",") for run in _named(part.strip(), there)]
    if word == "last":
        return there[:1]
    if word.startswith("@"):
        return [run for run in there if word[1:] in _tags(run)]
    first, dash, last = word.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal()):
        return []
    return [run for run in there if run.id.isdecimal() and int(first) <= int(run.id) <= int(last)]


def _tags(run: Removed) -> list[str]:
    try:
        return list(map(str, RunFolder(run.path).read_metadata().get("tags") or []))
    except RunFolderError:
        return []


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
