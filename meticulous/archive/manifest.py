"""What is in an archive of runs: ``manifest.json``, with the size and hash of every file.

The names in an archive are relative, with slashes, below one folder (or below none).
``docs/sharing.md`` describes the whole.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from meticulous.errors import ArchiveError, RunFolderError
from meticulous.runfolder.directory import check_id

__all__ = ["BUNDLE", "FORMAT", "MANIFEST", "RUNS", "SCRIPT", "File", "Manifest", "PackedRun"]

FORMAT = 1
"""Version of archives that this release writes, and the newest that it reads."""

MANIFEST = "manifest.json"
BUNDLE = "code.bundle"
SCRIPT = "again.sh"
README = "README.txt"
RUNS = "runs"
"""Folder of the runs in the archive; each has the name of its id."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LATEST = 1 << 62
"""Seconds since 1970 that no file has, and that no system call takes."""
_MOST_VALUES = 5_000_000
"""Values that a manifest may have; each takes up to some hundred bytes once it is parsed."""
_REF = re.compile(r"refs/heads/[A-Za-z0-9][A-Za-z0-9._-]*")


class File(NamedTuple):
    """A file of the archive: bytes, hash, permission bits, seconds since 1970."""

    size: int
    sha256: str
    mode: int
    mtime: float


class PackedRun(NamedTuple):
    """A run of the archive: `commit` is the one whose code was run, `ref` its name in the bundle.

    `is_snapshot` says that the commit keeps uncommitted changes. All None or False without code.
    """

    id: str
    status: str
    commit: str | None = None
    ref: str | None = None
    is_snapshot: bool = False

    @property
    def folder(self) -> str:
        """Where the run is in the archive."""
        return f"{RUNS}/{self.id}"


class Manifest(NamedTuple):
    """All that an archive holds. `links` are name -> target, `left_out` name -> reason."""

    created_by: str
    created: str
    host: str
    runs: tuple[PackedRun, ...]
    files: dict[str, File]
    links: dict[str, str]
    directories: tuple[str, ...]
    left_out: dict[str, str]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files.values())

    def to_json(self) -> bytes:
        """Return ``manifest.json``; names that are not UTF-8 are escaped as Python writes them."""
        files = {
            name: {**file._asdict(), "mode": f"{file.mode:o}"} for name, file in self.files.items()
        }
        value = {"format": FORMAT, **self._asdict(), "files": files}
        value["runs"] = [run._asdict() for run in self.runs]
        ordered = {key.replace("_", "-"): item for key, item in value.items()}
        return json.dumps(ordered, indent=1).encode("ascii") + b"\n"

    @staticmethod
    def from_json(content: bytes, archive: str) -> Manifest:
        """Read what :meth:`to_json` gives. Raises ArchiveError, which names `archive`."""
        try:
            _check_count(content)
            value = json.loads(content)
            version = value["format"]
            if int(version) > FORMAT:
                message = f"{archive} has format {version}; this meticulous reads up to {FORMAT}"
                raise ArchiveError(message, "Upgrade meticulous to read it")
            manifest = _manifest(value)
            _check(manifest)
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:
            raise ArchiveError(
                f"the {MANIFEST} of {archive} cannot be understood: {error!r}",
                "It was altered or damaged: get the archive again",
            ) from error
        return manifest


def _check_count(content: bytes) -> None:
    """Raise ValueError where the JSON `content` would swell when it is parsed."""
    if sum(content.count(sign) for sign in (b",", b"[", b"{")) > _MOST_VALUES:
        raise ValueError(f"more than {_MOST_VALUES:,} values")


def is_safe(name: str) -> bool:
    """Return whether `name` is relative, leads nowhere else and is written in one way only."""
    return (
        _is_of_disk(name)
        and not name.startswith(("/", "~"))
        and posixpath.normpath(name) == name
        and name.split("/")[0] not in ("..", ".")
    )


def _is_of_disk(text: Any) -> bool:
    """Return whether a file system can hold `text` as a name, or as the target of a link."""
    try:
        return bool(text) and b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _manifest(value: Mapping[str, Any]) -> Manifest:
    runs = tuple(
        PackedRun(
            str(run["id"]), str(run["status"]), run["commit"], run["ref"], bool(run["is_snapshot"])
        )
        for run in value["runs"]
    )
    files = {
        name: File(int(file["size"]), file["sha256"], int(file["mode"], 8), float(file["mtime"]))
        for name, file in value["files"].items()
    }
    return Manifest(
        str(value["created-by"]),
        str(value["created"]),
        str(value["host"]),
        runs,
        files,
        dict(value["links"]),
        tuple(value["directories"]),
        dict(value["left-out"]),
    )


def _check(manifest: Manifest) -> None:
    """Raise ValueError where the manifest asks for what no export writes."""
    for run in manifest.runs:
        _check_run(run)
    folders = {run.folder for run in manifest.runs}
    if len(folders) != len(manifest.runs):
        raise ValueError("two runs have the same id")
    for name in (*manifest.files, *manifest.links, *manifest.directories):
        if not is_safe(name):
            raise ValueError(f"the name {name!r} leads out of the archive")
        if name.startswith(f"{RUNS}/") and "/".join(name.split("/")[:2]) not in folders:
            raise ValueError(f"{name!r} belongs to no run")
        if any(parent in manifest.files or parent in manifest.links for parent in _parents(name)):
            raise ValueError(f"{name!r} lies in what is no folder")
    for name, file in manifest.files.items():
        if file.size < 0 or not _SHA256.fullmatch(file.sha256) or not 0 <= file.mode <= 0o777:
            raise ValueError(f"the entry of {name!r}")
        if not abs(file.mtime) < _LATEST:
            raise ValueError(f"the time of {name!r}")
    if not all(_is_of_disk(target) for target in manifest.links.values()):
        raise ValueError("the links")


def _check_run(run: PackedRun) -> None:
    try:
        check_id(run.id)
    except RunFolderError as error:
        raise ValueError(error.message) from error
    if (run.commit is None) != (run.ref is None):
        raise ValueError(f"the code of run {run.id}")
    if run.commit and not (_COMMIT.fullmatch(run.commit) and _REF.fullmatch(run.ref or "")):
        raise ValueError(f"the commit of run {run.id}")


def _parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]
