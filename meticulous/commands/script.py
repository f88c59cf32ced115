"""Print a shell script that repeats runs without meticulous: `meticulous script 12 > again.sh`.

It needs git and a shell, and what the runs themselves need. Each run gets a work tree of its own
at its commit, with the uncommitted changes that were kept, so nobody's files are touched.
"""

from __future__ import annotations

import argparse
import os
import sys

from meticulous import runfolder
from meticulous.commands import _runs
from meticulous.commands._console import print_lines, say
from meticulous.runfolder import RunFolder

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `script`."""
    _runs.add_selectors(parser)
    parser.add_argument(
        "--with-environment",
        action="store_true",
        help="let the script make a virtual environment with the packages of each run",
    )


def main(arguments: argparse.Namespace) -> int:
    """Print the script; what it cannot repeat exactly is said on stderr."""
    from meticulous.reproduce.script import caveats, script

    _, rows = _runs.runs_named(arguments, arguments.runs)
    runs = [RunFolder(row["curexpdir"]) for row in rows]
    _, repository = _runs.project_of(arguments.experiments_directory)
    text = script(runs, repository, with_environment=arguments.with_environment)
    for run in runs:
        if os.path.exists(bundle := run.file(runfolder.CODE_BUNDLE)):
            say(f"the code of run {run.id} is in {bundle}: give that to the script")
    for caveat in caveats(runs):
        say(caveat)
    sys.stdout.flush()
    if sys.stdout.isatty():
        # To be read: what a terminal would obey is shown. The script itself goes into a file.
        print_lines(text.decode("utf-8", "replace").rstrip("\n").split("\n"))
    else:
        sys.stdout.buffer.write(text)
    return 0
