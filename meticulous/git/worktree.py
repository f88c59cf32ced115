"""The code of a commit in a directory of its own: git worktrees that we make and remove.

The user's own tree, branches, index, stash and reflogs are not touched, and none of their hooks
runs. A submodule becomes a worktree of the submodule's own repository where that is here, so that
it costs no download and what was kept of its uncommitted changes is found. Nothing is fetched unless
the caller asks for it: what is not here is named.
"""

from __future__ import annotations

import os

from meticulous.base.folders import remove_folder
from meticulous.errors import CodeStateError
from meticulous.git import submodules
from meticulous.git.command import ask_git, directories, git, has_commit, shown
from meticulous.masking import mask_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["add", "gone", "is_ours", "remove"]

_MARK = "meticulous"
"""File in git's own folder of a worktree (``.git/worktrees/…``) that says that we made it."""

_POINTER = b"version https://git-lfs.github.com/spec/"
_LONGEST_POINTER = 1024
_NAMED = 5
_NO_LFS = {"GIT_LFS_SKIP_SMUDGE": "1"}
"""With which LFS leaves its pointers, and fetches nothing; of git itself see `environment`."""


def add(repository: str, commit: str, directory: str, *, fetch: bool = False) -> list[str]:
    """Make `directory` a worktree of `repository` that holds exactly `commit`, on no branch.

    Submodules and files kept in LFS are brought along where they are here or, with `fetch`, can be
    fetched without a password. Gives warnings: what could not be had, and how. Raises CodeStateError where
    the repository or the commit is gone, or the directory exists; then nothing is left behind.
    """
    repository, directory = os.path.abspath(repository), os.path.abspath(directory)
    _check(repository, commit, directory)
    made_parents = _missing_parents(directory)
    try:
        return _fill(repository, commit, directory, fetch=fetch)
    except BaseException:
        _discard(directory)
        for parent in made_parents:
            try:
                os.rmdir(parent)
            except OSError:
                break
        raise


def remove(repository: str, directory: str, *, force: bool = False) -> None:
    """Remove the worktree `directory`, which :func:`add` has made.

    Raises CodeStateError where it is none of ours, or holds changes or new files and not `force`.
    """
    directory = os.path.abspath(directory)
    if not os.path.lexists(directory):
        raise CodeStateError(f"{shown(directory)} does not exist", "There is nothing to remove")
    if not is_ours(directory):
        raise CodeStateError(
            f"{shown(directory)} was not made by meticulous", "Remove it yourself, if you want to"
        )
    if os.path.realpath(directories(directory)[1]) != os.path.realpath(directories(repository)[1]):
        raise CodeStateError(
            f"{shown(directory)} is a worktree of another repository", "Remove it from there"
        )
    changed = [] if force else _changes(directory)
    if changed:
        raise CodeStateError(
            f"{shown(directory)} holds what is nowhere else: {_list(changed)}",
            "Save it, or remove it all the same with --force",
        )
    _discard(directory)
    if os.path.lexists(directory):
        raise CodeStateError(f"cannot remove all of {shown(directory)}", "Remove the rest yourself")


def is_ours(directory: str) -> bool:
    """Return whether `directory` is a worktree that :func:`add` has made."""
    own = _git_directory(directory)
    return own is not None and os.path.exists(os.path.join(own, _MARK))


def _check(repository: str, commit: str, directory: str) -> None:
    if not os.path.exists(os.path.join(repository, ".git")):
        raise CodeStateError(
            f"{shown(repository)} is no git repository (any more)",
            "Say where it is now with --project-directory, or clone it again",
        )
    if os.path.lexists(directory):
        raise CodeStateError(
            f"{shown(directory)} exists already", "Give another directory, or remove it first"
        )
    if not has_commit(repository, commit):
        raise gone(repository, commit)


def _take_all(directory: str, own: str) -> None:
    """Let the worktree whose git directory is `own` have every file of its commit.

    Git gives a new worktree the patterns of a sparse checkout.
    """
    try:
        os.unlink(os.path.join(own, "info", "sparse-checkout"))
    except FileNotFoundError:
        pass
    config = os.path.join(own, "config.worktree")
    if os.path.exists(config):
        git(directory, "config", "--file", config, "core.sparseCheckout", "false")


def gone(repository: str, commit: str) -> CodeStateError:
    """Return the error that `repository` lacks `commit`, with the way to get it."""
    text = f"the commit {commit} is not in {shown(repository)}"
    if git(repository, "rev-parse", "--is-shallow-repository").strip() == b"true":
        return CodeStateError(
            f"{text}, which is a shallow clone", "Fetch its history: git fetch --unshallow"
        )
    return CodeStateError(
        f"{text}: the history was rewritten, or this is another clone",
        f"Fetch it from where it still is (git fetch REMOTE {commit}), "
        "or `meticulous import` an export of the run, which brings the code along",
    )


def _fill(repository: str, commit: str, directory: str, *, fetch: bool) -> list[str]:
    """Make the worktree, submodules and all. Gives warnings."""
    also = submodules.fetching(repository) if fetch else _NO_LFS
    words = ["worktree", "add", "--detach", "--no-checkout", *_force(repository, directory)]
    # The folder of a submodule that is not checked out names a work tree that does not exist.
    bare = {} if os.path.exists(os.path.join(repository, ".git")) else {"GIT_WORK_TREE": "."}
    git(repository, *words, "--", directory, commit, also={**also, **bare})
    own = _git_directory(directory)
    if own is None:
        raise CodeStateError(f"git made no worktree in {shown(directory)}", "Look at git worktree")
    with open(os.path.join(own, _MARK), "w", encoding="utf-8") as mark:
        mark.write("made by meticulous\n")
    _take_all(directory, own)
    reset = ["reset", "--quiet", "--hard", "--no-recurse-submodules", "HEAD"]
    try:
        git(directory, *reset, also=also)
    except CodeStateError as error:
        if not fetch and _is_partial(repository):
            raise _not_here(repository, commit) from error
        if "filter lfs" not in error.message and "git-lfs" not in error.message:
            raise
        git(directory, *reset, also={**also, **_NO_LFS})
    warnings = _lfs_warnings(directory, fetch=fetch)
    for module in submodules.of_commit(directory, "HEAD"):
        warnings += _fill_module(repository, directory, module, fetch=fetch)
    return warnings


def _fill_module(
    repository: str, directory: str, module: submodules.Module, *, fetch: bool
) -> list[str]:
    """Fill the folder of a submodule of the worktree `directory`. Gives warnings."""
    path = os.path.join(directory, module.path)
    local = submodules.local_repository(repository, module)
    if local and has_commit(local, module.sha):
        if os.path.isdir(path):
            os.rmdir(path)
        inner = _fill(local, module.sha, path, fetch=fetch)
        return [f"in the submodule {shown(module.path)}: {text}" for text in inner]
    if fetch:
        return submodules.clone(repository, directory, module)
    what = f"its commit {module.sha[:7]}" if local else "its repository"
    address = mask_text(submodules.address_of(repository, directory, module.path))
    source = f" from {shown(address)}" if address else ""
    return [
        f"the submodule {shown(module.path)} is left out: {what} is not here. "
        f"`git submodule update --init` there fetches it{source}"
    ]


def _is_partial(repository: str) -> bool:
    """Return whether `repository` is a clone that leaves files with its remote."""
    pattern = r"^(extensions\.partialclone|remote\..*\.promisor)$"
    asked = ask_git(repository, ["config", "--get-regexp", pattern])
    return asked is not None and bool(asked.answer().stdout.strip())


def _not_here(repository: str, commit: str) -> CodeStateError:
    return CodeStateError(
        f"{shown(repository)} is a partial clone, which lacks files of the commit {commit[:7]}",
        "Fetch them with --fetch, or all with `git fetch --refetch --no-filter`",
    )


def _force(repository: str, directory: str) -> list[str]:
    """Say --force where git has kept the name of a worktree of ours that was deleted by hand."""
    listed = git(repository, "worktree", "list", "--porcelain")
    if b"worktree " + os.fsencode(os.path.realpath(directory)) not in listed.split(b"\n"):
        return []
    return ["--force"] if _forgotten(repository, directory) else []


def _forgotten(repository: str, directory: str) -> bool:
    """Return whether a worktree of ours once was `directory`."""
    folder = os.path.join(directories(repository)[1], "worktrees")
    for name in os.listdir(folder):
        own = os.path.join(folder, name)
        try:
            with open(os.path.join(own, "gitdir"), "rb") as file:
                place = os.path.dirname(os.fsdecode(file.read().rstrip(b"\n")))
        except OSError:
            continue
        if os.path.realpath(place) == os.path.realpath(directory):
            return os.path.exists(os.path.join(own, _MARK))
    return False


def _discard(directory: str) -> None:
    """Remove `directory` and what git knows of it, the worktrees of submodules first."""
    if is_ours(directory):
        for inner in _inner_worktrees(directory):
            _discard(inner)
    own = _git_directory(directory)
    remove_folder(directory, ignore_errors=True)
    if own is not None and os.path.basename(os.path.dirname(own)) == "worktrees":
        remove_folder(own, ignore_errors=True)
        try:
            os.rmdir(os.path.dirname(own))  # as git leaves it: gone where it is empty
        except OSError:
            pass


def _inner_worktrees(directory: str) -> list[str]:
    """Return the worktrees of submodules in `directory` that we have made."""
    paths = [os.path.join(directory, one.path) for one in submodules.of_index(directory)]
    return [path for path in paths if is_ours(path)]


def _changes(directory: str) -> list[str]:
    """Return what a worktree has beyond its commit: changes, new files, commits of its own."""
    words = ["status", "--porcelain", "-z", "--untracked-files=all", "--no-renames"]
    found = git(directory, "--no-optional-locks", *words, "--ignore-submodules=none")
    names = [os.fsdecode(record[3:]) for record in found.split(b"\0") if record]
    # What no ref holds would be lost with the worktree.
    contained = git(directory, "for-each-ref", "--count=1", "--contains", "HEAD")
    return names if contained else [*names, "commits that are on no branch"]


def _git_directory(directory: str) -> str | None:
    """Return git's own folder of the worktree whose top is `directory`; None where it is none."""
    is_linked = os.path.isfile(os.path.join(directory, ".git"))
    return directories(directory)[0] if is_linked else None


def _missing_parents(directory: str) -> list[str]:
    """Return the directories above that would be made, the innermost first."""
    missing = []
    parent = os.path.dirname(directory)
    while not os.path.isdir(parent):
        missing.append(parent)
        parent = os.path.dirname(parent)
    return missing


def _lfs_warnings(directory: str, *, fetch: bool) -> list[str]:
    """Name the files of which only LFS's pointer is here; bring what the clone has of them."""
    left = _pointers(directory)
    if left and not fetch:
        try:
            git(directory, "lfs", "checkout")  # fetches nothing
        except CodeStateError:
            pass  # there is no LFS
        left = _pointers(directory)
    if not left:
        return []
    them = "its content is" if len(left) == 1 else "their content is"
    return [f"kept in LFS, and {them} not here: {_list(left)}. `git lfs pull` there fetches it"]


def _pointers(directory: str) -> list[str]:
    """List the files that are pointers of LFS."""
    listed = git(directory, "ls-files", "-z", "--", ":(attr:filter=lfs)")
    found = []
    for name in listed.split(b"\0")[:-1]:
        path = os.path.join(os.fsencode(directory), name)
        try:
            if os.path.islink(path) or os.path.getsize(path) > _LONGEST_POINTER:
                continue
            with open(path, "rb") as file:
                if file.read(len(_POINTER)) == _POINTER:
                    found.append(os.fsdecode(name))
        except OSError:
            continue
    return found


def _list(names: Iterable[str]) -> str:
    listed = [shown(name) for name in names]
    more = [f"and {len(listed) - _NAMED:,} more"] if len(listed) > _NAMED else []
    return ", ".join([*listed[:_NAMED], *more])
