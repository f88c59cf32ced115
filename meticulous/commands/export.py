"""Write runs, with the code that they ran, into one file for others or for another machine.

The file holds the folders of the runs, their commits with the history as a git bundle, a script
that repeats them without meticulous, and a manifest with the hash of every file. `meticulous
import` takes it in; unpacked, all of it is usable without. For tables of results see `meticulous
ls --export`.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from meticulous import runfolder
from meticulous.archive.code import CODE
from meticulous.base.units import format_bytes
from meticulous.commands import _runs
from meticulous.commands._console import say, tidied
from meticulous.errors import ArchiveError, UsageError
from meticulous.query import selectors
from meticulous.runfolder import RunFolder, keys
from meticulous.views.progress_bar import Progress

if TYPE_CHECKING:
    from meticulous.archive.pack import More

__all__ = ["add_arguments", "main"]

_LARGE = 50_000_000
"""Bytes of code from which its size is worth a word."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `export`."""
    parser.add_argument("runs", nargs="+", metavar="ID", help=selectors.HELP)
    parser.add_argument(
        "file", metavar="FILE", help="NAME.zip, .tar.zst, .tar.gz or .tar; NAME/ for a folder"
    )
    _runs.add_directory(parser)
    parser.add_argument("--force", action="store_true", help="replace FILE where it exists")
    parser.add_argument(
        "--code",
        choices=CODE,
        default="all",
        help="the code of all runs, or refuse (default); what can be found of it; none",
    )
    parser.add_argument(
        "--running", action="store_true", help="export runs that are not finished, as they are now"
    )

    crate = parser.add_argument_group(
        "for publication",
        "An RO-Crate (Process Run Crate): a .zip or a folder that says what it is.",
    )
    crate.add_argument("--ro-crate", action="store_true", help="describe the export as an RO-Crate")
    crate.add_argument("--name", default="", help="the title of the crate")
    crate.add_argument("--description", default="", metavar="TEXT", help="what it is about")
    crate.add_argument("--author", default="", metavar="'NAME <ORCID>'", help="who ran this")
    crate.add_argument(
        "--license", default="", help="how it may be used: an SPDX name, an address or a text"
    )


def main(arguments: argparse.Namespace) -> int:
    """Write the archive, and say on stderr what is in it and what is not."""
    from meticulous.archive import pack, secret_scan
    from meticulous.archive.manifest import BUNDLE
    from meticulous.reproduce.script import caveats

    _, rows = _runs.runs_named(arguments, arguments.runs)
    unfinished = [str(row["expid"]) for row in rows if row["status"] == runfolder.RUNNING]
    if unfinished and not arguments.running:
        raise ArchiveError(
            f"run {', '.join(unfinished)} is not finished",
            "Wait for it, or export it as it is now (--running)",
        )
    runs = [RunFolder(row["curexpdir"]) for row in rows]
    progress = Progress("exporting MB")
    _, repository = _runs.project_of(arguments.experiments_directory)
    plan = pack.Plan(
        runs,
        [str(row["status"] or "") for row in rows],
        repository,
        arguments.code,
        more=_crate(arguments, runs),
        is_flat=arguments.ro_crate,
        progress=progress,
    )
    try:
        with tidied():
            manifest = pack.pack(plan, arguments.file, replace=arguments.force)
    finally:
        progress.erase()
    for name, reason in manifest.left_out.items():
        say(f"left out {name}: {reason}")
    for run in runs:
        for name in secret_scan.files_with_secrets(run):
            say(f"{run.id}/{name} seems to hold a secret: look at it before you share the export")
    for caveat in caveats(runs):
        say(caveat)
    carried = {run.id for run in manifest.runs if run.commit}  # by our bundle, or one of its own
    carried |= {run.id for run in runs if os.path.exists(run.file(runfolder.CODE_BUNDLE))}
    for run in runs:
        has_code = run.id in carried or not run.read_metadata().get(keys.GITHEAD_SHA)
        if arguments.code != "none" and not has_code:
            say(f"run {run.id} goes without its code, which is not here")
    bundle = manifest.files.get(BUNDLE)
    if bundle and bundle.size > _LARGE:
        size = format_bytes(bundle.size)
        say(f"the code has {size}, because its whole history is with it; --code none leaves it out")
    code = "with their code" if carried else "without code"
    ids = ", ".join(run.id for run in manifest.runs)
    kind = "run" if len(manifest.runs) == 1 else "runs"
    code = code.replace("their", "its") if kind == "run" else code
    say(f"{kind} {ids} {code} in {arguments.file} ({format_bytes(manifest.size)} unpacked)")
    return 0


def _crate(arguments: argparse.Namespace, runs: list[RunFolder]) -> More | None:
    """Return what describes the export as an RO-Crate, where that is asked for."""
    given = {
        "name": arguments.name,
        "description": arguments.description,
        "author": arguments.author,
        "licence": arguments.license,
    }
    if not arguments.ro_crate:
        named = next((name for name, text in given.items() if text), None)
        if named:
            option = "--license" if named == "licence" else f"--{named}"
            raise UsageError(f"{option} is for --ro-crate", "Add --ro-crate, or leave it out")
        return None
    if not arguments.file.endswith((".zip", "/")):
        message = f"an RO-Crate is a .zip or a folder, not {arguments.file}"
        raise UsageError(message, "End its name in .zip or in /")
    from meticulous.archive.ro_crate import Publication, describe

    if not arguments.license:
        raise UsageError(
            "an RO-Crate must say how it may be used",
            "Give an SPDX name or a sentence: --license CC-BY-4.0, --license 'All rights reserved'",
        )
    publication = Publication(**given)
    return lambda manifest: describe(manifest, runs, publication)
