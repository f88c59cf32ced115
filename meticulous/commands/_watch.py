"""``--watch``: what a command shows, shown again and again; itself no command."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from meticulous.commands import _runs
from meticulous.query.rows import Row
from meticulous.runfolder import RUNNING, RunFolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["add_option", "clear_screen", "pause", "until_ended"]

_SHORTEST_S = 0.1


def add_option(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup,
    what: str,
) -> None:
    """Declare ``--watch [TIME]``, None where it is not given; `what` is its help."""
    parser.add_argument(
        "-w", "--watch", nargs="?", type=_runs.seconds, const=2.0, metavar="TIME", help=what
    )


def clear_screen() -> None:
    """Begin at the top of an empty screen; what is no terminal gets one answer after the other."""
    if sys.stdout.isatty():
        sys.stdout.write("\x1b[H\x1b[2J")


def pause(watch_s: float) -> None:
    """Wait until it is to be shown again."""
    time.sleep(max(watch_s, _SHORTEST_S))


def until_ended(watch_s: float | None, rows: Sequence[Row], show: Callable[[], None]) -> None:
    """Call `show` once, and with a `watch_s` again until none of the runs `rows` is running."""
    while True:
        is_over = watch_s is None or not any(map(_is_running, rows))
        show()
        if watch_s is None or is_over:
            return
        pause(watch_s)


def _is_running(row: Row) -> bool:
    from meticulous.runfolder.status import status_of  # most listings are not watched

    return status_of(RunFolder(row["curexpdir"])).state == RUNNING
