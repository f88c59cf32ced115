"""Delete runs that are in the trash, for good; without an ID, all of them."""

from __future__ import annotations

import argparse
import os
import time

from meticulous.base.units import format_bytes
from meticulous.commands import _removal, _runs
from meticulous.commands._console import report, tell
from meticulous.errors import MeticulousError, RunFolderError
from meticulous.query.trash_selectors import NAMES, all_named
from meticulous.reproduce import code
from meticulous.runfolder import RunFolder, trash
from meticulous.runfolder import directory as store
from meticulous.runfolder.sizes import size_of
from meticulous.settings import find_repository

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `purge`."""
    _runs.add_directory(parser)
    parser.add_argument("runs", nargs="*", metavar="ID", help=NAMES)
    parser.add_argument(
        "--older-than", type=_runs.seconds, metavar="TIME", help="removed longer ago, such as 30d"
    )
    _removal.add_answers(parser)


def main(arguments: argparse.Namespace) -> int:
    """Delete what is named."""
    directory = _runs.directory_of(arguments.experiments_directory)
    chosen = trash.removed(directory)
    if arguments.runs:
        chosen = all_named(arguments.runs, chosen)
    if arguments.older_than is not None:
        chosen = [run for run in chosen if time.time() - run.time > arguments.older_than]
    if not chosen:
        print("there is nothing to delete in the trash")
        return 0
    freed = sum(size_of(run.path).bytes for run in chosen)
    noun = "1 run" if len(chosen) == 1 else f"{len(chosen)} runs"
    if arguments.dry_run:
        tell(f"would delete {noun}, {format_bytes(freed)}: {', '.join(run.id for run in chosen)}")
        return 0
    if not _removal.confirmed(arguments, f"Delete {noun} for good, {format_bytes(freed)}?"):
        print("nothing was deleted")
        return 0
    unneeded = _unneeded_commits(directory, chosen)
    troubles = []
    for run in chosen:
        try:
            trash.delete(run)
        except RunFolderError as error:
            troubles.append(error)
    repository = find_repository(directory)
    if unneeded and repository is not None and not troubles:
        code.let_go(repository, unneeded)
    deleted = len(chosen) - len(troubles)
    if deleted:
        print(
            f"deleted {deleted} of {noun}" if troubles else f"deleted {noun}, {format_bytes(freed)}"
        )
    for trouble in troubles:
        report(trouble)
    return 1 if troubles else 0


def _unneeded_commits(directory: str, chosen: list[trash.Removed]) -> set[tuple[str, str]]:
    """Return the snapshots of the runs `chosen` that no other run has; none where that is unclear."""
    try:
        commits = code.kept_commits(RunFolder(run.path) for run in chosen)
        if not commits:
            return set()
        others = [run.path for run in trash.removed(directory) if run not in chosen]
        others += [os.path.join(directory, name) for name in store.run_ids(directory)]
        return commits - code.kept_commits(RunFolder(path) for path in others)
    except MeticulousError:
        return set()
