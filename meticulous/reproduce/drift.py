"""What is not any more as it was when a run was recorded, found before it is repeated."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote, urlsplit

from meticulous import environment, runfolder
from meticulous.base.digest import sha256_of
from meticulous.comparison.context import Change, around
from meticulous.environment.interpreter import find_python
from meticulous.git.command import shown
from meticulous.runfolder import RunFolder, keys

__all__ = ["changed_around", "changed_data", "imported_from"]


def changed_around(run: RunFolder, command: Sequence[str], cwd: str) -> list[Change]:
    """Return what differs now around `command`: Python, packages, machine, recorded variables."""
    then = run.read_json(runfolder.ENVIRONMENT)
    if not then:
        return []
    names = list(then.get("variables") or {})
    now = environment.gather(command, cwd, os.environ, names)
    if not (now.get("python") and then.get("python")):
        # A launcher that chooses it, or no Python at all: nothing can be said before the start.
        now = {**now, "python": then.get("python"), "packages": then.get("packages")}
    return [
        change
        for change in around(then, now)
        # One was told by the Python itself, the other is read from files: the ends may differ.
        if not (change.kind == "python" and _is_same_python(change))
    ]


def _is_same_python(change: Change) -> bool:
    one, other = str(change.one or ""), str(change.other or "")
    if change.name == "executable":
        return os.path.realpath(one) == os.path.realpath(other) or (
            os.path.dirname(one) == os.path.dirname(other)
        )
    return one.startswith(other) or other.startswith(one)


def changed_data(run: RunFolder, project: str) -> Iterator[str]:
    """Say of each data file of `run` that is gone or not what it was; `project` is where they are."""
    for entry in run.read_metadata().get(keys.DATA) or []:
        name = str(entry.get("path"))
        path = os.path.join(project, name)
        try:
            size = os.stat(path).st_size
            if size != entry.get("size"):
                yield f"{shown(name)} has changed: {entry.get('size'):,} bytes → {size:,} bytes"
            elif entry.get("sha256") and sha256_of(path) != entry["sha256"]:
                yield f"{shown(name)} has changed: the same size, another content"
        except OSError as error:
            yield f"{shown(name)}, which the run read, cannot be: {error.strerror}"


def imported_from(
    command: Sequence[str], cwd: str, repository: str, environ: Mapping[str, str]
) -> list[str]:
    """Name what is imported from the user's own tree, `repository`, and not from the work tree.

    These are packages that were installed from there in editable mode, and entries of PYTHONPATH.
    """
    found = []
    for directory in find_python(command, cwd, environ).directories:
        try:
            names = [name for name in os.listdir(directory) if name.endswith(".dist-info")]
        except OSError:
            continue
        for name in names:
            try:
                with open(os.path.join(directory, name, "direct_url.json"), "rb") as file:
                    told = json.load(file)
                place = unquote(urlsplit(told["url"]).path) if told["dir_info"]["editable"] else ""
            except (OSError, ValueError, KeyError, TypeError):
                continue
            if place and _is_in(place, repository):
                found.append(f"the package {name.split('-')[0]}, installed in editable mode")
    entries = environ.get("PYTHONPATH", "").split(os.pathsep)
    own = [entry for entry in entries if os.path.isabs(entry) and _is_in(entry, repository)]
    return found + [f"{entry} of PYTHONPATH" for entry in own]


def _is_in(path: str, directory: str) -> bool:
    path, directory = os.path.realpath(path), os.path.realpath(directory)
    return path == directory or path.startswith(directory.rstrip(os.sep) + os.sep)
