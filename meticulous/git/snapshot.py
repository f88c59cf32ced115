"""Uncommitted code, kept: a commit that no branch knows, and the same as a patch.

The commit is made beside everything of the user's: with a copy of the index, its objects apart
until it has been verified, and then under a ref of its own, ``refs/meticulous/<sha>``, so that git
does not clear it away. Its author and date are always the same for the same parent, so the same
code gives the same commit, and costs its space once.
"""

from __future__ import annotations

import os
import time

from meticulous.errors import CodeStateError
from meticulous.git import CodeState, ModuleSnapshot, Snapshot, capture, excluding
from meticulous.git.command import KEPT_REFS, ask_git, git, has_commit, start_git
from meticulous.git.quarantine import Quarantine
from meticulous.git.selection import Limits, Selection, grouped, select, select_untracked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from meticulous.base.spawn import Asked

__all__ = ["forget", "keep", "release", "restore", "take"]

_TRIES = 20
_PAUSE_S = 0.02

_IDENTITY = b"meticulous <meticulous@localhost>"
_MESSAGE = b"Uncommitted changes, kept by meticulous\n"
_DIFF = (
    "diff-tree -r -p --binary --full-index -M -l300 --no-ext-diff --no-textconv --no-color "
    "--src-prefix=a/ --dst-prefix=b/ --ignore-submodules=none --submodule=short"
).split()
_RAW = "diff-tree -r -z --raw --no-renames --full-index --ignore-submodules=none".split()
_APPLY = "apply --cached --binary --whitespace=nowarn --no-ignore-whitespace".split()


def take(
    state: CodeState, exclude: str | None = None, limits: Limits | None = None
) -> Snapshot | None:
    """Keep the changed and untracked files of `state`; None where there are none.

    Args:
        state: what :func:`meticulous.git.capture` has just found.
        exclude: the experiments directory, which is never in a snapshot.
        limits: beyond which files are left out.

    Raises CodeStateError where it cannot be done; then the repository is as it was.
    """
    if not state.changes and not state.untracked:
        return None
    made: list[tuple[str, str]] = []
    try:
        return _take(state, exclude, limits or Limits(), made)
    except CodeStateError as error:
        _undo(made)
        raise CodeStateError(
            f"the uncommitted changes cannot be kept: {error.message}",
            "Mend that, or commit them, or say --dirty ignore",
        ) from error
    except BaseException:
        _undo(made)
        raise


def forget(repository: str, snapshot: Snapshot) -> None:
    """Let git clear away what :func:`take` has just made, unless it had been there before."""
    for module in snapshot.modules:
        if module.is_new:
            release(os.path.join(repository, module.path), module.snapshot_sha)
    if snapshot.is_new and snapshot.sha:
        release(repository, snapshot.sha)


def keep(repository: str, sha: str) -> bool:
    """Keep the commit `sha`, whatever becomes of the branches. False where it was kept already."""
    ref, unborn = f"{KEPT_REFS}{sha}", "0" * len(sha)
    tries_left = _TRIES
    while True:
        try:
            git(repository, "update-ref", "--no-deref", ref, sha, unborn)
        except CodeStateError:
            asked = ask_git(repository, ["show-ref", "--verify", "--quiet", ref])
            if asked and asked.answer().code == 0:
                return False
            tries_left -= 1
            if not tries_left:
                raise
            time.sleep(_PAUSE_S)  # another run of the same state holds the lock of this ref
        else:
            return True


def release(repository: str, sha: str) -> None:
    """Let git clear away the commit `sha`, unless a branch holds it too."""
    try:
        git(repository, "update-ref", "-d", "--no-deref", f"{KEPT_REFS}{sha}")
    except CodeStateError:
        pass  # more than needed is kept


def restore(repository: str, head: str, sha: str, patch: bytes) -> None:
    """Make the snapshot `sha` again from its `patch`, in a clone that lacks it.

    Raises CodeStateError where the commit `head` is gone, or the patch does not give that snapshot.
    """
    if has_commit(repository, sha):
        return
    if not has_commit(repository, head):
        raise CodeStateError(
            f"the commit {head}, to which the uncommitted changes belong, is not in {repository}",
            f"Fetch it from where it still is (git fetch REMOTE {head}), "
            "or `meticulous import` an export of the run, which brings the code along",
        )
    with Quarantine(repository) as quarantine:
        quarantine.git("read-tree", head)
        try:
            quarantine.git(*_APPLY, told=patch)
        except CodeStateError as error:
            raise CodeStateError(
                f"the patch of the uncommitted changes does not apply to {head}: {error.message}",
                "The file uncommitted.patch was altered: get it again from where it was copied",
            ) from error
        tree = quarantine.git("write-tree", "--missing-ok").strip()
        found = _commit(quarantine, head, git(repository, "cat-file", "commit", head), tree)
        if found != sha:
            raise CodeStateError(
                f"the patch of the uncommitted changes gives the commit {found} and not {sha}",
                "The file uncommitted.patch was altered: get it again from where it was copied",
            )
        quarantine.release()
    keep(repository, sha)


def _take(
    state: CodeState, exclude: str | None, limits: Limits, made: list[tuple[str, str]]
) -> Snapshot:
    repository = state.repository
    without = excluding(repository, exclude)
    asked = start_git(repository, "cat-file", "commit", state.sha)
    selection = select(repository, state, limits)
    patches: dict[str, bytes] = {}
    modules = _take_modules(repository, selection, limits, made, patches)
    select_untracked(repository, state, selection, without)
    head = asked.answer().stdout
    with Quarantine(repository) as quarantine:
        tree = _write_tree(quarantine, state.sha, selection, modules, without)
        if tree == head.partition(b"\n")[0].removeprefix(b"tree "):
            sha, is_new = None, False
        else:
            sha = _commit(quarantine, state.sha, head, tree)
            patches[""] = _verified_patch(quarantine, state.sha, sha)
            quarantine.release()
            is_new = keep(repository, sha)
            if is_new:
                made.append((repository, sha))
    left_out = [*selection.left_out]
    for module in modules:
        left_out += [(f"{module.path}/{path}", reason) for path, reason in module.left_out]
    kept = tuple(one for one in modules if one.path in patches)
    return Snapshot(sha, patches, grouped(left_out), kept, is_new)


def _take_modules(
    repository: str,
    selection: Selection,
    limits: Limits,
    made: list[tuple[str, str]],
    patches: dict[str, bytes],
) -> list[ModuleSnapshot]:
    """Keep what the submodules have beyond their commits; they share the room of the whole.

    Their patches are added to `patches`.
    """
    taken = []
    for path in selection.modules:
        inner = os.path.join(repository, path)
        try:
            state = capture(inner)
        except CodeStateError as error:
            selection.leave_out(path, error.message, is_tracked=True)
            continue
        if keep(inner, state.sha):  # which may be on no branch
            made.append((inner, state.sha))
        if not state.changes and not state.untracked:
            taken.append(ModuleSnapshot(path, state.sha, state.sha))
            continue
        found = _take(state, None, limits._replace(total=selection.room), made)
        selection.room -= sum(map(len, found.patches.values()))
        patches.update({f"{path}/{inner}".rstrip("/"): one for inner, one in found.patches.items()})
        sha = found.sha or state.sha
        one = ModuleSnapshot(path, state.sha, sha, found.left_out, found.is_new)
        taken.append(one)
        taken += [
            deeper._replace(path=f"{path}/{deeper.path}", left_out=())  # which `one` has too
            for deeper in found.modules
        ]
    return taken


def _write_tree(
    quarantine: Quarantine,
    head: str,
    selection: Selection,
    modules: list[ModuleSnapshot],
    without: list[str],
) -> bytes:
    """Write the tree of the commit `head` with all that is kept; return its sha."""
    quarantine.copy_index("index")
    unborn = b"0 " + b"0" * len(head) + b"\t%s\0"
    entries = [unborn % os.fsencode(path) for path in [*selection.gone, *selection.reverted]]
    if selection.reverted:
        entries.append(_entries(quarantine, head, selection.reverted))
    inner = [one for one in modules if one.path in selection.modules]
    entries += [
        b"160000 %s\t%s\0" % (one.snapshot_sha.encode(), os.fsencode(one.path)) for one in inner
    ]
    if entries:
        quarantine.git("update-index", "-z", "--index-info", told=b"".join(entries))
    names = b"".join(b"%s\0" % os.fsencode(path) for path in selection.kept)
    words = "update-index --add --remove --replace --ignore-skip-worktree-entries -z --stdin"
    if names:
        quarantine.git(*words.split(), told=names)
    asked = _ask_excluded(quarantine, head, without) if without else None
    tree = quarantine.git("write-tree", "--missing-ok")
    if asked and _revert(quarantine, head, quarantine.end(asked).split(b"\0")[:-1]):
        tree = quarantine.git("write-tree", "--missing-ok")
    return tree.strip()


def _entries(quarantine: Quarantine, head: str, paths: list[str]) -> bytes:
    """Return what the commit `head` has at `paths`, as an index takes it in."""
    return quarantine.git("ls-tree", "-z", "--full-tree", head, "--", *paths)


def _ask_excluded(quarantine: Quarantine, head: str, without: list[str]) -> Asked:
    """Ask which files of the experiments directory somebody has staged; it answers meanwhile."""
    places = [place.replace("exclude,", "") for place in without]
    words = ["diff-index", "--cached", "-z", "--name-only", "--no-renames", head, "--", *places]
    return quarantine.start(*words)


def _revert(quarantine: Quarantine, head: str, names: list[bytes]) -> bool:
    """Put `names` back to what the commit `head` has; False where there are none."""
    if names:
        gone = b"".join(b"0 " + b"0" * len(head) + b"\t%s\0" % name for name in names)
        told = gone + _entries(quarantine, head, [os.fsdecode(name) for name in names])
        quarantine.git("update-index", "-z", "--index-info", told=told)
    return bool(names)


def _commit(quarantine: Quarantine, parent: str, raw_parent: bytes, tree: bytes) -> str:
    """Write the commit of `tree` on `parent`, as it would be written again; return its sha."""
    header = raw_parent.partition(b"\n\n")[0]
    lines = header.split(b"\n")
    committer = next(line for line in lines if line.startswith(b"committer "))
    stamp = b"%s %s" % (_IDENTITY, b" ".join(committer.rsplit(b" ", 2)[1:]))
    content = b"tree %s\nparent %s\nauthor %s\ncommitter %s\n\n%s" % (
        tree,
        parent.encode(),
        stamp,
        stamp,
        _MESSAGE,
    )
    return (
        quarantine.git("hash-object", "-t", "commit", "-w", "--stdin", told=content)
        .strip()
        .decode()
    )


def _verified_patch(quarantine: Quarantine, head: str, sha: str) -> bytes:
    """Return the patch from `head` to `sha`, once it has been seen to lead there.

    It is applied in an index that has only the files it is about: in 20,000 others it can do
    nothing, and they would make it slow.
    """
    asked = quarantine.start(*_DIFF, head, sha)
    raw = quarantine.git(*_RAW, head, sha)
    patch = quarantine.end(asked)
    fields = raw.split(b"\0")
    before, after = [], []
    for words, path in zip(fields[0:-1:2], fields[1::2], strict=True):
        old_mode, new_mode, old, new, kind = words.removeprefix(b":").split(b" ")
        if kind != b"A":
            before.append(b"%s %s\t%s\0" % (old_mode, old, path))
        if kind != b"D":
            after.append(b"%s %s 0\t%s" % (new_mode, new, path))
    quarantine.git("update-index", "-z", "--index-info", told=b"".join(before), index="check")
    quarantine.git(*_APPLY, told=patch, index="check")
    found = quarantine.git("ls-files", "-z", "--stage", "--full-name", ":/", index="check")
    if sorted(found.split(b"\0")[:-1]) != sorted(after):
        raise CodeStateError("their patch does not give the same code again")
    return patch


def _undo(made: list[tuple[str, str]]) -> None:
    for repository, sha in made:
        release(repository, sha)
