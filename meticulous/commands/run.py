"""Run a command and record it in a numbered folder.

Options end at the first word that is no option, or at `--`; everything after that is the command's.
"""

from __future__ import annotations

import os

from meticulous import settings
from meticulous.errors import UsageError
from meticulous.runner.launch import launch
from meticulous.settings.options import RUN_OPTIONS, parse_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options for ``--help``; :func:`meticulous.settings.options.parse_options` reads them."""
    parser.usage = "%(prog)s [options] [--] COMMAND [ARG ...]"
    parser.epilog = (
        "Each option can be set in the environment as METICULOUS_… and in meticulous.yaml too; "
        "the command line goes before the environment, and that before the file."
    )
    for option in RUN_OPTIONS:
        names = [f"-{option.short}"] if option.short else []
        names.append(f"--{option.name}")
        if option.kind == "flag":
            parser.add_argument(*names, action="store_true", help=option.help)
        else:
            choices, metavar = option.choices or None, option.metavar
            parser.add_argument(*names, choices=choices, metavar=metavar, help=option.help)


def main(words: Sequence[str]) -> int:
    """Launch the command in `words`; end as it did."""
    given, command = parse_options(words)
    if not command:
        hint = "Write it after the options: meticulous run -- python train.py"
        raise UsageError("there is no command to run", hint)
    code = launch(command, settings.for_run(given), _earlier)
    # Nothing of ours is left to do or to flush; Python's own end would take milliseconds, and
    # would wait for a thread that is held up by a process which has outlived the command.
    os._exit(code)


def _earlier(experiments_directory: str, sha: str | None, has_succeeded: bool) -> list[str]:  # noqa: FBT001
    """Return the ids of the runs of commit `sha` that have succeeded, or have not; newest first."""
    if not os.path.isdir(experiments_directory):
        return []
    from meticulous.query.cache import sync
    from meticulous.query.filters import All, Compare, Condition, Not

    success = Compare("status", "==", "SUCCESS")
    wanted: list[Condition] = [success if has_succeeded else Not(success)]
    if sha is not None:
        wanted.append(Compare("sha", "==", sha))
    condition = All(tuple(wanted))
    rows = sync.ask(
        experiments_directory,
        lambda runs: runs.select(condition) if runs.count() else [],
        lambda _: None,  # one that cannot be read is not the same
    )
    return [str(row["expid"]) for row in reversed(rows)]
