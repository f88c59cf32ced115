"""Print the packages of a run, to install them elsewhere: `pip install -r requirements.txt`."""

from __future__ import annotations

import argparse
import sys

from meticulous import runfolder
from meticulous.commands import _runs
from meticulous.commands._console import print_lines
from meticulous.errors import UsageError
from meticulous.query import selectors
from meticulous.runfolder import RunFolder

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `environment`."""
    parser.add_argument("run", metavar="ID", help=selectors.HELP)
    _runs.add_directory(parser)
    parser.add_argument(
        "--lock",
        action="store_true",
        help="print a pylock.toml (PEP 751): the package index is asked for the files of these "
        "versions and their hashes",
    )
    parser.add_argument(
        "--index-url",
        metavar="URL",
        action="append",
        help="with --lock: the index to ask; again for more (default: PIP_INDEX_URL, or PyPI)",
    )


def main(arguments: argparse.Namespace) -> int:
    """Print a requirements.txt, or with ``--lock`` a pylock.toml."""
    if arguments.index_url and not arguments.lock:
        raise UsageError("--index-url is for --lock", "Add --lock, or leave it out")
    _, row = _runs.one_run(arguments, arguments.run)
    run = RunFolder(row["curexpdir"])
    environment = run.read_json(runfolder.ENVIRONMENT)
    if not arguments.lock:
        from meticulous.reproduce.requirements import requirements

        print_lines(list(requirements(environment, run.id)))
        return 0
    from meticulous.reproduce import pylock

    indexes = arguments.index_url or pylock.default_indexes()
    text, lacking = pylock.lock(environment, run.id, indexes)
    print_lines(text.splitlines())
    for package in lacking:
        print(f"meticulous: the lock lacks {package.name}: {package.reason}", file=sys.stderr)
    return 0 if all(package.is_local for package in lacking) else 1
