"""What the commands that remove runs have in common; itself no command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from meticulous.commands._console import report, tell
from meticulous.errors import MeticulousError, RunFolderError
from meticulous.query.rows import Row
from meticulous.runfolder import RunFolder, liveness, trash

__all__ = ["add_answers", "confirmed", "is_running", "move_to_trash"]


def add_answers(parser: argparse.ArgumentParser) -> None:
    """Declare the options of everything that removes."""
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")


def confirmed(arguments: argparse.Namespace, question: str) -> bool:
    """Ask on a terminal, unless told not to; elsewhere the command line is the user's word."""
    if arguments.yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def is_running(row: Row) -> bool:
    """Return whether the run is running now, or its command without a recorder.

    What its folder says counts, not what was read before.
    """
    run = RunFolder(row["curexpdir"])
    try:
        return liveness.is_running(run) or liveness.orphan_of(run) is not None
    except RunFolderError:
        return False  # who is broken is not being recorded; its recorder would have seen to it


def move_to_trash(arguments: argparse.Namespace, directory: str, rows: Sequence[Row]) -> int:
    """Remove those of `rows` that are not running; return the exit code."""
    troubles: list[str] = []
    chosen: list[Row] = []
    for row in rows:
        if is_running(row):
            hint = f"End it first: `meticulous stop {row['expid']}`"
            troubles.append(f"the run {row['expid']} is running. {hint}")
        else:
            chosen.append(row)
    moved = _move(arguments, directory, chosen, troubles) if chosen else []
    if moved:
        ids = [os.path.basename(path) for path in moved]
        noun = "run" if len(ids) == 1 else "runs"
        tell(f"moved {len(ids)} {noun} to the trash: {_some(ids)}")
        back = (
            f"restore {ids[0]}` brings it back" if len(ids) == 1 else "restore ID` brings one back"
        )
        tell(f"`meticulous {back}; `meticulous purge` frees the space")
    for trouble in troubles:
        report(MeticulousError(trouble))
    return 1 if troubles else 0


def _move(
    arguments: argparse.Namespace, directory: str, rows: list[Row], troubles: list[str]
) -> list[str]:
    ids = [str(row["expid"]) for row in rows]
    noun = "the run" if len(ids) == 1 else f"{len(ids)} runs:"
    if arguments.dry_run:
        tell(f"would remove {noun} {_some(ids, most=len(ids))}")
        return []
    if not confirmed(arguments, f"Remove {noun} {_some(ids)}?"):
        print("nothing was removed")
        return []
    moved: list[Any] = []
    for run_id in ids:
        try:
            moved.append(trash.remove(directory, run_id))
        except RunFolderError as error:
            troubles.append(str(error))
    return moved


def _some(ids: Sequence[str], most: int = 10) -> str:
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return ", ".join(ids[:most]) + more
