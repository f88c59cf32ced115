"""Put the exact code of a run into a directory of its own; your own tree stays as it is."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

from meticulous import settings
from meticulous.commands import _runs
from meticulous.commands._console import say, shown_path
from meticulous.errors import CodeStateError, UsageError
from meticulous.git import worktree
from meticulous.query.selectors import HELP
from meticulous.reproduce import code
from meticulous.runfolder import RunFolder, keys
from meticulous.runfolder import directory as store
from meticulous.runfolder.files import is_within

if TYPE_CHECKING:
    import argparse

    from meticulous.commands._parser import Parser

__all__ = ["add_arguments", "main"]


def add_arguments(parser: Parser) -> None:
    """Declare the command line of `checkout`."""
    parser.is_intermixed = True
    parser.add_argument("run", metavar="RUN", help=HELP)
    parser.add_argument(
        "directory",
        metavar="DIR",
        nargs="?",
        help="a new directory (default: PROJECT-ID beside the project)",
    )
    _runs.add_directory(parser)
    _runs.add_fetch(parser)
    parser.add_argument("--remove", action="store_true", help="remove the directory again")
    parser.add_argument(
        "--force", action="store_true", help="with --remove, even if it holds changes or runs"
    )


def main(arguments: argparse.Namespace) -> int:
    """Make the worktree and print its path on stdout; or remove it."""
    if arguments.force and not arguments.remove:
        raise UsageError("--force is for --remove", "Give another DIR, or remove the one there is")
    if arguments.fetch and arguments.remove:
        raise UsageError("--fetch and --remove exclude each other", "Give one of them")
    _, row = _runs.one_run(arguments, arguments.run)
    run = RunFolder(row["curexpdir"])
    repository = code.repository_of(run)
    directory = arguments.directory or f"{repository.rstrip(os.sep)}-{run.id}"
    shown = shown_path(directory)
    if arguments.remove:
        _refuse_with_runs(directory, run.read_metadata(), force=arguments.force)
        worktree.remove(repository, directory, force=arguments.force)
        say(f"removed {shown}")
        return 0
    for warning in code.check_out(run, repository, directory, fetch=arguments.fetch):
        say(warning)
    metadata = run.read_metadata()
    say(f"the code of run {run.id} is in {shown}: {_described(metadata)}")
    where = os.path.normpath(os.path.join(directory, *_place(metadata)))
    there = shown_path(where if os.path.isdir(where) else directory)
    words = ["meticulous", "checkout", run.id]
    words += [arguments.directory] if arguments.directory else []
    say(f"go there: cd {shlex.quote(there)}   remove it: {shlex.join([*words, '--remove'])}")
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(os.path.abspath(directory)) + b"\n")
    return 0


def _described(metadata: dict[str, Any]) -> str:
    subject = str(metadata.get(keys.GITHEAD_MESSAGE) or "").partition("\n")[0]
    text = f"commit {str(metadata[keys.GITHEAD_SHA])[:7]} {subject}".rstrip()
    snapshot = metadata.get(keys.SNAPSHOT_SHA)
    return f"{text}, with the changes of snapshot {snapshot[:7]}" if snapshot else text


def _place(metadata: dict[str, Any]) -> list[str]:
    """Return the directories below the top in which the command ran, where they are inside."""
    parts = [str(metadata.get(keys.PROJECT) or "."), str(metadata.get(keys.CWD) or ".")]
    return [] if any(os.path.isabs(part) for part in parts) else parts


def _refuse_with_runs(directory: str, metadata: dict[str, Any], *, force: bool) -> None:
    """Raise CodeStateError where runs that were recorded in `directory` would go with it."""
    project = os.path.join(directory, str(metadata.get(keys.PROJECT) or "."))
    if force or not worktree.is_ours(directory) or not os.path.isdir(project):
        return
    experiments = settings.find_place({"project_directory": project}).experiments_directory
    is_inside = is_within(experiments, directory)  # a tracked link leads to those of the project
    count = len(store.run_ids(experiments)) if is_inside and os.path.isdir(experiments) else 0
    if count:
        runs = "1 run was" if count == 1 else f"{count} runs were"
        raise CodeStateError(
            f"{runs} recorded there, in {shown_path(experiments)}",
            "Move them to your experiments first, or remove all the same with --force",
        )
