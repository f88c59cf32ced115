"""Say whether two runs gave the same: identical, same within tolerance, or different.

Compared are status, exit code, summary, metrics, what was printed (but for times and paths), and
the files that the program left in the run folder. The exit code is 0 where they gave the same, 1
where they differ, 2 where they cannot be compared.
"""

from __future__ import annotations

import argparse
import sys

from meticulous.commands import _runs
from meticulous.commands._console import print_json, print_lines
from meticulous.commands._terms import add_terms, judge, terms_of
from meticulous.errors import MeticulousError
from meticulous.query import selectors
from meticulous.views import comparison as view

__all__ = ["add_arguments", "main"]

_CANNOT = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `verify`."""
    parser.add_argument("one", metavar="A", help=selectors.HELP)
    parser.add_argument("other", metavar="B", help="likewise")
    _runs.add_directory(parser)
    add_terms(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def main(arguments: argparse.Namespace) -> int:
    """Print the verdict."""
    try:
        directory = _runs.directory_of(arguments.experiments_directory)
        words = (arguments.one, arguments.other)
        rows = _runs.ask(
            directory, lambda runs: [selectors.select_one(word, runs) for word in words]
        )
        verdict = judge(rows[0], rows[1], terms_of(arguments))
    except MeticulousError as error:
        error.exit_code = _CANNOT  # 1 says that they differ
        raise
    names = [str(row["expid"]) for row in rows]
    if arguments.json:
        print_json(view.as_json(verdict, names))
    else:
        print_lines(list(view.lines(verdict, names, sys.stdout)))
    return 0 if verdict.is_same else 1
