"""`meticulous sweep show` and `ls`; itself no command."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from typing import Any

from meticulous.commands import _console, _runs
from meticulous.errors import MeticulousError
from meticulous.sweep import directory
from meticulous.sweep.folder import SweepFolder, Values
from meticulous.sweep.progress import dead_holders, progress
from meticulous.sweep.state import DONE, ERROR, Outcome, State
from meticulous.sweep.stopping import grouped
from meticulous.views import sweep as view
from meticulous.views.text import local_time

__all__ = ["declare_ls", "declare_show", "ls", "show"]

_BEST = 10


def declare_show(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `sweep show`."""
    parser.add_argument(
        "sweep", metavar="SWEEP", nargs="?", default="last", help="its number, or `last`"
    )
    _runs.add_directory(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.add_argument(
        "--plot", action="store_true", help="draw the objective of the runs, in their order"
    )


def show(arguments: argparse.Namespace) -> int:
    """Show how far a sweep is, its results, the best first, and what failed, by message."""
    experiments = os.path.abspath(_runs.directory_of(arguments.experiments_directory))
    found = directory.find(arguments.sweep, experiments)
    told = found.specification
    state = State(found)
    state.look()
    now = progress(state, found.count(), dead_holders(state))
    if arguments.json:
        _console.print_json(_as_json(found, state, now.as_json()))
        return 0
    known = Values(found)
    best = _best(state) if told.get("objective") else []
    groups = grouped(state.with_status(ERROR))
    _console.tell(f"sweep {found.id}  {view.bar(now)}  {view.counts(now)}")
    _console.tell(f"  {shlex.join(map(str, told.get('command') or []))}")
    _console.tell(f"  {' '.join(map(str, told.get('parameters') or []))}")
    if reason := found.stop_reason():
        _console.tell(f"  {reason}")
    _print_jobs(found)
    _print_best(told, best, known)
    if groups:
        _console.print_lines(["failed:", *view.failures(groups, known)])
    if told.get("search"):
        _print_search(found)
    if arguments.plot:
        _print_plot(told, state)
    return 0


def _best(state: State) -> list[Outcome]:
    """List what has a value, the best first."""
    found = [one for one in state.with_status(*DONE) if one.value is not None]
    largest_first = state.folder.specification.get("direction") == "maximize"
    return sorted(found, key=lambda one: one.value or 0.0, reverse=largest_first)


def _print_best(told: dict[str, Any], best: list[Outcome], known: Values) -> None:
    if not best:
        return
    _console.tell(f"{told.get('objective')}, the best first:")
    for one in best[:_BEST]:
        values = view.values(known.of(one))
        _console.tell(f"  {one.value:<12.6g} run {one.run}, {values}")
    if len(best) > _BEST:
        _console.tell(f"  and {len(best) - _BEST:,} more")


def _print_jobs(found: SweepFolder) -> None:
    from meticulous.sweep.engines import submitted

    for line in submitted.described(found):
        _console.tell(f"  {line}")


def _print_search(found: SweepFolder) -> None:
    from meticulous.sweep.search import Search

    try:
        search = Search(found)
        _console.print_lines(list(view.history(search.history(), search.importance())))
    except MeticulousError as error:
        _console.say(str(error))


def _print_plot(told: dict[str, Any], state: State) -> None:
    found = (line.get("value") for line in state.order if line["status"] in DONE)
    done = [value for value in found if value is not None]
    if not done:
        raise MeticulousError(
            "there is nothing to plot", "Start it with --minimize or --maximize COLUMN"
        )
    _console.print_lines([f"{told.get('objective')}:", *view.plot(done)])


def _as_json(found: SweepFolder, state: State, counts: dict[str, Any]) -> dict[str, Any]:
    points = []
    for point in found.points():
        one = state.outcome(point.key)
        entry: dict[str, Any] = {"key": point.key, "values": (one and one.values) or point.values}
        if one is not None:
            entry.update(status=one.status, run=one.run, value=one.value, message=one.message)
        else:
            entry["status"] = "RUNNING" if point.key in state.claimed else "WAITING"
        points.append(entry)
    return {**counts, "stopped": found.stop_reason(), "each": points}


def declare_ls(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `sweep ls`."""
    _runs.add_directory(parser)


def ls(arguments: argparse.Namespace) -> int:
    """List the sweeps, the newest last."""
    experiments = os.path.abspath(_runs.directory_of(arguments.experiments_directory))
    for name in directory.sweep_ids(experiments):
        one = directory.find(name, experiments)
        try:
            told = one.specification
            state = State(one)
            state.look()
            counts = view.counts(progress(state, one.count()))
        except MeticulousError as error:
            _console.report(error)
            continue
        when = local_time(str(told.get("created") or "")) if told.get("created") else ""
        command = shlex.join(map(str, told.get("command") or []))
        _console.tell(f"{name:>4}  {when}  {counts}  {command}")
    sys.stdout.flush()
    return 0
