"""Show what differs between two runs: arguments, code, command, environment, packages, summary."""

from __future__ import annotations

import argparse
import shutil
import sys

from meticulous.commands import _runs
from meticulous.commands._console import print_json, print_lines, say
from meticulous.git.diff import code_difference, pager
from meticulous.query import selectors
from meticulous.reproduce import code as recorded
from meticulous.runfolder import RunFolder
from meticulous.views import colour, detail, difference
from meticulous.views.pager import print_paged

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `diff`."""
    parser.add_argument("one", metavar="A", help=selectors.HELP)
    parser.add_argument("other", metavar="B", help="likewise")
    _runs.add_directory(parser)
    parser.add_argument(
        "--code",
        action="store_true",
        help="print the difference of their code, uncommitted changes that were kept included",
    )
    parser.add_argument(
        "--stat", action="store_true", help="with --code, only how much changed in which file"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object, by section")


def main(arguments: argparse.Namespace) -> int:
    """Print the differences."""
    directory = _runs.directory_of(arguments.experiments_directory)
    names = (arguments.one, arguments.other)
    one, other = _runs.ask(
        directory, lambda runs: [selectors.select_one(name, runs) for name in names]
    )
    if arguments.code or arguments.stat:
        _print_code(RunFolder(one["curexpdir"]), RunFolder(other["curexpdir"]), arguments)
        return 0
    found = difference.between(detail.record(one), detail.record(other))
    if arguments.json:
        print_json(found)
        return 0
    limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    titles = (f"run {one['expid']}", f"run {other['expid']}")
    print_lines(list(difference.lines(found, titles, limit)))
    return 0


def _print_code(one: RunFolder, other: RunFolder, arguments: argparse.Namespace) -> None:
    repository = recorded.repository_of(other)
    old, new = (recorded.commit_of(run, repository) for run in (one, other))
    for run in (one, other):
        if recorded.lacks_changes(run):
            say(f"run {run.id} had uncommitted changes, which were not kept")
    is_coloured = colour.painter(sys.stdout) is not None
    code = code_difference(repository, old, new, stat=arguments.stat, coloured=is_coloured)
    if not code:
        say(f"run {one.id} and run {other.id} have the same code")
    print_paged(code, pager(repository) if sys.stdout.isatty() else "")
