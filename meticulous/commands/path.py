"""Print the folder of a run, one line for each: `cd "$(meticulous path last)"`."""

from __future__ import annotations

import argparse
import os
import sys

from meticulous.commands import _runs
from meticulous.commands._console import print_json

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `path`."""
    _runs.add_selectors(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON list of paths")


def main(arguments: argparse.Namespace) -> int:
    """Print the absolute path of each run that is named."""
    _, rows = _runs.runs_named(arguments, arguments.runs)
    paths = [os.path.abspath(row["curexpdir"]) for row in rows]
    if arguments.json:
        print_json(paths)
        return 0
    sys.stdout.flush()
    # Bytes, because a path need not be text.
    sys.stdout.buffer.writelines(os.fsencode(path) + b"\n" for path in paths)
    return 0
