r"""Show what runs have logged: `meticulous metrics 12`, `meticulous metrics 12,14 loss 'val/*'`.

Without names it is an overview: points, first and last value, lowest and highest with their steps. With
names it is the values, step by step; * matches many. Numbers, ranges, last, best:… and @tags are RUNS,
and so is the name of a run; other words are NAMES.

Of a run with several attempts, a later one replaces the steps that it repeats.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from meticulous.commands import _names, _runs, _watch
from meticulous.commands._console import print_json, print_lines, say, tell
from meticulous.errors import UsageError
from meticulous.metrics import series
from meticulous.metrics.overview import overview
from meticulous.metrics.series import Series
from meticulous.query import selectors
from meticulous.query.cache.index import Index
from meticulous.query.rows import Row
from meticulous.runfolder import RunFolder
from meticulous.views import metrics as views
from meticulous.views import metrics_export as export

__all__ = ["add_arguments", "main"]

_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `metrics`."""
    _names.add_words(parser, "last", "what was logged")
    parser.add_argument("--head", type=int, metavar="K", help="only the first K lines of a run")
    parser.add_argument(
        "--tail",
        type=int,
        metavar="K",
        help=f"only the last K lines of a run (default on a terminal: {_SHOWN})",
    )
    parser.add_argument(
        "--all", action="store_true", help="keep the steps that a later attempt has repeated"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line shown")
    parser.add_argument(
        "--export", metavar="FILE", help=f"write to FILE: .{', .'.join(export.ENDINGS)}"
    )
    _watch.add_option(parser, "show it again, every 2s or so often, until the runs have ended")
    scraping = parser.add_argument_group("from what a run has printed")
    scraping.add_argument(
        "--from-output",
        metavar="PRESET|PATTERN",
        help="add what its output tells to its metrics, as `run --metrics` does",
    )
    scraping.add_argument(
        "--dry-run", action="store_true", help="only show which lines match, and what they tell"
    )


def main(arguments: argparse.Namespace) -> int:
    """Show, export or take in the metrics of the runs that are named."""
    for name in ("head", "tail"):
        if (getattr(arguments, name) or 0) < 0:
            raise UsageError(f"--{name} cannot be negative")
    if arguments.dry_run and arguments.from_output is None:
        raise UsageError("--dry-run needs --from-output", "Give the preset or pattern to try")
    if arguments.export:
        export.check(arguments.export)
    directory = _runs.directory_of(arguments.experiments_directory)
    chosen, names = _runs.ask(directory, lambda index: _split(arguments.words, index))
    if arguments.from_output is not None:
        from meticulous.commands._from_output import take

        return take([RunFolder(row["curexpdir"]) for row in chosen], arguments)

    def show() -> None:
        _show(_read(chosen, names, arguments), arguments, has_names=bool(names))

    _watch.until_ended(arguments.watch, chosen, show)
    return 0


def _split(words: Sequence[str], index: Index) -> tuple[list[Row], list[str]]:
    """Return the runs and the names among `words`; without runs, the last one."""
    runs, names = _names.split(words, index)
    return selectors.select_all(["last"], index) if runs is None else runs, names


class _Found(NamedTuple):
    """A run, its series, and those names of it that were asked for."""

    expid: Any
    series: Series
    names: list[str]


def _read(chosen: list[Row], names: list[str], arguments: argparse.Namespace) -> list[_Found]:
    """Read the series; raises UsageError for a name that no run has logged."""
    has_patterns = not names or any("*" in name for name in names)
    found = []
    for row in chosen:
        wanted = None if has_patterns else names
        read = series.read(row["curexpdir"], wanted, every_attempt=arguments.all)
        mine = [name for name in read.names if not names or _names.matches(name, names)]
        if names and has_patterns:
            read = series.read(row["curexpdir"], mine, every_attempt=arguments.all)
        found.append(_Found(row["expid"], read, mine))
        if read.broken:
            say(
                f"{read.broken} lines of the metrics of run {row['expid']} are no JSON, and left out"
            )
    drawn = [one for run in found for one in run.names]
    if any(not any(_names.matches(one, [name]) for one in drawn) for name in names):
        _names.check(names, [one for row in chosen for one in series.read(row["curexpdir"]).names])
    return found


def _show(found: list[_Found], arguments: argparse.Namespace, *, has_names: bool) -> None:
    if arguments.export:
        export.write(arguments.export, [(run.expid, run.series) for run in found])
        count = sum(len(run.series) for run in found)
        runs = "1 run" if len(found) == 1 else f"{len(found)} runs"
        say(f"wrote {count} lines of {runs} to {arguments.export}")
        return
    is_terminal = sys.stdout.isatty()
    if arguments.watch is not None and not arguments.json:
        _watch.clear_screen()
    for run in found:
        if not run.names:
            say(f"run {run.expid} has logged no metrics")
    limit = shutil.get_terminal_size().columns if is_terminal else None
    if has_names:
        _show_values(found, arguments, limit)
        return
    overviews = [(run.expid, one) for run in found for one in overview(run.series)]
    if arguments.json:
        print_json([{"expid": expid, **one._asdict()} for expid, one in overviews])
    elif overviews:
        has_runs = len(found) > 1
        shown = views.overviews(overviews, limit, has_runs=has_runs, draws_curves=_draws())
        print_lines(shown)


def _draws() -> bool:
    """Return whether stdout is a terminal that can show the characters of a curve."""
    return sys.stdout.isatty() and "utf" in (sys.stdout.encoding or "").lower()


def _show_values(found: list[_Found], arguments: argparse.Namespace, limit: int | None) -> None:
    tail = arguments.tail
    if tail is None and arguments.head is None and limit is not None and not arguments.json:
        tail = _SHOWN
    lines, count = [], 0
    for run in found:
        rows = list(views.rows(run.series, run.names))
        count += len(rows)
        rows = rows[: arguments.head]
        if tail is not None:
            rows = rows[max(len(rows) - tail, 0) :]
        lines += [(run.expid, row) for row in rows]
    if arguments.json:
        print_json([{"expid": expid, **row} for expid, row in lines])
        return
    names = list(dict.fromkeys(name for run in found for name in run.names))
    print_lines(views.values(lines, names, limit))
    if len(lines) < count and arguments.tail is None and arguments.head is None:
        tell(f"the last {len(lines)} of {count} lines; --tail K shows more")
