"""What a run read beside its code: files that it names, and that nobody has written since it began."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from meticulous import runfolder
from meticulous.reading import instant
from meticulous.runfolder import RunFolder

__all__ = ["inputs"]

_MOST_ENTRIES = 20_000
"""A folder with more is not looked through, and so not taken for an input."""


def inputs(run: RunFolder, project_directory: str) -> list[str]:
    """Give the files and folders of the project that `run` names and can only have read.

    Relative to the project. They are named in the command or in an argument, by a path relative
    to where the run was started, and all of them is older than its start: so it has not written
    them, and who repeats it may be given them.
    """
    metadata = run.read_metadata()
    cwd, started = str(metadata.get("cwd") or "."), instant(metadata.get("start-time"))
    if os.path.isabs(cwd) or started is None:
        return []
    words = [str(word) for word in metadata.get("command") or []][1:]
    found = []
    for name in (*words, *_texts(run.read_json(runfolder.ARGS))):
        for path in (name, name.partition("=")[2]):
            inner = os.path.normpath(os.path.join(cwd, path)) if path else "."
            is_inside = inner.split(os.sep)[0] not in (os.curdir, os.pardir)
            if path and not os.path.isabs(path) and is_inside and "\0" not in inner:
                whole = os.path.join(project_directory, inner)
                if _is_older(whole, started.timestamp()):
                    found.append(inner)
    return list(dict.fromkeys(found))


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


def _is_older(path: str, moment: float) -> bool:
    """Tell whether all that `path` is and holds was last changed before `moment`."""
    try:
        if os.stat(path).st_mtime >= moment:
            return False
        if not os.path.isdir(path):
            return True
        left = _MOST_ENTRIES
        for folder, folders, names in os.walk(path):
            for name in (*folders, *names):
                left -= 1
                if left < 0 or os.lstat(os.path.join(folder, name)).st_mtime >= moment:
                    return False
    except OSError:  # no such file, a name that is too long
        return False
    return True
