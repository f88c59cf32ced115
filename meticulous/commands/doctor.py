"""Look for what is wrong among the runs: lost runs, broken files, what was left behind.

With `--fix` what is certain is put right, and nothing else is touched. The exit code is 1 where
something is wrong and has not been put right.
"""

from __future__ import annotations

import argparse
from typing import Any

from meticulous.commands import _runs
from meticulous.commands._console import print_json, report, tell
from meticulous.errors import MeticulousError
from meticulous.runfolder import health
from meticulous.runfolder.health import Finding

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `doctor`."""
    parser.add_argument(
        "directory", nargs="?", metavar="DIRECTORY", help="the experiments directory"
    )
    _runs.add_directory(parser)
    parser.add_argument("--fix", action="store_true", help="put right what is certain")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(arguments: argparse.Namespace) -> int:
    """Print a line for each finding."""
    directory = _runs.directory_of(arguments.directory or arguments.experiments_directory)
    found: list[dict[str, Any]] = []
    is_well = True
    for finding in health.examine(directory):
        done = _mended(finding) if arguments.fix and finding.mend else None
        is_well &= finding.is_harmless or done is not None
        found.append(
            {"run": finding.run, "kind": finding.kind, "what": finding.what, "todo": finding.todo,
             "done": done}
        )  # fmt: skip
        if not arguments.json:
            tell(_line(finding, done))
    if arguments.json:
        print_json(found)
    elif not found:
        print("nothing is wrong")
    return 0 if is_well else 1


def _mended(finding: Finding) -> str | None:
    try:
        return finding.mend() if finding.mend else None
    except OSError as error:
        report(MeticulousError(f"run {finding.run}: {error}"))
        return None


def _line(finding: Finding, done: str | None) -> str:
    about = f"run {finding.run} " if finding.run else ""
    if finding.kind in ("broken", "new-format") and about:
        about = f"{about.rstrip()}: "  # a sentence of its own follows
    return f"{about}{finding.what}. {done or finding.todo}"
