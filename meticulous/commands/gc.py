"""Remove the runs that are of no use any more: they go to the trash, as with `rm`.

Every condition that is given must hold. Running runs, and those with the tag `keep`, stay.
"""

from __future__ import annotations

import argparse
import time
from datetime import datetime

from meticulous.commands import _removal, _runs
from meticulous.errors import UsageError
from meticulous.query.question import Question, answer
from meticulous.query.rows import Row

__all__ = ["add_arguments", "main"]

KEEP = "keep"
"""The tag that keeps a run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `gc`."""
    _runs.add_directory(parser)
    which = parser.add_argument_group("which runs", "at least one of these")
    which.add_argument("--status", action="append", help="with this status; repeatable")
    which.add_argument(
        "--older-than", type=_runs.seconds, metavar="TIME", help="started longer ago, such as 30d"
    )
    which.add_argument(
        "--failed-under",
        type=_runs.seconds,
        metavar="TIME",
        help="ended as an ERROR in less than this time, such as 5s",
    )
    which.add_argument("--filter", metavar="QUERY", help="that meet this condition, as in `ls`")
    which.add_argument("--keep-last", type=int, metavar="N", help="but for the last N of all runs")
    _removal.add_answers(parser)


def main(arguments: argparse.Namespace) -> int:
    """Move the runs that meet all conditions to the trash."""
    criteria = ("status", "older_than", "failed_under", "filter", "keep_last")
    if all(getattr(arguments, name) is None for name in criteria):
        hint = "Give for instance --status ERROR --older-than 30d, or --keep-last 100"
        raise UsageError("gc without a condition would remove every run", hint)
    if arguments.keep_last is not None and arguments.keep_last < 0:
        raise UsageError("--keep-last needs a number of runs", "Such as --keep-last 100")
    directory = _runs.directory_of(arguments.experiments_directory)
    question = Question(filter=arguments.filter, status=tuple(arguments.status or ()))
    rows, last = _runs.ask(
        directory,
        lambda runs: (
            answer(runs, question).rows,
            {row["expid"] for row in runs.select(tail=arguments.keep_last or 0)},
        ),
    )
    chosen = [
        row
        for row in rows
        if row["expid"] not in last
        and KEEP not in str(row["tags"]).split(",")
        and _is_old(row, arguments.older_than)
        and _has_failed_early(row, arguments.failed_under)
        and not _removal.is_running(row)
    ]
    if not chosen:
        print("no run meets these conditions")
        return 0
    return _removal.move_to_trash(arguments, directory, chosen)


def _is_old(row: Row, seconds: float | None) -> bool:
    if seconds is None:
        return True
    start = row["start_time"]
    # Without a time of start nothing is known, and what is not known is kept.
    return bool(start) and time.time() - datetime.fromisoformat(start).timestamp() > seconds


def _has_failed_early(row: Row, seconds: float | None) -> bool:
    if seconds is None:
        return True
    return row["status"] == "ERROR" and (row["duration"] or 0) < seconds
