"""Write a note into the record of runs: `meticulous note 12 "diverged after the warm-up"`.

Notes are added, each with its time; `show` prints them, and filters find them in the column
`metadata_notes`. Without a text it is read from stdin; on a terminal your editor opens.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from meticulous.base.text import as_bytes
from meticulous.base.timestamps import now
from meticulous.base.units import format_bytes
from meticulous.commands import _runs
from meticulous.errors import UsageError
from meticulous.masking import mask_text
from meticulous.query.selectors import HELP
from meticulous.runfolder import RunFolder, keys
from meticulous.runfolder.edits import edit

__all__ = ["add_arguments", "main"]

_MOST_BYTES = 100_000
_EDITORS = ("VISUAL", "EDITOR")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `note`."""
    _runs.add_directory(parser)
    parser.add_argument("runs", metavar="ID", help=HELP)
    parser.add_argument(
        "text",
        nargs="*",
        default=[],  # or argparse calls it required
        metavar="TEXT",
        help="what to note; - reads stdin",
    )


def main(arguments: argparse.Namespace) -> int:
    """Add the note to each run that is named."""
    _, rows = _runs.runs_named(arguments, [arguments.runs])
    text = mask_text(_text(arguments.text).strip())
    if not text:
        raise UsageError("the note is empty, so nothing was written", "Give a text")
    size = len(as_bytes(text))
    if size > _MOST_BYTES:
        first = os.path.join(rows[0]["curexpdir"], "notes.txt")
        raise UsageError(
            f"the note has {format_bytes(size)}, and {format_bytes(_MOST_BYTES)} is the most",
            f"Put it into a file of the run, such as {first}",
        )

    def change(metadata: dict[str, Any]) -> None:
        metadata[keys.NOTES] = [*(metadata.get(keys.NOTES) or []), {"time": now(), "text": text}]

    for row in rows:
        edit(RunFolder(row["curexpdir"]), change)
    return 0


def _text(words: list[str]) -> str:
    if words and words != ["-"]:
        return " ".join(words)
    if not words and sys.stdin.isatty():
        return _edited()
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _edited() -> str:
    """Let the user write in an editor."""
    import shlex
    import subprocess
    import tempfile

    editor = next((os.environ[name] for name in _EDITORS if os.environ.get(name)), "vi")
    with tempfile.NamedTemporaryFile("w+", suffix=".txt", encoding="utf-8") as file:
        try:
            subprocess.run([*shlex.split(editor), file.name], check=True)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise UsageError(f"the editor {editor} failed: {error}", "Give the text") from error
        with open(file.name, encoding="utf-8", errors="replace") as written:
            return written.read()
