"""Add tags to runs, and take tags away: `meticulous tag 12-15 +good -draft`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import Any

from meticulous.commands import _runs
from meticulous.commands._console import print_lines
from meticulous.errors import UsageError
from meticulous.query.selectors import HELP
from meticulous.runfolder import RunFolder, keys
from meticulous.runfolder.edits import edit

__all__ = ["add_arguments", "main", "prepare"]

_TAKEN = "\0"
"""No word of a command line can have it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line of `tag`."""
    _runs.add_directory(parser)
    parser.add_argument("runs", metavar="ID", help=HELP)
    parser.add_argument(
        "tags",
        nargs="*",
        default=[],  # or argparse calls it required
        metavar="±TAG",
        help="+TAG (or TAG) adds it, -TAG takes it away; without any, the tags are printed",
    )


def prepare(words: Sequence[str]) -> list[str]:
    """Mark the tags to take away: to argparse ``-draft`` would be options."""
    is_tag = [word[:1] == "-" and word[1:2] not in ("", "-") and word != "-h" for word in words]
    return [_TAKEN + word if yes else word for word, yes in zip(words, is_tag, strict=True)]


def main(arguments: argparse.Namespace) -> int:
    """Change the tags of each run that is named; print what each then has."""
    wanted = [_change(word) for word in arguments.tags]
    directory, rows = _runs.runs_named(arguments, [arguments.runs])
    _refuse_runs(arguments, directory)

    def change(metadata: dict[str, Any]) -> None:
        tags = dict.fromkeys(map(str, metadata.get(keys.TAGS) or []))
        for tag, is_added in wanted:
            if is_added:
                tags[tag] = None
            else:
                tags.pop(tag, None)
        metadata[keys.TAGS] = list(tags)

    for row in rows:
        run = RunFolder(row["curexpdir"])
        metadata = edit(run, change) if wanted else run.read_metadata()
        print_lines([f"{run.id}  {', '.join(map(str, metadata.get(keys.TAGS) or [])) or '-'}"])
    return 0


def _refuse_runs(arguments: argparse.Namespace, directory: str) -> None:
    """Raise UsageError where a word that stands for a tag is the id of a run: ``tag 24 25 +best``."""
    runs = [word for word in arguments.tags if os.path.isdir(os.path.join(directory, word))]
    if runs:
        tags = [word.replace(_TAKEN, "") for word in arguments.tags if word not in runs]
        several = ",".join([arguments.runs, *runs])
        raise UsageError(
            f"{runs[0]} is a run, not a tag",
            f"Write `{' '.join(['meticulous tag', several, *(tags or ['+TAG'])])}` for several runs, "
            f"+{runs[0]} for a tag of that name",
        )


def _change(word: str) -> tuple[str, bool]:
    """Return (the tag, whether it is added)."""
    is_added = not word.startswith(_TAKEN)
    word = word.removeprefix(_TAKEN)
    tag = word[1:] if word[:1] in ("+", "-") else word
    if not tag or "," in tag or tag != tag.strip() or not tag.isprintable():
        raise UsageError(f"{word!r} is no tag", "A tag is a word without commas: +good, -draft")
    return tag, is_added
