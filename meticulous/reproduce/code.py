"""The code of a recorded run, found again: its repository, its commit, a tree of it."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable

from meticulous import runfolder, settings
from meticulous.errors import CodeStateError
from meticulous.git import bundles, snapshot, submodules, worktree
from meticulous.git.command import ask_git, has_commit
from meticulous.reproduce.patch import read_patch
from meticulous.runfolder import RunFolder, keys

__all__ = [
    "check_out",
    "commit_of",
    "declares",
    "head_of",
    "kept_commits",
    "lacks_changes",
    "let_go",
    "patch_of",
    "repository_of",
    "spells",
]


def repository_of(run: RunFolder) -> str:
    """Return the repository in which the commit of `run` is looked for, its top level.

    It is the one around the run folder, or that of the present project where only that one has
    the commit. Raises CodeStateError where there is none.
    """
    sha = head_of(run)
    places = [
        settings.find_repository(os.path.dirname(os.path.abspath(run.path))),
        settings.find_place({}).repository,
    ]
    found = [place for place in places if place is not None]
    if not found:
        bundle = run.file(runfolder.CODE_BUNDLE)
        clone = f", or make one: git clone {shlex.quote(bundle)}" if os.path.exists(bundle) else ""
        raise CodeStateError(
            f"{run.path} is in no git repository, and neither is the current directory",
            f"Change into a clone of the project{clone}",
        )
    return next((place for place in found if has_commit(place, sha)), found[0])


def head_of(run: RunFolder) -> str:
    """Return the commit of `run`, without its uncommitted changes. Raises CodeStateError."""
    sha = run.read_metadata().get(keys.GITHEAD_SHA)
    if not sha:
        raise CodeStateError(f"run {run.id} has no commit recorded")
    return str(sha)


def commit_of(run: RunFolder, repository: str) -> str:
    """Return the commit that has the code of `run`: its snapshot, or else the commit it was at.

    A snapshot that this clone lacks is made again from the patches in the folder. Raises
    CodeStateError where that cannot be, or the run has no commit.
    """
    head = head_of(run)
    metadata = run.read_metadata()
    if not has_commit(repository, head):
        _take_from_bundle(run, repository, {head, str(metadata.get(keys.SNAPSHOT_SHA))})
    for module in reversed(metadata.get(keys.SNAPSHOT_SUBMODULES) or []):
        place = submodules.local_repository(repository, submodules.Module(module["path"], ""))
        if place is not None and has_commit(place, module[keys.GITHEAD_SHA]):
            patch = patch_of(run, os.path.basename(module["patch"]))
            snapshot.restore(place, module[keys.GITHEAD_SHA], module[keys.SNAPSHOT_SHA], patch)
    sha = metadata.get(keys.SNAPSHOT_SHA)
    if not sha:
        if not has_commit(repository, head):
            raise worktree.gone(repository, head)
        return head
    if not has_commit(repository, sha):
        snapshot.restore(repository, head, sha, patch_of(run))
    return str(sha)


def _take_from_bundle(run: RunFolder, repository: str, wanted: set[str]) -> None:
    """Take the commits that are `wanted` out of the bundle that an imported run may have."""
    bundle = run.file(runfolder.CODE_BUNDLE)
    if os.path.exists(bundle):
        held = {sha: ref for ref, sha in bundles.heads(repository, bundle).items() if sha in wanted}
        if held:
            bundles.fetch_bundle(repository, bundle, held)


def patch_of(run: RunFolder, name: str = runfolder.UNCOMMITTED_PATCH) -> bytes:
    """Return the uncommitted changes that the folder of `run` has; empty where it has none."""
    try:
        return read_patch(run, name)
    except FileNotFoundError:
        return b""


def lacks_changes(run: RunFolder) -> bool:
    """Return whether there were uncommitted changes of which nothing was kept."""
    metadata = run.read_metadata()
    return bool(metadata.get(keys.DIRTY)) and not metadata.get(keys.SNAPSHOT_SHA)


def spells(run: RunFolder, option: str) -> bool:
    """Return whether the code of `run` has the `option` spelled so, ``--batch-size``."""
    edge = "[^A-Za-z0-9_.-]"
    return _has(run, f"(^|{edge}){option.replace('.', '[.]')}($|{edge})")


def declares(run: RunFolder, name: str) -> bool:
    """Return whether the code of `run` declares a positional argument `name`, by argparse or click."""
    return _has(run, rf"argument\( *[\"']{re.escape(name)}[\"']")


def _has(run: RunFolder, pattern: str) -> bool:
    """Return whether the code of `run` has a line like `pattern`."""
    metadata = run.read_metadata()
    try:
        repository = repository_of(run)
    except CodeStateError:
        return False
    sha = metadata.get(keys.SNAPSHOT_SHA) or metadata.get(keys.GITHEAD_SHA)
    asked = ask_git(repository, ["grep", "-q", "-I", "-E", "-e", pattern, str(sha), "--"])
    return asked is not None and asked.answer().code == 0


def kept_commits(runs: Iterable[RunFolder]) -> set[tuple[str, str]]:
    """Return the commits that were kept for `runs`: (submodule or "", sha)."""
    found = set()
    for run in runs:
        metadata = run.read_metadata()
        if metadata.get(keys.SNAPSHOT_SHA):
            found.add(("", str(metadata[keys.SNAPSHOT_SHA])))
        for module in metadata.get(keys.SNAPSHOT_SUBMODULES) or []:
            found.update(
                (module["path"], module[key]) for key in (keys.SNAPSHOT_SHA, keys.GITHEAD_SHA)
            )
    return found


def let_go(repository: str, commits: Iterable[tuple[str, str]]) -> None:
    """Let git clear away `commits` that were kept in `repository` and its submodules."""
    for path, sha in commits:
        place = (
            submodules.local_repository(repository, submodules.Module(path, "")) if path else None
        )
        if place or not path:
            snapshot.release(place or repository, sha)


def check_out(run: RunFolder, repository: str, directory: str, *, fetch: bool = False) -> list[str]:
    """Make `directory` a worktree with the code of `run`. Gives warnings: what is not as it was.

    With `fetch`, what is not here is fetched. Raises CodeStateError where the code is gone or the
    directory exists.
    """
    warnings = worktree.add(repository, commit_of(run, repository), directory, fetch=fetch)
    if warnings and not fetch:
        warnings.append("nothing was fetched: --fetch gets what is not here")
    metadata = run.read_metadata()
    if lacks_changes(run):
        warnings.insert(0, "there were uncommitted changes, which were not kept")
    left_out = [str(one.get("path")) for one in metadata.get(keys.SNAPSHOT_LEFT_OUT) or []]
    if left_out:
        more = f" and {len(left_out) - 5} more" if len(left_out) > 5 else ""
        warnings.append(f"not in its snapshot: {', '.join(left_out[:5])}{more}")
    return warnings
