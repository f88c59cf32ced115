"""Print the folder of a run, one line for each: `cd $(meticulous path last)`."""

from __future__ import annotations

import argparse
import os
import sys

from meticulous import selectors
from meticulous.commands import asked

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `path`."""
    asked.add_selectors(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON list of paths")


def main(arguments: argparse.Namespace) -> int:
    """Print the absolute path of each run that is named."""
    directory, rows = asked.rows_of(arguments)
    chosen = [row for part in arguments.runs for row in selectors.select(part, rows)]
    paths = [os.path.abspath(os.path.join(directory, str(row["expid"]))) for row in chosen]
    if arguments.json:
        asked.print_json(paths)
        return 0
    for path in paths:
        # Bytes, because a path need not be text.
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(path) + b"\n")
    return 0
