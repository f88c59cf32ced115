"""Show how much of the disk the runs take: each run, the trash, and all together."""

from __future__ import annotations

import argparse
import os

from meticulous.base.units import format_bytes
from meticulous.commands import _runs
from meticulous.commands._console import print_json, print_lines
from meticulous.query.selectors import HELP, select_all
from meticulous.runfolder import TRASH, trash
from meticulous.runfolder.sizes import Size, size_of
from meticulous.views.progress_bar import Progress
from meticulous.views.table import Column, draw

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `du`."""
    _runs.add_directory(parser)
    parser.add_argument("runs", nargs="*", metavar="ID", help=f"{HELP} (default: all)")
    parser.add_argument(
        "-n", "--most", type=int, default=20, help="show the N largest (default: 20)", metavar="N"
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON: bytes and files of each run"
    )


def main(arguments: argparse.Namespace) -> int:
    """Print the largest runs, and the sum of all that are meant."""
    directory = _runs.directory_of(arguments.experiments_directory)
    rows = _runs.ask(
        directory,
        lambda runs: select_all(arguments.runs, runs) if arguments.runs else runs.select(),
    )
    progress = Progress("measuring")
    sizes = []
    for number, row in enumerate(rows):
        progress(number, len(rows))
        sizes.append((row, size_of(row["curexpdir"])))
    progress.erase()
    sizes.sort(key=lambda pair: -pair[1].bytes)
    in_trash = None if arguments.runs else size_of(os.path.join(directory, TRASH))
    if arguments.json:
        found = [
            {"expid": row["expid"], "bytes": size.bytes, "files": size.files} for row, size in sizes
        ]
        print_json({"runs": found, "trash": in_trash.bytes if in_trash else 0})
        return 0
    print_lines(
        _listing(
            [(str(row["expid"]), str(row["description"]), size) for row, size in sizes],
            arguments.most,
        )
    )
    if in_trash and in_trash.files:
        count = len(trash.removed(directory))
        noun = "1 run" if count == 1 else f"{count} runs"
        print(
            f"and {format_bytes(in_trash.bytes)} in the trash ({noun}): `meticulous purge` frees it"
        )
    return 0


def _listing(sizes: list[tuple[str, str, Size]], most: int) -> list[str]:
    shown = sizes[: max(most, 0)]
    total = sum(size.bytes for _, _, size in sizes)
    rest = sum(size.bytes for _, _, size in sizes[len(shown) :])
    names = [name for name, _, _ in shown]
    amounts = [size for _, _, size in shown]
    others = len(sizes) - len(shown)
    extra = [(f"{others} more", rest)] if others else []
    extra.append((f"all {len(sizes)}", total))
    return draw(
        [
            Column("expid", [*names, *(name for name, _ in extra)], right=True),
            Column(
                "size",
                [
                    *(format_bytes(one.bytes) for one in amounts),
                    *(format_bytes(one) for _, one in extra),
                ],
                right=True,
            ),
            Column(
                "files", [*(str(one.files) for one in amounts), *("" for _ in extra)], right=True
            ),
            Column("description", [*(text for _, text, _ in shown), *("" for _ in extra)]),
        ]
    ).lines
