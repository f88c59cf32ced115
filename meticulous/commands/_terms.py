"""The options of `verify` and `rerun` that say what counts as equal, and the verdict by them."""

from __future__ import annotations

import argparse
import math

from meticulous.comparison import Terms, Verdict, compare
from meticulous.comparison.values import Tolerance
from meticulous.errors import RunFolderError
from meticulous.query.rows import Row
from meticulous.runfolder import RUNNING, RunFolder

__all__ = ["add_terms", "judge", "terms_of"]


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
