"""Which of the uncommitted files a snapshot keeps, and why it leaves out the others."""

from __future__ import annotations

import os
import stat

from meticulous.base.namedtuple import NamedTuple
from meticulous.base.units import format_bytes
from meticulous.git.command import git
from meticulous.git.submodules import is_checked_out, of_index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from meticulous.git import CodeState

__all__ = [
    "NAMED_LIMIT",
    "Limits",
    "Selection",
    "grouped",
    "is_secret",
    "select",
    "select_untracked",
]

_SECRET_NAMES = frozenset(
    ".env .netrc _netrc .pypirc .npmrc .pgpass .git-credentials .htpasswd credentials "
    "credentials.json kaggle.json id_rsa id_dsa id_ecdsa id_ed25519".split()
)
_SECRET_ENDINGS = (".pem", ".key", ".p12", ".pfx", ".jks", ".kdbx", ".ppk")
_HARMLESS_ENDINGS = (".example", ".sample", ".template", ".dist")

_BLOCK = 4096
"""Bytes that a file takes at least; so there is an end to the number of small ones too."""

NAMED_LIMIT = 1000
"""Entries of what is left out; more are put together by their folders."""

_AT_ONCE = 500
"""Directories that are named to git in one command line."""


class Limits(NamedTuple):
    """Bytes that a snapshot may keep: altogether, and of one file."""

    total: int = 50_000_000
    file: int = 10_000_000


class Selection:
    """What is to be kept; all paths are relative to the top of the work tree.

    ``kept``: changed, new and vanished files. ``gone``: names that are no files any more, but
    directories, or lie behind a link. ``modules``: submodules whose own tree may have changes.
    ``left_out``: the others, with the reason; ``reverted`` those of them that git knows.
    """

    def __init__(self, repository: str, limits: Limits) -> None:
        self._top = os.fsencode(os.path.realpath(repository))
        self._limits = limits
        self._parents: dict[bytes, bool] = {b"": True}
        self.room = limits.total
        self.kept: list[str] = []
        self.gone: list[str] = []
        self.modules: list[str] = []
        self.left_out: list[tuple[str, str]] = []
        self.reverted: list[str] = []

    def leave_out(self, path: str, reason: str, *, is_tracked: bool = False) -> None:
        """Note that `path` is not kept."""
        self.left_out.append((path, reason))
        if is_tracked:
            self.reverted.append(path)

    def add(self, paths: Iterable[str], *, are_tracked: bool) -> None:
        """Keep those of `paths` that may be kept; where the room ends, the larger are left out."""
        sized = []
        for path in paths:
            found = self.look(path)
            if found is None:
                self.kept.append(path)
            elif reason := self._objection(path, found, are_tracked=are_tracked):
                self.leave_out(path, reason, is_tracked=are_tracked)
            else:
                sized.append((found.st_size, path))
        for size, path in sorted(sized):
            cost = max(size, _BLOCK)
            if cost > self.room:
                whole = format_bytes(self._limits.total)
                reason = f"{format_bytes(size)}, over {whole} altogether (snapshot-limit)"
                self.leave_out(path, reason, is_tracked=are_tracked)
            else:
                self.room -= cost
                self.kept.append(path)

    def look(self, path: str) -> os.stat_result | None:
        """Return what `path` is; None where it is not there, or only behind a link."""
        name = os.fsencode(path)
        if not self._is_real(os.path.dirname(name)):
            return None
        try:
            return os.lstat(os.path.join(self._top, name))
        except OSError:
            return None

    def is_behind_link(self, path: str) -> bool:
        """Return whether a folder of `path` has become a link: what git knew there is gone."""
        return not self._is_real(os.path.dirname(os.fsencode(path)))

    def _is_real(self, directory: bytes) -> bool:
        """Whether no part of `directory` is a link."""
        if directory not in self._parents:
            place = os.path.join(self._top, directory)
            is_real = not os.path.islink(place) and self._is_real(os.path.dirname(directory))
            self._parents[directory] = is_real
        return self._parents[directory]

    def _objection(self, path: str, found: os.stat_result, *, are_tracked: bool) -> str | None:
        if stat.S_ISLNK(found.st_mode):
            return None
        if not stat.S_ISREG(found.st_mode):
            return "neither a file nor a link"
        if found.st_size > self._limits.file:
            limit = format_bytes(self._limits.file)
            return f"{format_bytes(found.st_size)}, over {limit} a file (snapshot-file-limit)"
        if not are_tracked and is_secret(os.path.basename(path)):
            return "may hold a secret, by its name; `git add` it to have it kept"
        if not os.access(os.path.join(self._top, os.fsencode(path)), os.R_OK):
            return "cannot be read"
        return None


def select(repository: str, state: CodeState, limits: Limits) -> Selection:
    """Choose among the changes of tracked files in `state`, the submodules included."""
    selection = Selection(repository, limits)
    directories = []
    files = []
    for path in state.changes:
        found = selection.look(path)
        if found is not None and stat.S_ISDIR(found.st_mode):
            directories.append(path)
        elif found is None and (
            os.path.lexists(os.path.join(repository, path)) or selection.is_behind_link(path)
        ):
            selection.gone.append(path)
        else:
            files.append(path)
    nested = [path[:-1] for path in state.untracked if path.endswith("/")]
    inner = [path for path in [*directories, *nested] if is_checked_out(repository, path)]
    if state.untracked_left_out:  # among which there may be submodules
        inner = [one.path for one in of_index(repository) if is_checked_out(repository, one.path)]
    links = {one.path for one in of_index(repository, inner)} if inner else set()
    selection.modules = sorted(links.intersection(inner))
    selection.gone += [path for path in directories if path not in selection.modules]
    selection.add(files, are_tracked=True)
    return selection


def select_untracked(
    repository: str, state: CodeState, selection: Selection, exclude: Sequence[str]
) -> None:
    """Choose among the untracked files of `state`, and in directories where files were."""
    modules = {f"{path}/" for path in selection.modules}
    files = {path for path in state.untracked if not path.endswith("/")}
    directories = [
        path for path in state.untracked if path.endswith("/") and path not in modules
    ] + [path for path in selection.gone if _is_directory(repository, path)]
    if state.untracked_left_out or len(directories) > _AT_ONCE:
        directories = [""]
    if directories:
        words = ["ls-files", "-z", "--others", "--exclude-standard", "--"]
        words += [f":(top,literal){path}" for path in directories]
        listed = git(repository, *words, *exclude)
        files.update(os.fsdecode(name) for name in listed.split(b"\0") if name)
    for path in sorted(path for path in files if path.endswith("/")):
        if path not in modules:
            selection.leave_out(path, "a repository of its own")
    selection.add(sorted(path for path in files if not path.endswith("/")), are_tracked=False)


def grouped(left_out: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return what is left out, sorted; where it is very much, folders stand for what is in them.

    So a forgotten data set does not swell the record of each run.
    """
    entries = sorted(left_out)
    deepest = max((path.rstrip("/").count("/") for path, _ in entries), default=0)
    while len(entries) > NAMED_LIMIT:
        groups: dict[str, list[tuple[str, str]]] = {}
        for path, reason in sorted(left_out):
            folders = path.rstrip("/").split("/")[:-1][:deepest]
            is_inner = path.rstrip("/").count("/") >= deepest
            name = "/".join([*folders, ""]) or "./"
            groups.setdefault(name if is_inner else path, []).append((path, reason))
        entries = [
            inner[0]
            if len(inner) == 1
            else (name, f"{len(inner):,} files, as {': '.join(inner[0])}")
            for name, inner in groups.items()
        ]
        deepest -= 1
    return tuple(entries)


def is_secret(name: str) -> bool:
    """Return whether a file of this name mostly holds a password or a key."""
    lower = name.lower()
    if lower.endswith(_HARMLESS_ENDINGS):
        return False
    return lower in _SECRET_NAMES or lower.startswith(".env.") or lower.endswith(_SECRET_ENDINGS)


def _is_directory(repository: str, path: str) -> bool:
    place = os.path.join(repository, path)
    return os.path.isdir(place) and not os.path.islink(place)
