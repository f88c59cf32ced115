"""Print or export the answer of `ls`: on a terminal, into a pipe, as JSON, as a file."""

from __future__ import annotations

import argparse
import fnmatch
import os
import shutil
import sys
from collections.abc import Sequence

from meticulous.commands import _watch
from meticulous.commands._console import print_json, print_lines
from meticulous.query import importance
from meticulous.query.aggregate import RUNS
from meticulous.query.importance import ARGUMENTS, RESULTS
from meticulous.query.question import Question, Table
from meticulous.query.rows import Row
from meticulous.views import columns, export, listing
from meticulous.views.spread import with_spreads

__all__ = ["show"]

_FREE_LINES = 2
"""Of the screen: for what is not shown, and for the prompt."""


def show(arguments: argparse.Namespace, table: Table, question: Question) -> None:
    """Print `table`, the answer to `question`, as `arguments` say."""
    is_terminal = sys.stdout.isatty()
    if arguments.watch is not None:
        _watch.clear_screen()
    if arguments.export:
        _export(arguments, table, question)
        if export.is_stdout(arguments.export):
            return
    if arguments.list_columns:
        limit = shutil.get_terminal_size().columns if is_terminal else None
        print_lines(columns.listing(table.rows, table.all_names, limit))
    elif arguments.json:
        _print_json(arguments, table)
    elif arguments.tsv or arguments.wide or not is_terminal:
        _print_in_full(arguments, table, question)
    else:
        _print_for_people(arguments, table, question)


def _print_in_full(arguments: argparse.Namespace, table: Table, question: Question) -> None:
    """Print whole values: of the columns of a wide terminal, or of all."""
    rows: Sequence[Row] = table.rows
    names = table.names
    if not arguments.columns:
        rows, names = importance.opened(rows, names)
        if arguments.args == "none":
            names = [name for name in names if not name.startswith(ARGUMENTS)]
        elif not arguments.wide:
            opened = table._replace(rows=list(rows), names=names)
            names = _names_of_a_wide_terminal(arguments, opened, question)
    header = not arguments.no_header
    print_lines(listing.for_programs(rows, names, header=header, tabs=arguments.tsv))


def _names_of_a_wide_terminal(
    arguments: argparse.Namespace, table: Table, question: Question
) -> list[str]:
    style = _style(arguments, table, question)
    if not table.by:
        return listing.names_for_programs(table.rows, table.names, style)
    rows, names = _as_spreads(arguments, table, question)
    found = listing.names_for_programs(rows, names, style._replace(folds=False))
    spreads = table.spreads
    return [one for name in found for one in (spreads[name][:2] if name in spreads else (name,))]


def _style(arguments: argparse.Namespace, table: Table, question: Question) -> listing.Style:
    return listing.Style(
        header=not arguments.no_header,
        arguments=arguments.args or "truncated",
        folds=not arguments.args and (not table.by or question.groupby == ("args",)),
        chosen=bool(arguments.columns),
        of_what="groups" if table.by else "runs",
        keys=tuple(table.by),
        seeds=question.seeds,
        right=frozenset(table.spreads),
        from_top=bool(table.by or question.sort),
    )


def _print_for_people(arguments: argparse.Namespace, table: Table, question: Question) -> None:
    if not table.rows:
        print_lines([_nothing(arguments, question)])
        return
    size = shutil.get_terminal_size()
    style = _style(arguments, table, question)
    asked = arguments.all or arguments.head is not None or arguments.tails is not None
    if not asked or arguments.watch is not None:
        style = style._replace(height=size.lines - _FREE_LINES)
    rows, names = table.rows, table.names
    if table.by:
        rows, names = _as_spreads(arguments, table, question)
    shown = listing.for_people(rows, names, style, size.columns)
    lines = [*shown.folded, *shown.lines]
    if arguments.all and len(lines) + _FREE_LINES > size.lines:
        from meticulous.git.diff import pager  # this and the next bring subprocess
        from meticulous.views.pager import print_paged

        content = "".join(f"{line}\n" for line in lines)
        print_paged(content.encode("utf-8", "backslashreplace"), pager(os.getcwd()))
    else:
        print_lines(lines)
    told = _told(shown, style)
    if told:
        print(told, file=sys.stderr)


def _nothing(arguments: argparse.Namespace, question: Question) -> str:
    given = (arguments.filter, arguments.status, arguments.tag, arguments.since, question.runs)
    if any(given) or arguments.sweep is not None:
        return "No run matches."
    return "There are no runs yet. Record one with `meticulous run -- COMMAND`."


def _told(shown: listing.Listing, style: listing.Style) -> str:
    """Say in a line what is not shown, and how to see it."""
    told = []
    if shown.left_out:
        count = len(shown.left_out)
        told.append(f"no room for {count} column{'s' * (count > 1)} (--wide shows them)")
    if shown.hidden_rows:
        which = "further" if style.from_top else "earlier"
        what = style.of_what if shown.hidden_rows > 1 else style.of_what.removesuffix("s")
        told.append(f"{shown.hidden_rows:,} {which} {what} (--all shows them)")
    return "; ".join(told)


def _as_spreads(
    arguments: argparse.Namespace, table: Table, question: Question
) -> tuple[list[Row], list[str]]:
    """Return groups with mean ± std in a column: of the results, or of the columns named plainly."""
    if question.columns:
        spreads = {
            base: spread
            for base, spread in table.spreads.items()
            if any(fnmatch.fnmatchcase(base, column) for column in question.columns)
        }
        names = table.names
    else:
        spreads = {
            base: spread for base, spread in table.spreads.items() if base.startswith(RESULTS)
        }
        chosen = {*table.by, RUNS, *(one for spread in spreads.values() for one in spread[:2])}
        names = [name for name in table.names if name in chosen]
    if arguments.no_n:
        names = [name for name in names if name != RUNS or name in question.columns]
    return with_spreads(table.rows, names, spreads, counts=not arguments.no_n)


def _export(arguments: argparse.Namespace, table: Table, question: Question) -> None:
    """Write the table; of groups in .md and .tex, one that is ready for a paper."""
    from meticulous.views import paper

    rows, names, note = table.rows, table.names, ""
    if arguments.args == "none" and not arguments.columns:
        names = [name for name in names if not name.startswith(ARGUMENTS)]
    if table.by and export.check(arguments.export) in paper.ENDINGS:
        spread_rows, spread_names = _as_spreads(arguments, table, question)
        if not question.columns or spread_names != names:
            by_args = question.groupby == ("args",)
            rows, names, note = paper.ready(
                table, spread_rows, spread_names, folds=by_args and not question.columns
            )
    export.write(arguments.export, rows, names, note=note)
    if not export.is_stdout(arguments.export):
        print(f"meticulous: wrote {len(rows)} rows to {arguments.export}", file=sys.stderr)


def _print_json(arguments: argparse.Namespace, table: Table) -> None:
    names = table.names if arguments.columns or table.by else table.all_names
    chosen: list[Row] = [{name: row[name] for name in names if name in row} for row in table.rows]
    print_json(chosen)
