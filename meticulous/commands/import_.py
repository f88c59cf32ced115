"""Take in runs that were exported: `meticulous import FILE`. Prints the new folder of each.

Everything is checked against the manifest before anything is to be seen. A run keeps its id where
that is free, else it gets the next number. Its code goes into the git repository of this project,
under refs/meticulous/, and touches no branch.
"""

from __future__ import annotations

import argparse
import os

from meticulous.commands import _runs
from meticulous.commands._console import print_lines, say, tidied
from meticulous.views.progress_bar import Progress

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `import`."""
    parser.add_argument("file", metavar="FILE", help="what `meticulous export` has written")
    parser.add_argument(
        "--experiments-directory", metavar="DIR", help="where to put them (default: the project's)"
    )
    parser.add_argument("--no-code", action="store_true", help="leave the code out")


def main(arguments: argparse.Namespace) -> int:
    """Take the runs in; stdout has their folders, stderr what is to be known of them."""
    from meticulous.archive.take_in import take_in

    directory = _runs.directory_of(arguments.experiments_directory)
    _, repository = _runs.project_of(arguments.experiments_directory)
    progress = Progress("importing MB")
    try:
        with tidied():
            taken = take_in(
                arguments.file,
                directory,
                repository,
                with_code=not arguments.no_code,
                progress=progress,
            )
    finally:
        progress.erase()
    for run in taken:
        if not run.is_new:
            name = "" if run.old_id == run.new_id else f", as run {run.new_id}"
            say(f"run {run.old_id} is here already{name}")
        elif run.old_id != run.new_id:
            say(f"the id {run.old_id} is taken here: it is run {run.new_id} now")
        for note in run.notes:
            say(f"run {run.new_id}: {note}")
    print_lines([os.path.join(directory, run.new_id) for run in taken])
    return 0
