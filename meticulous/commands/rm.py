"""Remove runs: they go to the trash, from which `restore` brings them back.

Running runs are not touched. `purge` deletes what is in the trash.
"""

from __future__ import annotations

import argparse
import os

from meticulous.commands import _removal, _runs
from meticulous.query.rows import Row
from meticulous.runfolder import METADATA, STATUS, RunFolder

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `rm`."""
    _runs.add_selectors(parser)
    _removal.add_answers(parser)


def main(arguments: argparse.Namespace) -> int:
    """Move each run that is named to the trash."""
    directory = _runs.directory_of(arguments.experiments_directory)
    rows = {word: _row(directory, word) for word in arguments.runs}
    others = [word for word, row in rows.items() if row is None]
    found = _runs.runs_named(arguments, others)[1] if others else []
    chosen = {str(row["expid"]): row for row in [*filter(None, rows.values()), *found]}
    return _removal.move_to_trash(arguments, directory, list(chosen.values()))


def _row(directory: str, word: str) -> Row | None:
    """Return the run that is called `word`, though what it holds may be broken."""
    run = RunFolder(os.path.join(directory, word))
    is_plain = os.path.basename(word) == word and not word.startswith(".")
    is_run = any(os.path.lexists(run.file(name)) for name in (METADATA, STATUS))
    return {"expid": word, "curexpdir": run.path} if is_plain and is_run else None
