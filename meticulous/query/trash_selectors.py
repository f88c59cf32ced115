"""Which removed runs a word on the command line means."""

from __future__ import annotations

import os
from collections.abc import Sequence

from meticulous.errors import RunFolderError
from meticulous.runfolder import RunFolder, keys
from meticulous.runfolder.trash import Removed

__all__ = ["NAMES", "all_named"]

NAMES = "the id of a removed run; 3-7, 3,5, @TAG, or last: the last removed"


def all_named(words: Sequence[str], there: list[Removed]) -> list[Removed]:
    """Return the removed runs that `words` name, each once."""
    return list(dict.fromkeys(run for word in words for run in _named(word, there)))


def _named(word: str, there: list[Removed]) -> list[Removed]:
    """Return the removed runs that `word` names, the last removed of each id. Raises RunFolderError."""
    found: dict[str, Removed] = {}
    for run in _meant(word, there):
        found.setdefault(run.id, run)
    if not found:
        raise RunFolderError(
            f"there is no run {word} in the trash", "`meticulous restore` lists what is"
        )
    return sorted(found.values(), key=lambda run: (len(run.id), run.id))


def _meant(word: str, there: list[Removed]) -> list[Removed]:
    """Return the removed runs that `word` names, as the selectors of `ls` do."""
    exact = [run for run in there if run.id == word]
    if exact := exact or [run for run in there if os.path.basename(run.path) == word]:
        return exact
    if "," in word:
        return [run for part in word.split(",") for run in _named(part.strip(), there)]
    if word == "last":
        return there[:1]
    if word.startswith("@"):
        return [run for run in there if word[1:] in _tags(run)]
    first, dash, last = word.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal()):
        return []
    return [run for run in there if run.id.isdecimal() and int(first) <= int(run.id) <= int(last)]


def _tags(run: Removed) -> list[str]:
    try:
        return list(map(str, RunFolder(run.path).read_metadata().get(keys.TAGS) or []))
    except RunFolderError:
        return []
