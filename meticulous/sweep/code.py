"""The code of a sweep: that of its start, in one work tree that all its runs share.

Editing on does not reach it. What git does not know of the project (data, virtual environments) is
linked into it, so that relative paths lead where they led; new files that git would see are copied.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from meticulous.base.folders import remove_folder
from meticulous.child.helper import json_bytes, locked, replace_file
from meticulous.errors import CodeStateError
from meticulous.git import CodeState, worktree
from meticulous.git.command import git
from meticulous.reproduce.worktree import Tree
from meticulous.runfolder import keys
from meticulous.settings import RunSettings
from meticulous.sweep.folder import SweepFolder
from meticulous.sweep.lines import SweepError, cannot_write

__all__ = ["CODE", "check", "ensure", "keep", "tidy", "tree"]

CODE = "code.json"
"""File in the folder of a sweep: the state of the code, as a run records it."""
_TREE = "code"
_LARGEST_COPY = 10_000_000
_NOT_LINKED = ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache")
Say = Callable[[str], None]


def keep(folder: SweepFolder, code: CodeState) -> None:
    """Write the state of the code into the folder, its patches too. Raises SweepError."""
    kept = None
    try:
        if code.kept is not None:
            patches = {}
            for number, (path, patch) in enumerate(code.kept.patches.items()):
                patches[path] = f"uncommitted{f'.{number}' if number else ''}.patch"
                replace_file(folder.file(patches[path]), patch)
            kept = {
                "sha": code.kept.sha,
                "patches": patches,
                "left-out": [list(one) for one in code.kept.left_out],
                "modules": [list(module) for module in code.kept.modules],
            }
        content = {
            "metadata": {
                keys.GITHEAD_SHA: code.sha, keys.GITHEAD_MESSAGE: code.message, keys.BRANCH: code.branch,
            },
            "repository": os.path.relpath(code.repository, folder.path),
            "changes": list(code.changes),
            "untracked": list(code.untracked),
            "untracked-left-out": code.untracked_left_out,
            "remote": code.remote,
            "kept": kept,
        }  # fmt: skip
        replace_file(folder.file(CODE), json_bytes(content))
    except OSError as error:
        raise cannot_write(folder.path, error) from error


def tree(folder: SweepFolder) -> Tree | None:
    """Describe the work tree of the sweep; None where it runs in the present tree.

    It need not be there (any more): see :func:`ensure`.
    """
    within = folder.specification.get("tree")
    if within is None:
        return None
    repository = os.path.normpath(os.path.join(folder.path, within["repository"]))
    top = folder.file(_TREE, within["name"])
    project = os.path.normpath(os.path.join(top, within["project"]))
    cwd = os.path.normpath(os.path.join(project, folder.specification["cwd"]))
    origin = os.path.normpath(os.path.join(repository, within["project"]))
    linked = tuple(os.path.join(top, name) for name in within.get("linked") or ())
    return Tree(repository, top, project, cwd, origin, linked)


def check(folder: SweepFolder) -> None:
    """Raise SweepError where the work tree of the sweep is not there."""
    made = tree(folder)
    if made is not None and not os.path.exists(_mark(folder)):
        message = f"the code of sweep {folder.id} is not in {made.top}"
        hint = f"`meticulous sweep resume {folder.id}` puts it there again"
        raise SweepError(message, hint)


def ensure(folder: SweepFolder, settings: RunSettings, code: CodeState, say: Say) -> None:
    """Make the work tree where it is not there, or was left half made. Raises CodeStateError."""
    made = tree(folder)
    if made is None or os.path.exists(_mark(folder)):
        return
    with locked(folder.path):  # several may come at once
        if os.path.exists(_mark(folder)):
            return
        if os.path.lexists(made.top):
            _discard(made)
        for warning in worktree.add(made.repository, code.snapshot or code.sha, made.top):
            say(warning)
        excluded = (settings.experiments_directory, os.path.dirname(folder.path))
        linked, copied = _bring(made, excluded, say)
        os.makedirs(made.cwd, exist_ok=True)
        within = {**folder.specification["tree"], "linked": linked, "copied": copied}
        folder.write_specification({**folder.specification, "tree": within})
        replace_file(_mark(folder), f"{code.snapshot or code.sha}\n".encode())


def _mark(folder: SweepFolder) -> str:
    """Return the file that says that the work tree is complete."""
    return folder.file(_TREE, "complete")


def _discard(made: Tree) -> None:
    if worktree.is_ours(made.top):
        worktree.remove(made.repository, made.top, force=True)
    else:
        remove_folder(made.top)


def _bring(
    made: Tree, excluded: tuple[str, ...], say: Say
) -> tuple[list[str], dict[str, list[int]]]:
    """Bring what git does not know into the work tree: (what was linked, the stamp of each copy)."""
    linked, copied = [], {}
    for name, is_ignored in _unknown(made.repository):
        source, target = os.path.join(made.repository, name), os.path.join(made.top, name)
        if os.path.lexists(target) or os.path.basename(name) in _NOT_LINKED:
            continue
        if any(_is_within(place, source) or _is_within(source, place) for place in excluded):
            continue
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            is_small = os.path.isfile(source) and os.path.getsize(source) <= _LARGEST_COPY
            if is_small and not is_ignored and not os.path.islink(source):
                shutil.copy2(source, target)
                copied[name] = _stamp(target)
            else:
                os.symlink(source, target)
                linked.append(name)
        except OSError as error:
            say(f"{name} is not in the work tree of the sweep: {error.strerror}")
    return linked, copied


def _stamp(path: str) -> list[int]:
    """Return what changes when the file at `path` does; empty where there is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return []
    return [found.st_ino, found.st_size, found.st_mtime_ns]


def _unknown(repository: str) -> list[tuple[str, bool]]:
    """List what git does not know, directories as one, and whether it is ignored."""
    found = []
    words = ["ls-files", "-z", "--others", "--directory", "--no-empty-directory"]
    for is_ignored, more in ((False, []), (True, ["--ignored"])):
        listed = git(repository, *words, *more, "--exclude-standard")
        names = [os.fsdecode(name).rstrip("/") for name in listed.split(b"\0") if name]
        found += [(name, is_ignored) for name in names]
    return found


def _is_within(path: str, directory: str) -> bool:
    path, directory = os.path.realpath(path), os.path.realpath(directory)
    return path == directory or path.startswith(directory.rstrip(os.sep) + os.sep)


def tidy(folder: SweepFolder, say: Say) -> None:
    """Remove the work tree when all is done; it stays where programs have left files in it."""
    made = tree(folder)
    if made is None or not os.path.isdir(made.top):
        return
    try:
        copied = folder.specification["tree"].get("copied") or {}
        leftovers = [
            name
            for name in made.leftovers()
            if name not in copied or _stamp(os.path.join(made.top, name)) != copied[name]
        ]
        if leftovers:
            more = f" and {len(leftovers) - 3:,} more" if len(leftovers) > 3 else ""
            say(f"the runs have left files in {made.top}: {', '.join(leftovers[:3])}{more}")
            return
        os.unlink(_mark(folder))
        worktree.remove(made.repository, made.top, force=True)
        os.rmdir(folder.file(_TREE))
    except (CodeStateError, OSError):
        pass  # it is only in the way
