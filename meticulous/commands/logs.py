"""Print what a run printed: both streams, in the order in which they came."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from meticulous.commands import _runs
from meticulous.commands._console import report
from meticulous.commands._runs import LOST_CODE
from meticulous.errors import RunFolderError, UsageError
from meticulous.query.selectors import HELP
from meticulous.runfolder import LOST, STDERR, STDOUT, RunFolder, liveness
from meticulous.runfolder.output import Playback
from meticulous.runfolder.status import status_of
from meticulous.views.log import LogText

if TYPE_CHECKING:
    import argparse

__all__ = ["add_arguments", "main"]

_LOOK_AGAIN_S = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `logs`."""
    parser.add_argument(
        "run", metavar="RUN", nargs="?", default="last", help=f"{HELP} (default: last)"
    )
    _runs.add_directory(parser)
    parser.add_argument(
        "--rank", metavar="K", type=int, default=0, help="what rank K of a run of several printed"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--stdout", action="store_true", help="only what it printed on stdout")
    which.add_argument("--stderr", action="store_true", help="only what it printed on stderr")
    parser.add_argument(
        "--raw", action="store_true", help="the exact bytes: progress bars, colours and all"
    )
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on until a running run has ended"
    )


def main(arguments: argparse.Namespace) -> int:
    """Print the log; with ``--follow`` until the run has ended. Ctrl-C never reaches the run."""
    _, row = _runs.one_run(arguments, arguments.run)
    run = RunFolder(row["curexpdir"])
    streams = [STDOUT] if arguments.stdout else [STDERR] if arguments.stderr else [STDOUT, STDERR]
    playback = Playback(_folder(run, arguments.rank), streams)
    printer = _RawPrinter() if arguments.raw else _TextPrinter()
    while True:
        is_running = arguments.follow and liveness.is_running(run)
        for block in playback.new():
            printer.show(block)
        if not is_running:
            break
        printer.pause()
        time.sleep(_LOOK_AGAIN_S)
    for block in playback.rest():
        printer.show(block)
    printer.end()
    state, message = status_of(run)
    if not arguments.follow or state != LOST:
        return 0
    report(RunFolderError(f"the run {run.id} is lost: {message}"))
    return LOST_CODE


def _folder(run: RunFolder, rank: int) -> RunFolder:
    """Return the folder with the streams of `rank`; those of rank 0 are the run's own."""
    if rank == 0:
        return run
    folder = run.rank(rank)
    if rank > 0 and os.path.isdir(folder.path):
        return folder
    there = ", ".join(str(number) for number in [0, *run.ranks()])
    raise UsageError(f"run {run.id} has no rank {rank}", f"There is: {there}")


class _RawPrinter:
    """Passes bytes on."""

    def show(self, block: bytes) -> None:
        sys.stdout.buffer.write(block)

    def pause(self) -> None:
        sys.stdout.buffer.flush()

    def end(self) -> None:
        sys.stdout.buffer.flush()


class _TextPrinter(_RawPrinter):
    """Prints lines; on a terminal also the state of the line that is still being written."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._text = LogText(keeps_colours=self._is_terminal and "NO_COLOR" not in os.environ)
        self._shown = ""

    def show(self, block: bytes) -> None:
        lines = self._text.feed(block)
        if lines:
            self._clear()
            self._write(lines)

    def pause(self) -> None:
        """Show the unfinished line, such as a progress bar, where it can be overwritten later."""
        unfinished = self._text.unfinished() if self._is_terminal else ""
        if unfinished != self._shown:
            self._clear()
            width = os.get_terminal_size(sys.stdout.fileno()).columns
            self._write(unfinished[: width - 1])
            self._shown = unfinished
        sys.stdout.flush()

    def end(self) -> None:
        self._clear()
        last = self._text.end()
        self._write(last + "\n" if last else "")
        sys.stdout.flush()

    def _clear(self) -> None:
        if self._shown:
            self._write("\r\x1b[K")
            self._shown = ""

    def _write(self, text: str) -> None:
        # Bytes, because what a program printed need not be in the user's encoding.
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
