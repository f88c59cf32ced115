"""What the commands that ask about runs have in common; itself no command."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from meticulous import settings
from meticulous.base.units import parse_duration
from meticulous.commands._console import report
from meticulous.query import selectors
from meticulous.query.cache import sync
from meticulous.query.cache.index import Index
from meticulous.query.rows import Row
from meticulous.runfolder.directory import linked_id
from meticulous.views.progress_bar import Progress

__all__ = [
    "LOST_CODE",
    "add_directory",
    "add_fetch",
    "add_selectors",
    "ask",
    "directory_of",
    "one_run",
    "project_of",
    "runs_named",
    "seconds",
]

LOST_CODE = 3
"""The exit code for a run of which nobody knows how it ended."""

Answer = TypeVar("Answer")


def add_selectors(parser: argparse.ArgumentParser) -> None:
    """Declare the runs to name and the directory to look in."""
    parser.add_argument("runs", nargs="+", metavar="ID", help=selectors.HELP)
    add_directory(parser)


def add_directory(parser: argparse.ArgumentParser) -> None:
    """Declare the directory to look in."""
    parser.add_argument(
        "--experiments-directory", metavar="DIR", help="where the runs are (default: the project's)"
    )


def add_fetch(parser: argparse.ArgumentParser) -> None:
    """Declare that what a checkout lacks may be fetched."""
    parser.add_argument(
        "--fetch",
        action="store_true",
        help="fetch submodules and files that are not here (default: nothing is fetched)",
    )


def directory_of(given: str | None) -> str:
    """Return the experiments directory: the one on the command line, or the project's."""
    if given is not None:
        return given
    directory = settings.find_place({}).experiments_directory
    relative = os.path.relpath(directory)
    return directory if relative.startswith("..") else relative


def project_of(given: str | None) -> tuple[str, str | None]:
    """Return the project directory and the repository of the runs in the directory that was `given`.

    Without one it is the project that we are in, and so it is where no repository holds `given`.
    """
    place = settings.find_place({})
    top = settings.find_repository(given) if given is not None else None
    return (top, top) if top else (place.project_directory, place.repository)


def ask(directory: str, question: Callable[[Index], Answer], *, refresh: bool = False) -> Answer:
    """Return what `question` makes of the runs of `directory`; a progress bar while they are read.

    Runs that cannot be read are named on stderr.
    """
    progress = Progress("reading runs")
    try:
        return sync.ask(directory, question, report, progress, refresh=refresh, parallel=True)
    finally:
        progress.erase()


def runs_named(arguments: argparse.Namespace, words: Sequence[str]) -> tuple[str, list[Row]]:
    """Return the experiments directory and the runs that the selectors `words` name."""
    directory = directory_of(arguments.experiments_directory)
    named = [linked_id(directory, word) or word for word in words]
    return directory, ask(directory, lambda runs: selectors.select_all(named, runs))


def one_run(arguments: argparse.Namespace, word: str) -> tuple[str, Row]:
    """Return the experiments directory and the one run that the selector `word` names."""
    directory = directory_of(arguments.experiments_directory)
    named = linked_id(directory, word) or word
    return directory, ask(directory, lambda runs: selectors.select_one(named, runs))


def seconds(text: str) -> float:
    """Read a length of time such as 30d, in seconds; for argparse."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: {error}") from None
