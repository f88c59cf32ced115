"""Say whether two runs gave the same: identical, same within tolerance, or different.

Compared are status, exit code, summary, metrics, what was printed (but for times and paths), and
the files that the program left in the run folder. The exit code is 0 where they gave the same, 1
where they differ, 2 where they cannot be compared.
"""

from __future__ import annotations

import argparse
import math
import sys

from meticulous.commands import _runs
from meticulous.comparison import Terms, Verdict, compare
from meticulous.comparison.values import Tolerance
from meticulous.errors import MeticulousError, RunFolderError
from meticulous.query import selectors
from meticulous.query.rows import Row
from meticulous.runfolder import RUNNING, RunFolder
from meticulous.views import comparison as view

__all__ = ["add_arguments", "add_terms", "judge", "main", "terms_of"]

_CANNOT = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `verify`."""
    parser.add_argument("one", metavar="A", help=selectors.HELP)
    parser.add_argument("other", metavar="B", help="likewise")
    _runs.add_directory(parser)
    add_terms(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def add_terms(parser: argparse.ArgumentParser) -> None:
    """Declare on what terms two runs count as the same."""
    parser.add_argument(
        "--rtol",
        type=_tolerance,
        default=0.0,
        metavar="R",
        help="numbers may be apart by this share of the larger one, such as 1e-6 (default: 0)",
    )
    parser.add_argument(
        "--atol", type=_tolerance, default=0.0, metavar="A", help="and by this much (default: 0)"
    )
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="PATTERN",
        help="do not compare files of the run folder, and values, of this name; repeatable",
    )
    parser.add_argument(
        "--exact", action="store_true", help="compare also times, paths and process ids"
    )


def terms_of(arguments: argparse.Namespace, roots: tuple[str, ...] = ()) -> Terms:
    """Read the options of :func:`add_terms`."""
    tolerance = Tolerance(arguments.rtol, arguments.atol)
    return Terms(tolerance, tuple(arguments.ignore), arguments.exact, roots)


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
        _runs.print_json(view.as_json(verdict, names))
    else:
        _runs.print_lines(list(view.lines(verdict, names, sys.stdout)))
    return 0 if verdict.is_same else 1


def judge(one: Row, other: Row, terms: Terms) -> Verdict:
    """Compare the runs of two rows. Raises RunFolderError where one is running."""
    for row in (one, other):
        if row["status"] == RUNNING:
            raise RunFolderError(
                f"run {row['expid']} is running", f"Wait for it: meticulous wait {row['expid']}"
            )
    folders = RunFolder(one["curexpdir"]), RunFolder(other["curexpdir"])
    return compare(folders[0], folders[1], [one["status"], other["status"]], terms)


def _tolerance(text: str) -> float:
    """Read a tolerance; for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 on")
    return value
