"""What a run read beside its code: files that it names, and that nobody has written since it began."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from meticulous import runfolder
from meticulous.base.folders import walk
from meticulous.base.paths import leads_out
from meticulous.base.timestamps import instant
from meticulous.runfolder import RunFolder, keys

__all__ = ["Inputs", "inputs"]

_MOST_ENTRIES = 20_000
"""A folder with more is not looked through, and so not taken for what a run only read."""


_OLDER, _NEWER, _UNKNOWN = "older", "newer", "unknown"


class Inputs(NamedTuple):
    """Files and folders of the repository that a run names, relative to the project in it.

    It can only have read those of `read`. Of the folders in `changed` a part is younger than its
    start: it has written there, or somebody has changed what it read. Those in `large` have too
    many entries to be looked through.
    """

    read: list[str]
    changed: list[str]
    large: list[str]


def inputs(run: RunFolder, project_directory: str) -> Inputs:
    """Look for what `run` read: paths in its command or in an argument.

    They are whole, or relative to where the run was started. What is older than its start, with all that is
    in it, the run has not written: so who repeats it may be given it.
    """
    started, names = _named(run, project_directory)
    found = Inputs([], [], [])
    for name in names:
        ages = _ages(os.path.join(project_directory, name), started)
        if ages == {_OLDER}:
            found.read.append(name)
        elif _UNKNOWN in ages:
            found.large.append(name)
        elif len(ages) == 2:
            found.changed.append(name)
    return found


def _named(run: RunFolder, project_directory: str) -> tuple[float, list[str]]:
    """Return the start of `run`, and what could be paths in the project among its words."""
    metadata = run.read_metadata()
    cwd, started = str(metadata.get(keys.CWD) or "."), instant(metadata.get(keys.START_TIME))
    if os.path.isabs(cwd) or started is None:
        return 0.0, []
    project = str(metadata.get(keys.PROJECT) or ".")
    here = os.path.join(os.path.abspath(project_directory), cwd)
    words = [str(word) for word in metadata.get(keys.COMMAND) or []][1:]
    found = []
    for name in (*words, *_texts(run.read_json(runfolder.ARGS))):
        for path in (name, name.partition("=")[2]):
            if os.path.isabs(path):
                path = os.path.relpath(path, here)  # noqa: PLW2901
            inner = os.path.normpath(os.path.join(cwd, path)) if path else "."
            place = os.path.normpath(os.path.join(project, inner))
            is_inside = os.curdir not in (place, inner) and not leads_out(place)
            if path and is_inside and "\0" not in inner:
                found.append(inner)
    return started.timestamp(), list(dict.fromkeys(found))


def _texts(value: Any) -> Iterator[str]:
    """Return all texts in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _ages(path: str, moment: float) -> set[str]:
    """Return whether what `path` is and holds was last changed before `moment`, since, or both.

    Nothing where it is not there, or cannot be read; unknown where it holds too much to look at.
    """
    found = set()
    try:
        found.add(_age(os.stat(path), moment))
        left = _MOST_ENTRIES
        for folder, folders, names in walk(path):
            for name in (*folders, *names):
                left -= 1
                if left < 0:
                    return {_UNKNOWN}
                found.add(_age(os.lstat(os.path.join(folder, name)), moment))
                if len(found) == 2:
                    return found
    except OSError:  # no such file, a name that is too long
        return set()
    return found


def _age(found: os.stat_result, moment: float) -> str:
    return _OLDER if found.st_mtime < moment else _NEWER
