"""Submodules: which a commit has, where their repositories are, and how to get one."""

from __future__ import annotations

import os
import posixpath

from meticulous.base.namedtuple import NamedTuple
from meticulous.errors import CodeStateError
from meticulous.git.command import ask_git, directories, git, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Module",
    "address_of",
    "clone",
    "fetching",
    "is_checked_out",
    "local_repository",
    "of_commit",
    "of_index",
]

_LINK = b"160000"
"""Mode of an entry that is a commit of another repository."""


class Module(NamedTuple):
    """A submodule: its path from the top, and the commit that is recorded of it."""

    path: str
    sha: str


def of_commit(repository: str, commit: str) -> list[Module]:
    """Return the submodules of `commit`, in order."""
    listed = git(repository, "ls-tree", "-r", "-z", "--full-tree", commit)
    return [
        Module(os.fsdecode(path), words.split(b" ")[2].decode())
        for words, _, path in (record.partition(b"\t") for record in listed.split(b"\0"))
        if words.startswith(_LINK)
    ]


def of_index(repository: str, paths: Sequence[str] = ()) -> list[Module]:
    """Return the submodules that the index of `repository` has: all, or those among `paths`."""
    places = [f":(top,literal){path}" for path in paths] or [":/"]
    listed = git(repository, "ls-files", "-z", "--stage", "--full-name", "--", *places)
    return [
        Module(os.fsdecode(path), words.split(b" ")[1].decode())
        for words, _, path in (record.partition(b"\t") for record in listed.split(b"\0"))
        if words.startswith(_LINK)
    ]


def is_checked_out(repository: str, path: str) -> bool:
    """Return whether the submodule `path` is there in the work tree of `repository`."""
    return os.path.exists(os.path.join(repository, path, ".git"))


def local_repository(repository: str, module: Module) -> str | None:
    """Return a directory of the submodule's own repository, where there is one beside `repository`.

    It is the submodule's work tree, or the folder in ``.git/modules`` where that is not there.
    """
    if is_checked_out(repository, module.path):
        return os.path.join(repository, module.path)
    name = _configured(repository, module.path, "name")
    folder = os.path.join(directories(repository)[1], "modules", name)
    return folder if name and os.path.exists(os.path.join(folder, "HEAD")) else None


def address_of(repository: str, directory: str, path: str) -> str:
    """Return where the submodule `path` of the worktree `directory` is fetched from, or ""."""
    url = _configured(directory, path, "url")
    return _resolved(repository, url) if url else ""


def clone(repository: str, directory: str, module: Module) -> list[str]:
    """Clone `module` into the worktree `directory` of `repository`. Gives warnings.

    The address is told to git for this once, so that the configuration, which all worktrees share,
    is not changed.
    """
    subject = f"the submodule {shown(module.path)} is left out"
    name, address = _configured(directory, module.path, "name"), ""
    if name:
        address = address_of(repository, directory, module.path)
    if not address:
        return [f"{subject}: .gitmodules does not name it"]
    options = ["-c", f"submodule.{name}.url={address}", "-c", f"submodule.{name}.active=true"]
    words = ["submodule", "--quiet", "update", "--checkout", "--recursive", "--", module.path]
    try:
        git(directory, *options, *words, also=fetching(repository))
    except CodeStateError as error:
        return [f"{subject}: {error.message}"]
    return []


def fetching(repository: str) -> dict[str, str | None]:
    """Return the variables with which git fetches what it lacks, but asks nobody for a password."""
    ssh = os.environ.get("GIT_SSH_COMMAND") or _config(repository, "core.sshCommand")
    ssh = ssh or os.environ.get("GIT_SSH") or "ssh"
    return {
        "GIT_NO_LAZY_FETCH": "0",
        "GIT_ALLOW_PROTOCOL": os.environ.get("GIT_ALLOW_PROTOCOL"),
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GCM_INTERACTIVE": "never",
        "GIT_SSH_COMMAND": f"{ssh} -o BatchMode=yes",
    }


def _configured(directory: str, path: str, what: str) -> str:
    """Return the ``name`` or the ``url`` that ``.gitmodules`` has for the submodule `path`."""
    file = os.path.join(directory, ".gitmodules")
    words = ["config", "--null", "--file", file, "--get-regexp", r"^submodule\..*\.path$"]
    asked = ask_git(directory, words)
    for entry in asked.answer().stdout.split(b"\0") if asked else []:
        key, _, value = entry.partition(b"\n")
        if os.fsdecode(value) != path:
            continue
        name = os.fsdecode(key)[len("submodule.") : -len(".path")]
        if what == "name":
            return name
        asked = ask_git(directory, ["config", "--file", file, f"submodule.{name}.{what}"])
        return os.fsdecode(asked.answer().stdout.rstrip(b"\n")) if asked else ""
    return ""


def _resolved(repository: str, url: str) -> str:
    """Return the address that a relative `url` is, as git does: from that of ``origin``."""
    if not url.startswith(("./", "../")):
        return url
    origin = _config(repository, "remote.origin.url").rstrip("/") or os.path.abspath(repository)
    if "://" not in origin and ":" not in origin.partition("/")[0]:
        return os.path.normpath(os.path.join(repository, origin, url))
    head, separator, path = origin.rpartition("://") if "://" in origin else ("", "", origin)
    host, mark, rest = path.partition("/" if separator else ":")
    joined = posixpath.normpath(posixpath.join("/" + rest.lstrip("/"), url)).lstrip("/")
    root = "/" if mark == ":" and rest.startswith("/") else ""
    return f"{head}{separator}{host}{mark}{root}{joined}"


def _config(repository: str, key: str) -> str:
    asked = ask_git(repository, ["config", "--get", key])
    return os.fsdecode(asked.answer().stdout.rstrip(b"\n")) if asked else ""
