"""Write runs, with the code that they ran, into one file for others or for another machine.

The file holds the folders of the runs, their commits with the history as a git bundle, a script
that repeats them without meticulous, and a manifest with the hash of every file. `meticulous
import` takes it in; unpacked, all of it is usable without. For tables of results see `meticulous
ls --export`.
"""

from __future__ import annotations

import argparse
import sys

from meticulous import settings
from meticulous.asking import selectors
from meticulous.commands import asked
from meticulous.errors import ArchiveError
from meticulous.runfolder import RUNNING, RunFolder
from meticulous.units import format_bytes
from meticulous.views.progress import Progress

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `export`."""
    parser.add_argument("runs", nargs="+", metavar="ID", help=selectors.HELP)
    parser.add_argument(
        "file", metavar="FILE", help="NAME.zip, .tar.zst, .tar.gz or .tar; NAME/ for a folder"
    )
    asked.add_directory(parser)
    parser.add_argument("--force", action="store_true", help="replace FILE where it exists")
    parser.add_argument(
        "--code",
        choices=("all", "found", "none"),
        default="all",
        help="the code of all runs, or refuse (default); what can be found of it; none",
    )
    parser.add_argument(
        "--running", action="store_true", help="export runs that are not finished, as they are now"
    )


def main(arguments: argparse.Namespace) -> int:
    """Write the archive, and say on stderr what is in it and what is not."""
    from meticulous.sharing import packing, suspicion

    _, rows = asked.runs_named(arguments, arguments.runs)
    unfinished = [str(row["expid"]) for row in rows if row["status"] == RUNNING]
    if unfinished and not arguments.running:
        raise ArchiveError(
            f"run {', '.join(unfinished)} is not finished",
            "Wait for it, or export it as it is now (--running)",
        )
    runs = [RunFolder(row["curexpdir"]) for row in rows]
    progress = Progress("exporting MB")
    plan = packing.Plan(
        runs,
        [str(row["status"] or "") for row in rows],
        settings.find_place({}).repository,
        arguments.code,
        progress=progress,
    )
    try:
        manifest = packing.pack(plan, arguments.file, replace=arguments.force)
    finally:
        progress.erase()
    for name, reason in manifest.left_out.items():
        _say(f"left out {name}: {reason}")
    for run in runs:
        for name in suspicion.files_with_secrets(run):
            _say(f"{run.id}/{name} seems to hold a secret: look at it before you share the export")
    for packed in manifest.runs:
        if arguments.code != "none" and packed.commit is None:
            _say(f"run {packed.id} goes without its code, which is not here")
    code = "with their code" if any(run.commit for run in manifest.runs) else "without code"
    ids = ", ".join(run.id for run in manifest.runs)
    kind = "run" if len(manifest.runs) == 1 else "runs"
    code = code.replace("their", "its") if kind == "run" else code
    _say(f"{kind} {ids} {code} in {arguments.file} ({format_bytes(manifest.size)} unpacked)")
    return 0


def _say(text: str) -> None:
    line = f"meticulous: {text}\n"
    sys.stderr.write(line.encode("utf-8", "backslashreplace").decode("utf-8"))
