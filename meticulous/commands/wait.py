"""Wait until runs have ended; end with the exit code of the first that did not succeed.

A run that a signal killed counts as 128 and its number, a lost one as 3, and 124 means that the
time given by `--timeout` has passed. Ctrl-C ends the waiting and no run.
"""

from __future__ import annotations

import argparse
import signal
import time

from meticulous.commands import _runs
from meticulous.commands._console import tell
from meticulous.commands._runs import LOST_CODE
from meticulous.query.selectors import HELP
from meticulous.runfolder import ERROR, SUCCESS, RunFolder, headline, keys, liveness
from meticulous.runfolder.status import status_of

__all__ = ["add_arguments", "main"]

_TIMED_OUT = 124
_SHORTEST_S, _LONGEST_S = 0.02, 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `wait`."""
    parser.add_argument("runs", nargs="+", metavar="ID", help=HELP)
    _runs.add_directory(parser)
    parser.add_argument(
        "--timeout", type=_runs.seconds, metavar="TIME", help="wait no longer, such as 2h"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="do not say how each has ended")


def main(arguments: argparse.Namespace) -> int:
    """Wait for each run that is named."""
    _, rows = _runs.runs_named(arguments, arguments.runs)
    runs = [RunFolder(row["curexpdir"]) for row in rows]
    deadline = None if arguments.timeout is None else time.monotonic() + arguments.timeout
    waiting, pause_s = list(runs), _SHORTEST_S
    while True:
        for run in [run for run in waiting if not liveness.is_running(run)]:
            waiting.remove(run)
            if not arguments.quiet:
                tell(f"run {run.id} {_state(run)}")
        if not waiting:
            return next(filter(None, map(_code, runs)), 0)
        if deadline is not None and time.monotonic() > deadline:
            return _TIMED_OUT
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.2, _LONGEST_S)


def _state(run: RunFolder) -> str:
    state, message = status_of(run)
    why = headline(message)
    return f"{state}: {why}" if why else state or "no status"


def _code(run: RunFolder) -> int:
    state = run.read_status()[0]
    if state == SUCCESS:
        return 0
    if state != ERROR:
        return LOST_CODE
    metadata = run.read_metadata()
    code, name = metadata.get(keys.EXIT_CODE), metadata.get(keys.SIGNAL)
    if metadata.get(keys.REASON) == "timeout":
        return _TIMED_OUT
    if isinstance(name, str) and name in signal.Signals.__members__:
        return 128 + signal.Signals[name]
    return code if isinstance(code, int) and code else 1
