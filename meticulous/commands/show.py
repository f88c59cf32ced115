"""Show everything about a run."""

from __future__ import annotations

import argparse
import sys

from meticulous.base.text import as_bytes, harmless
from meticulous.commands import _runs
from meticulous.commands._console import print_json, print_lines, say
from meticulous.errors import CodeStateError
from meticulous.git.diff import code_difference, pager
from meticulous.reproduce import code as recorded
from meticulous.runfolder import RunFolder, keys
from meticulous.views import colour, detail
from meticulous.views.pager import print_paged

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `show`."""
    _runs.add_selectors(parser)
    parser.add_argument(
        "--code",
        action="store_true",
        help="print its commit, and the uncommitted changes that were kept",
    )
    parser.add_argument(
        "--stat", action="store_true", help="with --code, only how much changed in which file"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list, one object a run")


def main(arguments: argparse.Namespace) -> int:
    """Print each run that is named."""
    _, rows = _runs.runs_named(arguments, arguments.runs)
    if arguments.code or arguments.stat:
        _print_code([RunFolder(row["curexpdir"]) for row in rows], stat=arguments.stat)
        return 0
    records = [detail.record(row) for row in rows]
    if arguments.json:
        print_json(records)
        return 0
    for place, record in enumerate(records):
        if place:
            print()
        print_lines(list(detail.lines(record, sys.stdout)))
    return 0


def _print_code(runs: list[RunFolder], *, stat: bool) -> None:
    """Print of each run the commit and what it had beyond it."""
    is_terminal, paint = sys.stdout.isatty(), colour.painter(sys.stdout)
    parts = []
    page = ""
    for run in runs:
        head = recorded.head_of(run)
        metadata = run.read_metadata()
        title = harmless(f"run {run.id}  {detail.code(metadata)}")
        parts.append(paint("", title) if paint else title)
        if recorded.lacks_changes(run):
            parts.append("\nThere were uncommitted changes, which were not kept.")
        elif not metadata.get(keys.SNAPSHOT_SHA):
            parts.append("\nThere were no uncommitted changes.")
        else:
            try:
                repository = recorded.repository_of(run)
                sha = recorded.commit_of(run, repository)
                code = code_difference(repository, head, sha, stat=stat, coloured=bool(paint))
                page = page or (pager(repository) if is_terminal else "")
            except CodeStateError as error:
                say(f"{error}. This is the patch in the folder of run {run.id}")
                code = recorded.patch_of(run)
            parts.append("\n" + code.decode("utf-8", "surrogateescape").rstrip("\n"))
        if metadata.get(keys.SNAPSHOT_LEFT_OUT):
            parts.append("")
        parts += [
            f"Not in the snapshot: {one.get('path')} ({one.get('reason')})"
            for one in metadata.get(keys.SNAPSHOT_LEFT_OUT) or []
        ]
        parts.append("")
    content = as_bytes("\n".join(parts))
    print_paged(content, page)
