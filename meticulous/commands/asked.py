"""What the commands that ask about runs have in common; itself no command."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from meticulous import reading, selectors, settings
from meticulous.errors import MeticulousError
from meticulous.helper import json_bytes
from meticulous.reading import Row

__all__ = ["add_directory", "add_selectors", "directory_of", "print_json", "report", "rows_of"]


def add_selectors(parser: argparse.ArgumentParser) -> None:
    """Declare the runs to name and the directory to look in."""
    parser.add_argument("runs", nargs="+", metavar="ID", help=selectors.HELP)
    add_directory(parser)


def add_directory(parser: argparse.ArgumentParser) -> None:
    """Declare the directory to look in."""
    parser.add_argument(
        "--experiments-directory", metavar="DIR", help="where the runs are (default: the project's)"
    )


def directory_of(given: str | None) -> str:
    """Give the experiments directory: the one on the command line, or the project's."""
    return given if given is not None else settings.find_place({}).experiments_directory


def rows_of(arguments: argparse.Namespace) -> tuple[str, list[Row]]:
    """Give the experiments directory and all its runs in start order."""
    directory = directory_of(arguments.experiments_directory)
    ids = reading.list_ids(directory)
    rows = [reading.present(row, directory) for row in reading.iterate_rows(directory, ids, report)]
    return directory, sorted(rows, key=lambda row: row.get("start_time") or "")


def report(error: MeticulousError) -> None:
    """Say on stderr which run is left out, and why."""
    print(f"meticulous: {error}", file=sys.stderr)


def print_json(value: Any) -> None:
    """Print `value` as strict JSON."""
    sys.stdout.flush()
    sys.stdout.buffer.write(json_bytes(value))
