"""What a run read beside its code: files that it names, and that nobody has written since it began."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from meticulous import runfolder
from meticulous.reading import instant
from meticulous.runfolder import RunFolder

__all__ = ["changed_folders", "inputs"]

_MOST_ENTRIES = 20_000
"""A folder with more is not looked through, and so not taken for an input."""


def inputs(run: RunFolder, project_directory: str) -> list[str]:
    """Give the files and folders of the project that `run` names and can only have read.

    Relative to the project. They are named in the command or in an argument, by a path relative
    to where the run was started, and all of them is older than its start: so it has not written
    them, and who repeats it may be given them.
    """
    started, names = _named(run)
    if started is None:
        return []
    return [
        name for name in names if _ages(os.path.join(project_directory, name), started) == {"older"}
    ]


def changed_folders(run: RunFolder, project_directory: str) -> list[str]:
    """Give the folders that `run` names, but of which only a part is older than its start.

    It has written there, or somebody has changed what it read.
    """
    started, names = _named(run)
    if started is None:
        return []
    paths = [(name, os.path.join(project_directory, name)) for name in names]
    return [
        name
        for name, path in paths
        if os.path.isdir(path) and _ages(path, started) == {"older", "newer"}
    ]


def _named(run: RunFolder) -> tuple[float | None, list[str]]:
    """Give the start of `run`, and what could be paths in the project among its words."""
    metadata = run.read_metadata()
    cwd, started = str(metadata.get("cwd") or "."), instant(metadata.get("start-time"))
    if os.path.isabs(cwd) or started is None:
        return None, []
    words = [str(word) for word in metadata.get("command") or []][1:]
    found = []
    for name in (*words, *_texts(run.read_json(runfolder.ARGS))):
        for path in (name, name.partition("=")[2]):
            inner = os.path.normpath(os.path.join(cwd, path)) if path else "."
            is_inside = inner.split(os.sep)[0] not in (os.curdir, os.pardir)
            if path and not os.path.isabs(path) and is_inside and "\0" not in inner:
                found.append(inner)
    return started.timestamp(), list(dict.fromkeys(found))


def _texts(value: Any) -> Iterator[str]:
    """Give all texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _ages(path: str, moment: float) -> set[str]:
    """Tell whether what `path` is and holds was last changed before or since `moment`, or both.

    Nothing where it is not there, or cannot be read; both where it holds too much to look at.
    """
    found = set()
    try:
        found.add("older" if os.stat(path).st_mtime < moment else "newer")
        left = _MOST_ENTRIES
        for folder, folders, names in os.walk(path):
            for name in (*folders, *names):
                left -= 1
                mtime = os.lstat(os.path.join(folder, name)).st_mtime
                found.add("older" if mtime < moment else "newer")
                if left < 0 or len(found) == 2:
                    return {"older", "newer"}
    except OSError:  # no such file, a name that is too long
        return set()
    return found
