"""Running the git program: which one, with what environment, and what its complaints mean."""

from __future__ import annotations

import os

from meticulous.base.spawn import Asked, ask, which
from meticulous.errors import CodeStateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "FAILED",
    "FATAL",
    "KEPT_REFS",
    "ask_git",
    "directories",
    "end_git",
    "environment",
    "first_fatal",
    "git",
    "has_commit",
    "shown",
    "start_git",
    "telling_case",
    "unreadable",
]

KEPT_REFS = "refs/meticulous/"
"""Where commits are kept that no branch holds: ``refs/meticulous/<sha>``."""

_KEPT_VARIABLES = ("GIT_EXEC_PATH", "GIT_ATTR_NOSYSTEM")
_KEPT_PREFIX = "GIT_CONFIG_"
_NOT_KEPT = "GIT_CONFIG_PARAMETERS"
"""What a parent git passes to its hooks; ``GIT_CONFIG_COUNT`` and its like are the user's."""

_DISTRUST = ("detected dubious ownership", "unsafe repository")
"""How git, since 2.35.2, begins when it distrusts the owner; libgit2 has words of its own."""

FAILED = 1
FATAL = 128
"""Exit code of a git that has looked and refuses; any other failure is of the program itself."""


_QUIETLY = (
    "-c core.hooksPath=/dev/null -c core.logAllRefUpdates=false -c core.fsmonitor= "
    "-c core.splitIndex=false -c core.safecrlf=false -c index.sparse=false "
    "-c gc.auto=0 -c maintenance.auto=false -c advice.detachedHead=false"
).split()
"""Nothing of the user's is to run or to be written but what was asked for."""


def shown(name: str) -> str:
    """Return a file name as it can stand in a sentence: quoted where it would mislead."""
    plain = name.isprintable() and not any(mark in name for mark in " ,'\"\\")
    return name if plain else repr(name)


def unreadable(repository: str, reason: str, asked: str = "git") -> CodeStateError:
    """Turn the reason that git or libgit2 gives into an error with a way on."""
    where = shown(os.path.realpath(repository))
    if reason.startswith(_DISTRUST) or reason.endswith("is not owned by current user"):
        return CodeStateError(
            f"{where} belongs to another user, so git does not read it",
            f"If you trust it: git config --global --add safe.directory {where}",
        )
    if reason.endswith("must be run in a work tree"):
        return CodeStateError(
            f"{where} is a bare repository, so there is no code to run in it",
            "Run in a clone or a worktree of it, or say --no-git",
        )
    way_on = "See what `git status` says there" if asked == "git" else "Install the git program"
    return CodeStateError(
        f"{asked} cannot read the repository {where}: {' '.join(reason.split())}",
        f"{way_on}, or say --no-git",
    )


def telling_case(repository: str) -> list[str]:
    """Return the options by which git tells names apart by case, where this disk does.

    ``core.ignorecase`` is set in a clone that was copied from another disk, as from a Mac.
    """
    if os.path.lexists(os.path.join(repository, ".GIT")):
        return []
    return ["-c", "core.ignorecase=false"]


def ask_git(
    repository: str,
    arguments: list[str],
    *,
    listens: bool = False,
    also: Mapping[str, str | None] | None = None,
) -> Asked | None:
    """Start git; None where there is no git that starts.

    `also` are variables to set, or to take away (None).
    """
    program = which("git", os.environ.get("PATH"))
    if program is None:
        return None
    words = ["-C", repository, *arguments]
    joined = {**environment(repository), **(also or {})}
    variables = {name: value for name, value in joined.items() if value is not None}
    try:
        return ask(program, words, variables, listens=listens)
    except OSError:
        return None


def start_git(
    repository: str,
    *words: str,
    also: Mapping[str, str | None] | None = None,
    listens: bool = False,
) -> Asked:
    """Start a git that must do something, quietly: no hook, no reflog, no upkeep.

    Raises CodeStateError where there is no git program.
    """
    words = (*telling_case(repository), *_QUIETLY, *words)
    asked = ask_git(repository, [*words], listens=listens, also=also)
    if asked is None:
        raise CodeStateError("there is no git program, and this needs one", "Install git")
    return asked


def end_git(repository: str, asked: Asked, told: bytes = b"") -> bytes:
    """Tell git `told`, wait for it, and return what it printed. Raises CodeStateError, its reason."""
    code, output, trouble = asked.answer(told, at_length=True)
    if code != 0:
        raise _failed(repository, trouble)
    return output


def git(
    repository: str,
    *words: str,
    told: bytes = b"",
    also: Mapping[str, str | None] | None = None,
) -> bytes:
    """Let git do something, quietly, and return what it printed. Raises CodeStateError."""
    return end_git(repository, start_git(repository, *words, also=also, listens=True), told)


def _failed(repository: str, trouble: bytes) -> CodeStateError:
    """Turn what a git complains of that was to do something into an error, in one line."""
    lines = [" ".join(line.split()) for line in trouble.decode("utf-8", "replace").splitlines()]
    marked = [line for line in lines if line.startswith(("error: ", "fatal: "))]
    reasons = dict.fromkeys(line.partition(": ")[2] for line in marked)
    text = "; ".join(list(reasons)[:3]) or " ".join(lines[-1:]) or "it gives no reason"
    if text.startswith(_DISTRUST):
        return unreadable(repository, text)
    return CodeStateError(f"git fails in {shown(os.path.realpath(repository))}: {text}")


def directories(repository: str) -> tuple[str, str]:
    """Return git's own folder for the work tree `repository`, and the one that all its trees share.

    Both are absolute. Also right for the folder of a bare repository.
    """
    own = os.path.join(os.path.abspath(repository), ".git")
    if os.path.isfile(own):
        with open(own, "rb") as file:
            line = os.fsdecode(file.read().removesuffix(b"\n"))  # a path may have newlines
        own = os.path.normpath(os.path.join(repository, line.removeprefix("gitdir: ")))
    elif not os.path.isdir(own):
        own = os.path.abspath(repository)
    try:
        with open(os.path.join(own, "commondir"), "rb") as file:
            shared = os.fsdecode(file.read().removesuffix(b"\n"))
    except FileNotFoundError:
        return own, own
    return own, os.path.normpath(os.path.join(own, shared))


def has_commit(repository: str, sha: str) -> bool:
    """Return whether `repository` has the commit `sha`."""
    asked = ask_git(repository, ["cat-file", "-e", f"{sha}^{{commit}}"])
    return asked is not None and asked.answer().code == 0


def environment(repository: str) -> dict[str, str]:
    """Return our environment without what would lead git to another repository.

    A recorder started from a git hook inherits ``GIT_DIR``, ``GIT_INDEX_FILE`` and more, which
    speak of the hook's repository. The character set is left alone, for the sake of the user's
    filter programs; only the language of messages is fixed.
    """
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_")
        or name in _KEPT_VARIABLES
        or (name.startswith(_KEPT_PREFIX) and name != _NOT_KEPT)
    }
    variables["LANGUAGE"] = "C"
    # Where .git is broken, do not answer for a repository further up.
    variables["GIT_CEILING_DIRECTORIES"] = os.path.dirname(os.path.realpath(repository))
    # Never fetch what a partial clone lacks (git before 2.44 knows only the second of these),
    # never ask for a password.
    variables["GIT_NO_LAZY_FETCH"] = "1"
    variables["GIT_ALLOW_PROTOCOL"] = "none"
    variables["GIT_TERMINAL_PROMPT"] = "0"
    return variables


def first_fatal(trouble: bytes) -> str:
    """Return what git complains of, in one line and without its ``fatal: ``."""
    lines = trouble.decode("utf-8", "replace").splitlines() or ["it gives no reason"]
    fatal = [line for line in lines if line.startswith("fatal: ")]
    return (fatal or lines)[0].removeprefix("fatal: ").removeprefix("error: ")
