"""List the runs of an experiments directory: one line a run, the newest last."""

from __future__ import annotations

import argparse
import sys

from meticulous import reading, settings
from meticulous.errors import MeticulousError
from meticulous.reading import Row
from meticulous.views import listing

__all__ = ["add_arguments", "main"]

_HIDDEN = ("sha", "curexpdir", "end_time", "description", "tags")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `ls`."""
    parser.add_argument(
        "directory",
        nargs="?",
        metavar="DIRECTORY",
        help="where the runs are (default: the project's)",
    )
    parser.add_argument("--tails", "--tail", type=int, metavar="K", help="only the last K rows")
    parser.add_argument("--json", action="store_true", help="print a JSON list, one object a run")
    parser.add_argument("--no-header", action="store_true", help="leave out the line of names")


def main(arguments: argparse.Namespace) -> int:
    """Print the table."""
    directory = arguments.directory or settings.find_place({}).experiments_directory
    rows = _rows(directory)
    if arguments.tails is not None:
        rows = rows[max(len(rows) - arguments.tails, 0) :]
    names = _names(rows)
    if arguments.json:
        sys.stdout.write(_json(rows))
    elif sys.stdout.isatty():
        _print_for_people(rows, names, header=not arguments.no_header)
    else:
        for line in listing.for_programs(rows, names, header=not arguments.no_header):
            print(line)
    return 0


def _rows(directory: str) -> list[Row]:
    ids = reading.list_ids(directory)
    rows = [
        reading.present(row, directory) for row in reading.iterate_rows(directory, ids, _report)
    ]
    return sorted(rows, key=lambda row: row.get("start_time") or "")


def _report(error: MeticulousError) -> None:
    print(f"meticulous: {error}", file=sys.stderr)


def _names(rows: list[Row]) -> list[str]:
    found = dict.fromkeys(name for row in rows for name in row)
    header = [name for name in reading.HEADER if name not in _HIDDEN]
    message = ["status_message"] if any(row["status_message"] for row in rows) else []
    header.remove("status_message")
    middle = [name for prefix in ("args_", "summary_") for name in found if name.startswith(prefix)]
    return [*header, *middle, *message]


def _print_for_people(rows: list[Row], names: list[str], *, header: bool) -> None:
    if not rows:
        print("No runs yet. Record one with `meticulous run -- COMMAND`.")
        return
    shown = listing.for_people(rows, names, header=header, folding=True)
    for line in ([shown.folded] if shown.folded else []) + shown.lines:
        print(line)
    if shown.left_out:
        print(f"(no room for {', '.join(shown.left_out)})")


def _json(rows: list[Row]) -> str:
    from meticulous.helper import json_bytes

    return json_bytes(rows).decode("utf-8")  # type: ignore[no-untyped-call,no-any-return]
