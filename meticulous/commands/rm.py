"""Remove runs: they go to the trash, from which `restore` brings them back.

Running runs are not touched. `purge` deletes what is in the trash.
"""

from __future__ import annotations

import argparse

from meticulous.commands import asked, removing

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `rm`."""
    asked.add_selectors(parser)
    removing.add_answers(parser)


def main(arguments: argparse.Namespace) -> int:
    """Move each run that is named to the trash."""
    directory, rows = asked.runs_named(arguments, arguments.runs)
    return removing.move_to_trash(arguments, directory, rows)
