"""Show what differs between two runs: arguments, code, command, environment, packages, summary."""

from __future__ import annotations

import argparse
import shutil
import sys

from meticulous import settings
from meticulous.asking import selectors
from meticulous.codestate.difference import code_difference
from meticulous.commands import asked
from meticulous.errors import CodeStateError
from meticulous.reading import Row
from meticulous.views import detail, difference

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `diff`."""
    parser.add_argument("one", metavar="A", help=selectors.HELP)
    parser.add_argument("other", metavar="B", help="likewise")
    asked.add_directory(parser)
    parser.add_argument(
        "--code", action="store_true", help="print the difference of the code of their commits"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object, by section")


def main(arguments: argparse.Namespace) -> int:
    """Print the differences."""
    directory = asked.directory_of(arguments.experiments_directory)
    names = (arguments.one, arguments.other)
    one, other = asked.ask(
        directory, lambda runs: [selectors.select_one(name, runs) for name in names]
    )
    if arguments.code:
        sys.stdout.flush()
        sys.stdout.buffer.write(_code_difference(directory, one, other))
        return 0
    found = difference.between(detail.record(one), detail.record(other))
    if arguments.json:
        asked.print_json(found)
        return 0
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    titles = (f"run {one['expid']}", f"run {other['expid']}")
    asked.print_lines(list(difference.lines(found, titles, limit)))
    return 0


def _code_difference(directory: str, one: Row, other: Row) -> bytes:
    for row in (one, other):
        if not row.get("sha"):
            raise CodeStateError(f"run {row['expid']} has no commit recorded")
    repository = settings.find_repository(directory)
    if repository is None:
        hint = "Give the --experiments-directory inside the project"
        raise CodeStateError(f"{directory} is in no git repository", hint)
    return code_difference(repository, one["sha"], other["sha"])
