"""The directory in which a run is repeated: its code in a work tree of its own, with its data."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from meticulous import runfolder
from meticulous.base.folders import remove_folder
from meticulous.base.namedtuple import NamedTuple
from meticulous.base.paths import leads_out, within
from meticulous.errors import CodeStateError
from meticulous.git import worktree
from meticulous.git.command import git, shown
from meticulous.reproduce import code
from meticulous.reproduce.inputs import inputs
from meticulous.runfolder import RunFolder, keys

__all__ = ["Tree", "known_code", "made", "placed"]

_NAMED = 5


class Tree(NamedTuple):
    """A work tree: `top` of `repository`; `project` and `cwd` in it are where the run is repeated.

    `origin` is the project directory that it stands for; `linked` are paths in the work tree that
    lead there.
    """

    repository: str
    top: str
    project: str
    cwd: str
    origin: str
    linked: tuple[str, ...]

    def leftovers(self) -> list[str]:
        """Name what the program left in the work tree: new, changed and ignored files."""
        words = [
            "status",
            "--porcelain",
            "-z",
            "--untracked-files=all",
            "--ignored",
            "--no-renames",
        ]
        names = [
            os.fsdecode(entry[3:])
            for entry in git(self.top, "--no-optional-locks", *words).split(b"\0")
            if entry
        ]
        linked = {os.path.relpath(path, self.top) for path in self.linked}
        return [
            name
            for name in names
            if name.rstrip("/") not in linked and "__pycache__" not in name.split("/")
        ]

    def remove(self) -> None:
        """Remove it, and the folder that was made for it."""
        try:
            worktree.remove(self.repository, self.top, force=True)
        finally:
            remove_folder(os.path.dirname(self.top), ignore_errors=True)


def made(
    run: RunFolder, links: Sequence[str], say: Callable[[str], None], *, fetch: bool = False
) -> Tree:
    """Make a work tree with the code of `run` and links to the data that it names.

    `links` are further paths of the project to link; `fetch` allows to fetch submodules and files
    that are not here. Raises CodeStateError where the code cannot
    be had.
    """
    repository = code.repository_of(run)
    metadata = run.read_metadata()
    within = str(metadata.get(keys.PROJECT) or ".")
    origin = os.path.normpath(os.path.join(repository, within))
    # The last part is the project's: what is printed of paths is compared by that.
    name = os.path.basename(repository.rstrip(os.sep)) or "project"
    folder = tempfile.mkdtemp(prefix=f"meticulous-rerun-{os.getpid()}-")
    top = os.path.join(folder, name)
    try:
        for warning in code.check_out(run, repository, top, fetch=fetch):
            say(warning)
        project = os.path.normpath(os.path.join(top, within))
        recorded_cwd = str(metadata.get(keys.CWD) or ".")
        cwd = os.path.normpath(os.path.join(project, recorded_cwd))
        is_inside = not leads_out(os.path.relpath(cwd, top))
        if is_inside:
            os.makedirs(cwd, exist_ok=True)
        else:
            _check_there(cwd)
        linked = _link(run, metadata, origin, project, links, say)
    except BaseException:
        if worktree.is_ours(top):
            worktree.remove(repository, top, force=True)
        remove_folder(folder, ignore_errors=True)
        raise
    return Tree(repository, top, project, cwd, origin, tuple(linked))


def _check_there(cwd: str) -> None:
    if not os.path.isdir(cwd):
        raise CodeStateError(f"the run was in {shown(cwd)}, which is gone", "Make it again")


def _link(
    run: RunFolder,
    metadata: dict[str, Any],
    origin: str,
    project: str,
    links: Sequence[str],
    say: Callable[[str], None],
) -> list[str]:
    """Link what the run read and git does not know. Gives the links."""
    named = [
        str(entry["path"])
        for entry in metadata.get(keys.DATA) or []
        if isinstance(entry, dict) and not os.path.isabs(str(entry.get("path")))
    ]
    named += [str(path) for path in metadata.get(keys.LINKED) or []]
    made_links: list[str] = []
    found = inputs(run, origin)
    for path in dict.fromkeys([*found.read, *named, *links]):
        plain = os.path.normpath(path)
        within = os.path.normpath(os.path.join(str(metadata.get(keys.PROJECT) or "."), plain))
        if within == os.curdir or leads_out(within) or os.path.isabs(plain):
            continue
        if not os.path.lexists(os.path.join(origin, plain)):
            if path in links:
                raise CodeStateError(
                    f"there is no {shown(path)} in {shown(origin)}", "Check --link"
                )
            continue
        made_links += _linked(
            os.path.normpath(os.path.join(origin, plain)),
            os.path.normpath(os.path.join(project, plain)),
        )
    if made_links:
        say(
            f"linked from your project: {_list(os.path.relpath(one, project) for one in made_links)}"
        )
    whys = dict.fromkeys(found.changed, f"it holds what is newer than run {run.id}")
    whys |= dict.fromkeys(found.large, "it has too many files to see that the run only read them")
    for path, why in whys.items():
        if not os.path.lexists(os.path.join(project, path)):
            hint = f"If the run read it: --link {shlex.quote(path)}"
            say(f"{shown(path)} is not linked: {why}. {hint}")
    return made_links


def _linked(source: str, target: str) -> list[str]:
    """Link `target` to `source` where it is not there; a folder that is gets what it lacks."""
    if not os.path.lexists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.symlink(source, target)
        return [target]
    if os.path.isdir(target) and not os.path.islink(target) and os.path.isdir(source):
        found = []
        for name in sorted(os.listdir(source)):
            if name not in ("__pycache__", ".git"):
                found += _linked(os.path.join(source, name), os.path.join(target, name))
        return found
    return []


def placed(command: Sequence[str], tree: Tree) -> list[str]:
    """Return `command` as it is to be run in the work tree.

    A program that lies in the project and not in git (``.venv/bin/python``) is that of the project.
    Whole paths of files that the work tree has (``/home/me/project/train.py``) become its own.
    """
    words = []
    for place, word in enumerate(command):
        option, equals, value = word.partition("=")
        if equals and os.path.isabs(value):
            words.append(f"{option}={_own(value, tree)}")
        elif os.path.isabs(word):
            words.append(_own(word, tree))
        elif not place and os.sep in word and not os.path.exists(os.path.join(tree.cwd, word)):
            beside = os.path.join(tree.origin, os.path.relpath(tree.cwd, tree.project), word)
            words.append(os.path.normpath(beside) if os.path.exists(beside) else word)
        else:
            words.append(word)
    return words


def _own(path: str, tree: Tree) -> str:
    """Return the place in the work tree of a whole `path`, where it has that; else the path."""
    inner = within(path, tree.repository)
    if inner is None:
        return path
    there = os.path.join(tree.top, inner)
    return there if os.path.lexists(there) and there not in tree.linked else path


def known_code(run: RunFolder, tree: Tree) -> dict[str, Any]:
    """Return what is known of the code of `run`, for the record of its rerun."""
    metadata = run.read_metadata()
    head, snapshot = metadata[keys.GITHEAD_SHA], metadata.get(keys.SNAPSHOT_SHA)
    kept = (
        keys.GITHEAD_SHA, keys.GITHEAD_MESSAGE, keys.BRANCH, keys.SNAPSHOT_SHA, keys.SNAPSHOT_LEFT_OUT,
        keys.SNAPSHOT_SUBMODULES,
    )  # fmt: skip
    changes: list[str] = []
    patches = {}
    if snapshot:
        if metadata.get(keys.DIRTY):
            words = ["diff-tree", "-r", "--name-only", "-z", "--ignore-submodules=none"]
            names = git(tree.repository, *words, head, snapshot).split(b"\0")
            changes = [os.fsdecode(name) for name in names if name]
        files = {"": runfolder.UNCOMMITTED_PATCH}
        for module in metadata.get(keys.SNAPSHOT_SUBMODULES) or []:
            files[module["path"]] = os.path.basename(module["patch"])
        patches = {
            path: os.path.abspath(run.file(name))
            for path, name in files.items()
            if os.path.exists(run.file(name))
        }
    return {
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "changes": changes,
        "patches": patches,
        "links": [os.path.relpath(path, tree.top) for path in tree.linked],
    }


def _list(names: Iterable[str]) -> str:
    listed = [shown(name) for name in names]
    more = f" and {len(listed) - _NAMED:,} more" if len(listed) > _NAMED else ""
    return ", ".join(listed[:_NAMED]) + more
