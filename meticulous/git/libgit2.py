"""What git says of a work tree, on machines that have no git program.

Only :mod:`meticulous.git` uses this, and it must find what that finds by the program. So it
puts right the few cases in which libgit2 counts otherwise than git. What cannot be put right is
in ``docs/code-state.md``: libgit2 runs no filter programs, so that files kept in LFS look changed.
"""

from __future__ import annotations

import os

import pygit2
from pygit2.enums import FileMode, FileStatus, RepositoryOpenFlag
from pygit2.ffi import C

from meticulous.errors import CodeStateError

__all__ = ["find", "remote_url"]

_STAGED = FileStatus.INDEX_NEW | FileStatus.INDEX_MODIFIED | FileStatus.INDEX_TYPECHANGE

_ASSUME_UNCHANGED = 1 << 15
_SKIP_WORKTREE = 1 << 14
"""Bits of an index entry, in ``flags`` and ``flags_extended``; pygit2 has no names for them."""


def find(
    directory: str, excluded: tuple[str, ...]
) -> tuple[str, bytes | None, set[bytes], set[bytes], bytes]:
    """Look at the work tree whose top is `directory`, without the `excluded` paths in it.

    Gives the sha (empty where there is no commit yet), the branch (None when detached), the
    changed and the untracked paths, and the raw commit. Raises CodeStateError with the bare reason.
    """
    try:
        repository = _open(directory)
        if repository.is_bare:
            raise CodeStateError("this operation must be run in a work tree")
        if repository.head_is_unborn:
            return "", None, set(), set(), b""
        head = repository.references["HEAD"].raw_target
        branch = head.removeprefix(b"refs/heads/") if isinstance(head, bytes) else None
        commit = repository[repository.head.target]
        return str(commit.id), branch, *_tree(repository, excluded), commit.read_raw()
    except KeyError as error:
        raise CodeStateError(f"{error.args[0]} is missing") from error
    except (pygit2.GitError, ValueError, OSError) as error:
        raise CodeStateError(str(error)) from error


def remote_url(directory: str) -> str | None:
    """Return the first configured url of ``origin``, or None."""
    try:
        urls = _open(directory).config.get_multivar("remote.origin.url")
        return next(iter(urls), None)
    except (pygit2.GitError, KeyError, ValueError, OSError):
        return None


def _open(directory: str) -> pygit2.Repository:
    return pygit2.Repository(directory, RepositoryOpenFlag.NO_SEARCH)


def _tree(
    repository: pygit2.Repository, excluded: tuple[str, ...] = ()
) -> tuple[set[bytes], set[bytes]]:
    """Return the changed and the untracked paths."""
    changes: set[bytes] = set()
    untracked: set[bytes] = set()
    found = repository.status(untracked_files="normal", ignored=False)
    modules = [path for path in repository.listall_submodules() if _is_module(repository, path)]
    for path in {*found, *modules}:
        if _is_in(path, excluded):
            continue
        flags = found.get(path, FileStatus.CURRENT)
        if path in modules:
            is_changed, has_new = _judge_module(repository, path, flags)
            new = f"{path}/"
        else:
            is_changed = bool(flags & ~FileStatus.WT_NEW)
            is_changed &= flags != FileStatus.WT_DELETED or not _is_left_alone(repository, path)
            has_new = bool(flags & FileStatus.WT_NEW) and not _is_hidden(repository, path, excluded)
            new = path
        if is_changed:
            changes.add(os.fsencode(path))
        if has_new:
            untracked.add(os.fsencode(new))
    return changes, untracked


def _is_module(repository: pygit2.Repository, path: str) -> bool:
    """Whether `path` is a submodule that is checked out."""
    is_link = path in repository.index and repository.index[path].mode == FileMode.COMMIT
    return is_link and os.path.exists(os.path.join(repository.workdir, path, ".git"))


def _judge_module(repository: pygit2.Repository, path: str, flags: int) -> tuple[bool, bool]:
    """Say whether a submodule has changed, and if not, whether it has untracked files.

    libgit2 does not tell the two apart, and follows ``submodule.*.ignore``.
    """
    is_staged = bool(flags & _STAGED)
    if _is_left_alone(repository, path):
        return is_staged, False
    inner = _open(os.path.join(repository.workdir, path))
    is_moved = not inner.head_is_unborn and inner.head.target != repository.index[path].id
    changes, untracked = _tree(inner)
    is_changed = is_staged or is_moved or bool(changes)
    return is_changed, bool(untracked) and not is_changed


def _is_left_alone(repository: pygit2.Repository, path: str) -> bool:
    """Whether git was told not to look at this file: by a sparse checkout, or assume-unchanged.

    libgit2 knows it for files that are there, and calls the others deleted.
    """
    index = repository.index._index  # noqa: SLF001, pygit2 gives out no flags of an entry
    entry = C.git_index_get_bypath(index, os.fsencode(path), 0)
    return bool(entry.flags & _ASSUME_UNCHANGED or entry.flags_extended & _SKIP_WORKTREE)


def _is_hidden(repository: pygit2.Repository, path: str, excluded: tuple[str, ...]) -> bool:
    """Whether git does not list the untracked `path`.

    So it is with a directory in the place of a tracked file, and with one that has nothing but an
    excluded directory in it.
    """
    if path.endswith("/") and path[:-1] in repository.index:
        return True
    if not any(directory.startswith(path) for directory in excluded):
        return False
    everything = repository.status(untracked_files="all", ignored=False)
    return all(_is_in(name, excluded) for name in everything if name.startswith(path))


def _is_in(path: str, directories: tuple[str, ...]) -> bool:
    return any(f"{path}/".startswith(f"{directory}/") for directory in directories)
