"""List the runs of an experiments directory, the newest last.

Filter, group, sort, columns and tail are applied in this order. Columns are
those of the run (expid, sha, start_time, duration, status …), args_… for its
arguments, summary_… for its results and metrics_… for what it has logged
(metrics_loss is the last value, metrics_loss_min the lowest); --list-columns
lists them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from meticulous import settings
from meticulous.commands import _runs
from meticulous.commands._console import print_json, print_lines, shown_path
from meticulous.errors import UsageError
from meticulous.query.question import Question, Table, answer, split_list
from meticulous.query.rows import Row
from meticulous.runfolder import STATUS, RunFolder
from meticulous.views import columns, export, listing
from meticulous.views.sparks import with_sparks

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `ls`."""
    parser.add_argument(
        "directory",
        nargs="?",
        metavar="DIRECTORY",
        help="where the runs are (default: the project's)",
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
    shown = parser.add_argument_group("what is shown")
    shown.add_argument(
        "--columns", metavar="COLUMN", nargs="+", help="these columns; * matches many"
    )
    shown.add_argument(
        "--args",
        choices=("none", "truncated", "non-default", "all"),
        help="no arguments; those that differ (default on a terminal); "
        "those that are not the default; all in full",
    )
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
    shown.add_argument("--json", action="store_true", help="print a JSON list, one object a row")
    shown.add_argument(
        "--export", metavar="FILE", help=f"write to FILE: .{', .'.join(export.ENDINGS)}"
    )
    parser.add_argument(
        "--refresh", action="store_true", help="read every run again, whatever was remembered"
    )


def main(arguments: argparse.Namespace) -> int:
    """Answer, and print or export the answer."""
    _check(arguments)
    question = _question(arguments)
    table = _runs.ask(
        _runs.directory_of(arguments.directory),
        lambda runs: answer(runs, question),
        refresh=arguments.refresh,
    )
    if not table.rows and arguments.directory:
        _refuse_run(arguments.directory)
    if arguments.spark:
        table = with_sparks(table, split_list(arguments.spark))
    if arguments.export:
        _export(arguments, table)
    if arguments.list_columns:
        limit = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        print_lines(columns.listing(table.rows, table.all_names, limit))
    elif arguments.json:
        _print_json(arguments, table)
    elif sys.stdout.isatty():
        _print_for_people(arguments, table)
    else:
        names = _names(arguments, table)
        header = not arguments.no_header
        print_lines(listing.for_programs(table.rows, names, header=header))
    return 0


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


def _refuse_run(directory: str) -> None:
    """Say so where what was named is not a directory of runs but one of them."""
    run = RunFolder(directory)
    if os.path.isfile(run.file(STATUS)):
        parent = os.path.join(os.path.dirname(os.path.abspath(directory)), "")
        hint = f"See `meticulous show {run.id}`, or list {shown_path(parent)}"
        raise UsageError(f"{directory} is a run, not a directory of runs", hint)


def _question(arguments: argparse.Namespace) -> Question:
    groupby = split_list(arguments.groupby or ())
    return Question(
        filter=arguments.filter,
        since=arguments.since,
        status=split_list(arguments.status or ()),
        tag=arguments.tag,
        sweep=arguments.sweep,
        groupby=groupby,
        seeds=settings.seed_names(settings.find_place({}).values) if groupby == ("args",) else (),
        sort=split_list(arguments.sort or ()),
        smallest_first=arguments.sort_reverse,
        columns=split_list(arguments.columns or ()),
        head=arguments.head,
        tail=arguments.tails,
        levels=arguments.normalize_json_values,
    )


def _names(arguments: argparse.Namespace, table: Table) -> list[str]:
    """Return the columns to show in full; ``--args none`` takes the arguments away."""
    if arguments.args == "none" and not arguments.columns:
        return [name for name in table.names if not name.startswith("args_")]
    return table.names


def _print_for_people(arguments: argparse.Namespace, table: Table) -> None:
    if not table.rows:
        given = (arguments.filter, arguments.status, arguments.tag, arguments.since)
        narrowed = any(given) or arguments.sweep is not None
        print(
            "No run matches."
            if narrowed
            else "There are no runs yet. Record one with `meticulous run -- COMMAND`."
        )
        return
    rows, names = table.rows, table.names
    if table.by and not arguments.columns:
        names = [name for name in names if _is_for_groups(name, table)]
        rows, names = listing.with_spreads(rows, names, table.spreads)
    style = listing.Style(
        header=not arguments.no_header,
        arguments=arguments.args or ("truncated" if not table.by or _by_args(arguments) else "all"),
        chosen=bool(arguments.columns),
        of_what="groups" if table.by else "runs",
        right=frozenset(names) - set(table.names),
    )
    shown = listing.for_people(rows, names, style)
    print_lines(([shown.folded] if shown.folded else []) + shown.lines)
    if shown.left_out:
        print(f"no room for {', '.join(shown.left_out)}", file=sys.stderr)


def _is_for_groups(name: str, table: Table) -> bool:
    """Return whether people look for the column in a grouped table."""
    spreads = [
        one
        for base, one in table.spreads.items()
        if base.startswith(("summary_", "metrics_", "duration"))
    ]
    return name in table.by or name == "runs" or any(name in one[:2] for one in spreads)


def _by_args(arguments: argparse.Namespace) -> bool:
    return split_list(arguments.groupby or ()) == ("args",)


def _export(arguments: argparse.Namespace, table: Table) -> None:
    """Write the table; by --groupby args in .md and .tex, one that is ready for a paper."""
    rows, names, note = table.rows, _names(arguments, table), ""
    if _by_args(arguments) and not arguments.columns and export.check(arguments.export) in _PAPER:
        names = [name for name in names if _is_for_groups(name, table)]
        rows, names = listing.with_spreads(rows, names, table.spreads)
        constant, names = listing.fold(rows, names)
        note = ", ".join(f"{name}={value}" for name, value in constant.items())
    export.write(arguments.export, rows, names, note=note and f"in all rows: {note}")
    print(f"meticulous: wrote {len(rows)} rows to {arguments.export}", file=sys.stderr)


_PAPER = ("md", "tex")


def _print_json(arguments: argparse.Namespace, table: Table) -> None:
    names = table.names if arguments.columns or table.by else table.all_names
    chosen: list[Row] = [{name: row[name] for name in names if name in row} for row in table.rows]
    print_json(chosen)
