"""List the runs of an experiments directory, the newest last.

Filter, group, sort, columns and tail are applied in this order. Columns are
those of the run (expid, sha, start_time, duration, status …), args_… for its
arguments, summary_… for its results and metrics_… for what it has logged
(metrics_loss is the last value, metrics_loss_min the lowest); --list-columns
lists them.

The arguments that vary are shown first, then the results; those that are the
same in all runs stand in a line above the table. A terminal shows the last
runs that it has room for.
"""

from __future__ import annotations

import argparse
import os

from meticulous import settings
from meticulous.commands import _ls_shown, _runs, _watch
from meticulous.commands._console import shown_path
from meticulous.errors import UsageError
from meticulous.query import selectors
from meticulous.query.cache.index import Index
from meticulous.query.question import Question, answer, split_list
from meticulous.runfolder import STATUS, RunFolder
from meticulous.views import export
from meticulous.views.sparks import with_sparks

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `ls`."""
    parser.add_argument(
        "directory",
        nargs="*",
        metavar="DIRECTORY|RUNS",
        help="where the runs are (default: the project's); which they are: 12-15, @TAG, last",
    )
    which = parser.add_argument_group("which runs")
    which.add_argument("--filter", metavar="QUERY", help="those a pandas query holds for")
    which.add_argument("--status", metavar="STATE", nargs="+", help="those in one of these states")
    which.add_argument("--tag", metavar="TAG", help="those with this tag")
    which.add_argument("--sweep", metavar="ID", type=int, help="those of this sweep")
    which.add_argument(
        "--since", metavar="2d", help="those started since: 30m, 12h, 2d, 1w, a date"
    )
    order = parser.add_argument_group("groups and order")
    order.add_argument(
        "--groupby",
        metavar="COLUMN",
        nargs="+",
        help="one row for each value: mean and std of numbers, counts of the rest; "
        "`args` stands for all arguments but seeds",
    )
    order.add_argument("--sort", metavar="COLUMN", nargs="+", help="the largest first")
    order.add_argument("--sort_reverse", action="store_true", help="the smallest first")
    order.add_argument("--tails", "--tail", type=int, metavar="K", help="only the last K rows")
    order.add_argument("--head", type=int, metavar="K", help="only the first K rows")
    _add_shown(parser.add_argument_group("what is shown"))
    parser.add_argument(
        "--refresh", action="store_true", help="read every run again, whatever was remembered"
    )


def _add_shown(shown: argparse._ArgumentGroup) -> None:
    shown.add_argument(
        "--columns", metavar="COLUMN", nargs="+", help="these columns; * matches many"
    )
    shown.add_argument(
        "--args",
        choices=("none", "truncated", "non-default", "all"),
        help="no arguments; those that differ (default); "
        "those that are not the default; all in full",
    )
    shown.add_argument("--all", action="store_true", help="all rows, a page at a time")
    shown.add_argument("--wide", action="store_true", help="all columns, values in full")
    shown.add_argument("--no-n", action="store_true", help="mean ± std without the number of runs")
    shown.add_argument(
        "--normalize-json-values",
        type=int,
        default=0,
        metavar="N",
        help="make columns of nested values, N levels deep",
    )
    shown.add_argument(
        "--spark",
        metavar="NAME",
        nargs="+",
        help="the shape of what was logged as NAME, as a column",
    )
    shown.add_argument("--list-columns", action="store_true", help="list the columns, not the runs")
    shown.add_argument("--no-header", action="store_true", help="leave out the line of names")
    shown.add_argument("--tsv", action="store_true", help="values in full, with tabs between them")
    shown.add_argument("--json", action="store_true", help="print a JSON list, one object a row")
    shown.add_argument(
        "--export",
        metavar="FILE",
        help=f"write to FILE: .{', .'.join(export.ENDINGS)}; - is CSV on stdout",
    )
    _watch.add_option(shown, "show it again and again, every 2s or so often")


def main(arguments: argparse.Namespace) -> int:
    """Answer, and print or export the answer."""
    _check(arguments)
    directory, runs = _named([*arguments.directory, *_behind_lists(arguments)])
    question = _question(arguments)
    while True:
        table = _runs.ask(
            _runs.directory_of(directory),
            lambda index: answer(index, _narrowed(question, index, runs)),
            refresh=arguments.refresh,
        )
        if not table.rows and directory:
            _refuse_run(directory)
        if arguments.spark:
            table = with_sparks(table, split_list(arguments.spark))
        _ls_shown.show(arguments, table, question)
        if arguments.watch is None:
            return 0
        _watch.pause(arguments.watch)


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what can be refused before anything is read."""
    if arguments.export:
        export.check(arguments.export)
    if arguments.sort_reverse and not arguments.sort:
        raise UsageError("--sort_reverse needs --sort", "Say which columns to sort by")
    if arguments.spark and arguments.groupby:
        raise UsageError("--spark shows runs, and --groupby groups of them", "Give one of the two")
    for name in ("tails", "head", "normalize_json_values"):
        if (getattr(arguments, name) or 0) < 0:
            raise UsageError(f"--{name.replace('_', '-')} cannot be negative")


def _behind_lists(arguments: argparse.Namespace) -> list[str]:
    """Take away runs and a directory that follow a list of columns: no column is called like them."""
    found: list[str] = []
    for words in (arguments.columns, arguments.sort, arguments.groupby, arguments.status):
        while len(words or ()) > 1 and (
            selectors.looks_like_one(words[-1]) or words[-1].endswith(os.sep)
        ):
            found.insert(0, words.pop())
    return found


def _named(words: list[str]) -> tuple[str | None, list[str]]:
    """Tell the directory among `words` from the runs: what is there as one, or looks like a path."""
    runs = [word for word in words if selectors.looks_like_one(word) and not os.path.isdir(word)]
    others = [word for word in words if word not in runs]
    if len(others) > 1:
        hint = "Name runs as 12-15, 12,14, last, @TAG or best:COLUMN"
        raise UsageError(f"{others[1]} is a second directory", hint)
    return (others[0] if others else None), runs


def _narrowed(question: Question, index: Index, runs: list[str]) -> Question:
    if not runs:
        return question
    ids = [row["expid"] for row in selectors.select_all(runs, index)]
    return question._replace(runs=tuple(ids))


def _refuse_run(directory: str) -> None:
    """Say so where what was named is not a directory of runs but one of them."""
    run = RunFolder(directory)
    if os.path.isfile(run.file(STATUS)):
        parent = os.path.join(os.path.dirname(os.path.abspath(directory)), "")
        hint = f"See `meticulous show {run.id}`, or list {shown_path(parent)}"
        raise UsageError(f"{directory} is a run, not a directory of runs", hint)


def _question(arguments: argparse.Namespace) -> Question:
    return Question(
        filter=arguments.filter,
        since=arguments.since,
        status=split_list(arguments.status or ()),
        tag=arguments.tag,
        sweep=arguments.sweep,
        groupby=split_list(arguments.groupby or ()),
        seeds=settings.seed_names(settings.find_place({}).values),
        sort=split_list(arguments.sort or ()),
        smallest_first=arguments.sort_reverse,
        columns=split_list(arguments.columns or ()),
        head=arguments.head,
        tail=arguments.tails,
        levels=arguments.normalize_json_values,
    )
