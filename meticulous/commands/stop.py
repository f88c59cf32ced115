"""End runs: by SIGINT, then SIGTERM, then SIGKILL, each when the one before had no effect in time.

Each goes to the whole process group of the command, as Ctrl-C does. Only runs of this machine and
of yours can be stopped, and only if their process is still the one that is recorded.
"""

from __future__ import annotations

import argparse

from meticulous.base.units import format_duration
from meticulous.commands import _runs
from meticulous.commands._console import report, tell
from meticulous.control.stop import Target, end, other_ranks
from meticulous.errors import MeticulousError, RunFolderError
from meticulous.query.selectors import HELP
from meticulous.runfolder import RUNNING, RunFolder, headline, keys
from meticulous.runfolder.status import status_of

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `stop`."""
    parser.add_argument("runs", nargs="+", metavar="ID", help=HELP)
    _runs.add_directory(parser)
    parser.add_argument(
        "--grace",
        type=_runs.seconds,
        default=10.0,
        metavar="TIME",
        help="how long each signal is given (default: 10s)",
    )
    parser.add_argument("--kill", action="store_true", help="send SIGKILL at once")


def main(arguments: argparse.Namespace) -> int:
    """Stop each run that is named, all at the same time; say how each has ended."""
    _, rows = _runs.runs_named(arguments, arguments.runs)
    targets: list[Target] = []
    has_failed = False
    for row in rows:
        run, others = RunFolder(row["curexpdir"]), []
        try:
            others = _other_ranks(run)
            targets += [Target(run), *others]
        except RunFolderError as error:
            targets += others
            if not (others and _is_over(run)):
                has_failed = True
                report(error)
    waiting = end(targets, grace_s=arguments.grace, at_once=arguments.kill, say=tell)
    for target in waiting:
        has_failed = True
        process = f"process {target.pid}"
        report(MeticulousError(f"{target.name} does not end ({process})"))
    stuck = {target.run.path for target in waiting}
    for path in dict.fromkeys(target.run.path for target in targets):
        if path not in stuck:
            tell(_told(RunFolder(path)))
    return 1 if has_failed else 0


def _other_ranks(run: RunFolder) -> list[Target]:
    """Return the ranks of `run` from 1 on that are running here; say which run elsewhere."""
    found, hosts = other_ranks(run)
    if hosts:
        message = f"ranks of run {run.id} are running on {', '.join(hosts)}"
        report(MeticulousError(message, "End them with the launcher: scancel, Ctrl-C"))
    return found


def _is_over(run: RunFolder) -> bool:
    """Return whether rank 0 of `run` has ended, or is lost, so that there is only the rest to end."""
    try:
        return status_of(run).state != RUNNING
    except RunFolderError:
        return False


def _told(run: RunFolder) -> str:
    state, message = status_of(run)
    metadata = run.read_metadata()
    wall_s = (metadata.get(keys.USAGE) or {}).get("wall")
    after = f" after {format_duration(wall_s)}" if wall_s else ""
    why = headline(message)
    return f"run {run.id} {state}{after}" + (f": {why}" if why else "")
