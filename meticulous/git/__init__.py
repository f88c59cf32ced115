"""Which commit, and is the tree clean: the one place that knows git.

The git program answers where one is installed, :mod:`meticulous.git.libgit2` where none is, and both
say the same. `run` asks before every start, so nothing heavy is imported here. Nothing is ever
written: no lock, no refreshed index, no object.
"""

from __future__ import annotations

import os

from meticulous.base.namedtuple import NamedTuple
from meticulous.base.paths import within
from meticulous.errors import CodeStateError, DirtyRepositoryError
from meticulous.git.command import (
    FAILED,
    FATAL,
    ask_git,
    first_fatal,
    shown,
    telling_case,
    unreadable,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "UNTRACKED_LIMIT",
    "CodeState",
    "capture",
    "refuse_if_dirty",
]

UNTRACKED_LIMIT = 1000
"""Untracked names that are listed; a forgotten data set must not swell the record of each run."""

_NAMED_IN_REFUSAL = 10

_STATUS = (
    "--no-optional-locks -c core.fsmonitor= -c core.checkStat=default -c core.trustctime=true "
    "-c status.showUntrackedFiles=normal -c diff.ignoreSubmodules=none "
    "status --porcelain=v2 --branch -z --untracked-files=normal --ignored=no "
    "--ignore-submodules=none --no-renames --no-ahead-behind"
).split()
"""Whatever a user's configuration can change in the answer is said here. Needs git 2.18.

An empty ``core.fsmonitor`` switches it off in every version; before 2.36 "false" was the name of a
program. The two ``-c`` after it also reach the `git status` that git starts in each submodule.
"""


class CodeState(NamedTuple):
    """The commit of a repository and what its work tree has beyond it.

    Paths are relative to `repository`, which is absolute; bytes that are not UTF-8 are kept as
    lone surrogates (as in :func:`os.fsdecode`). Both lists are sorted by bytes. A renamed file is
    two changes: its old name is gone, its new name has come. In `untracked` a directory of which
    nothing is tracked is one entry, ``name/``, and so is a submodule that only has untracked files.
    `remote` is the url of ``origin`` as it is configured; it may hold a password, so mask it before
    it is shown or written. `kept` is what a snapshot holds, where one was taken.
    """

    repository: str
    sha: str
    message: str
    branch: str | None
    changes: tuple[str, ...]
    untracked: tuple[str, ...]
    untracked_left_out: int = 0
    remote: str | None = None
    kept: Snapshot | None = None

    @property
    def snapshot(self) -> str | None:
        """The commit that keeps the uncommitted changes, if one does."""
        return self.kept.sha if self.kept else None

    @property
    def dirty(self) -> bool:
        """Whether tracked files have uncommitted changes, staged or not."""
        return bool(self.changes)


class ModuleSnapshot(NamedTuple):
    """What is kept of a submodule: it is at `head_sha`, and a patch leads to `snapshot_sha`."""

    path: str
    head_sha: str
    snapshot_sha: str
    left_out: tuple[tuple[str, str], ...] = ()
    is_new: bool = False


class Snapshot(NamedTuple):
    """The uncommitted changes, kept.

    `sha` is a commit on top of the recorded one, None where all was left out. `patches` leads to
    it, and in each of `modules` to theirs: by path, "" for the whole; they may be large, so who has
    written them clears them. `left_out` has paths with reasons; `is_new` says that it was not kept
    before.
    """

    sha: str | None
    patches: dict[str, bytes]
    left_out: tuple[tuple[str, str], ...] = ()
    modules: tuple[ModuleSnapshot, ...] = ()
    is_new: bool = False


class _Found(NamedTuple):
    """What was found, as git has it; `sha` is empty where there is no commit yet."""

    sha: str
    branch: bytes | None
    changes: set[bytes]
    untracked: set[bytes]


def capture(repository: str, exclude: str | None = None) -> CodeState:
    """Ask git for the state of `repository`, the top level of a work tree.

    Args:
        repository: directory that holds ``.git``.
        exclude: the experiments directory; what lies in it is neither dirty nor untracked, even
            where somebody tracks it, because our own files must never refuse the next run.

    Raises CodeStateError where there is no commit yet or git cannot or will not say.
    """
    repository = os.path.abspath(repository)
    excluded = _inside(repository, exclude)
    remote = _ask_remote_url(repository)  # answers while we ask for the rest
    state = _ask_program(repository, excluded)
    if state is None:
        state = _ask_libgit2(repository, excluded)
    return state._replace(remote=remote())


def excluding(repository: str, exclude: str | None) -> list[str]:
    """Return the words for git's command line that keep `exclude` out of an answer."""
    return _without(_inside(repository, exclude))


def refuse_if_dirty(state: CodeState) -> None:
    """Raise DirtyRepositoryError, which names the files and the ways on, if `state` is dirty."""
    if not state.dirty:
        return
    count = len(state.changes)
    names = [shown(name) for name in state.changes[:_NAMED_IN_REFUSAL]]
    if count > len(names):
        names.append(f"and {count - len(names):,} more")
    subject, them = ("1 file has", "it") if count == 1 else (f"{count:,} files have", "them")
    raise DirtyRepositoryError(
        f"{subject} uncommitted changes, so this run could not be repeated: {', '.join(names)}",
        f"Commit {them}, or keep the changes with the record (--dirty snapshot), "
        "or record only that there were some (--dirty ignore), "
        "or run without a record (--norecord)",
    )


def _ask_remote_url(repository: str) -> Callable[[], str | None]:
    """Ask for the url of the remote ``origin`` as it is configured; what is returned gives it."""
    asked = ask_git(repository, ["config", "--null", "--get-all", "remote.origin.url"])
    if asked is None:
        from meticulous.git.libgit2 import remote_url

        return lambda: remote_url(repository)
    return lambda: os.fsdecode(asked.answer().stdout.partition(b"\0")[0]) or None


def _inside(repository: str, exclude: str | None) -> tuple[str, ...]:
    """Return the names that `exclude` has within `repository`: itself, and where its link leads.

    None, when it lies outside, and also when it holds the whole repository: then nothing would
    be left to be dirty.
    """
    if exclude is None:
        return ()
    top = os.path.realpath(repository)
    parent, name = os.path.split(os.path.abspath(exclude))
    paths = {os.path.join(os.path.realpath(parent), name), os.path.realpath(exclude)}
    return tuple(sorted(filter(None, (within(path, top) for path in paths))))


def _without(excluded: tuple[str, ...]) -> list[str]:
    return [f":(top,exclude,literal){name}" for name in excluded]


def _state(repository: str, found: _Found, commit: bytes) -> CodeState:
    """Join what either way has found with the message of the raw `commit`."""
    changes, untracked = sorted(found.changes), sorted(found.untracked)
    return CodeState(
        repository=repository,
        sha=found.sha,
        message=_message(commit),
        branch=None if found.branch is None else os.fsdecode(found.branch),
        changes=tuple(os.fsdecode(name) for name in changes),
        untracked=tuple(os.fsdecode(name) for name in untracked[:UNTRACKED_LIMIT]),
        untracked_left_out=max(0, len(untracked) - UNTRACKED_LIMIT),
    )


def _message(content: bytes) -> str:
    """Return the message of a raw commit, in the encoding that the commit names."""
    headers, _, message = content.partition(b"\n\n")
    for line in headers.split(b"\n"):
        if line.startswith(b"encoding "):
            try:
                return message.decode(line[9:].decode("ascii", "replace"), "replace")
            except (LookupError, ValueError):  # the name, or a codec of Python's that is odd
                break
    return message.decode("utf-8", "replace")


def _no_commit(repository: str) -> CodeStateError:
    return CodeStateError(
        f"{shown(repository)} has no commit yet, so there is no code to record",
        "Commit the code first, or say --no-git",
    )


def _ask_program(repository: str, excluded: tuple[str, ...]) -> CodeState | None:
    """Ask the git program; None where there is none that works and is new enough.

    The second process is started beside the first, and told the commit once it is known: so its
    start costs no time, and the two cannot speak of different commits.
    """
    status = [*telling_case(repository), *_STATUS, "--", *_without(excluded)]
    tree = ask_git(repository, status)
    objects = ask_git(repository, ["cat-file", "--batch"], listens=True)
    code, output, trouble = tree.answer() if tree else (FAILED, b"", b"")
    found = _parse_status(output)
    if tree and not objects:  # two at once are more than the limit of processes or descriptors
        objects = ask_git(repository, ["cat-file", "--batch"], listens=True)
    question = b"%s\n" % found.sha.encode() if found.sha else b""
    answer = objects.answer(question).stdout if objects else b""
    if code == FATAL:
        raise unreadable(repository, first_fatal(trouble))
    if code != 0:
        return None
    if not found.sha:
        raise _no_commit(repository)
    header, _, commit = answer.partition(b"\n")
    if objects is None:
        raise unreadable(repository, "no more processes or descriptors can be had (ulimit -a)")
    if header.split(b" ")[1:2] != [b"commit"]:
        raise unreadable(repository, f"the commit {found.sha} is missing")
    return _state(repository, found, commit[:-1])


def _parse_status(output: bytes) -> _Found:
    """Read ``git status --porcelain=v2 --branch -z``."""
    sha, branch = "", None
    changes: set[bytes] = set()
    untracked: set[bytes] = set()
    for record in output.split(b"\0"):
        kind, _, rest = record.partition(b" ")
        if kind == b"1":
            states, submodule, *_, path = rest.split(b" ", 7)
            if states[:1] == b"." and submodule == b"S..U":
                untracked.add(path + b"/")
            else:
                changes.add(path)
        elif kind == b"u":
            changes.add(rest.split(b" ", 9)[-1])
        elif kind == b"?":
            untracked.add(rest)
        elif rest.startswith(b"branch.oid ") and rest[11:] != b"(initial)":
            sha = rest[11:].decode()
        elif rest.startswith(b"branch.head ") and rest[12:] != b"(detached)":
            branch = rest[12:]
    return _Found(sha, branch, changes, untracked)


def _ask_libgit2(repository: str, excluded: tuple[str, ...]) -> CodeState:
    """Ask libgit2, for machines that have no git program."""
    from meticulous.git.libgit2 import find

    try:
        sha, branch, changes, untracked, commit = find(repository, excluded)
    except CodeStateError as error:
        raise unreadable(repository, error.message, "libgit2") from error
    if not sha:
        raise _no_commit(repository)
    return _state(repository, _Found(sha, branch, changes, untracked), commit)
