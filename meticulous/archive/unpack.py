"""The files of an archive, each checked against the manifest while it is written.

Nothing that an archive says is believed: names, kinds, sizes, hashes and links are all checked,
and links are made last, so that nothing is written through one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import IO, NamedTuple

from meticulous.archive.manifest import BUNDLE, MANIFEST, RUNS, File, Manifest, is_safe
from meticulous.archive.readers import Entry, entries, read
from meticulous.base.folders import make_folder
from meticulous.errors import ArchiveError

__all__ = ["Progress", "read_manifest", "unpack"]

_AT_ONCE = 1 << 20
_LARGEST_MANIFEST = 256 << 20
Progress = Callable[[int, int], None]


def read_manifest(archive: str) -> Manifest:
    """Read the manifest of `archive`, wherever it is in it. Raises ArchiveError."""
    for entry in entries(archive):
        if entry.kind == "file" and _plain(entry.name).split("/")[-1] == MANIFEST:
            if _plain(entry.name).count("/") > 1:
                continue
            content = read(archive, entry, _LARGEST_MANIFEST + 1)
            if len(content) > _LARGEST_MANIFEST:
                break
            return Manifest.from_json(content, archive)
    raise ArchiveError(
        f"{archive} has no {MANIFEST}, so it is no export of runs, or only the start of one",
        "Give a file that `meticulous export` has written",
    )


def _plain(name: str) -> str:
    return name.removeprefix("./")


def unpack(archive: str, manifest: Manifest, directory: str, progress: Progress) -> None:
    """Write the runs and the bundle of `archive` below the empty `directory`, each file checked.

    Raises ArchiveError, which says what is wrong, and OSError where `directory` cannot be written.
    """
    top = None
    seen: set[str] = set()
    done, whole = 0, manifest.size

    def advance(count: int) -> None:
        nonlocal done
        done += count
        progress(done // 1_000_000, whole // 1_000_000)

    for entry in entries(archive):
        name = _plain(entry.name)
        if entry.kind == "directory" and name in ("", "."):
            continue
        if not is_safe(name):
            raise _altered(archive, f"the name {entry.name!r} leads out of it")
        if entry.kind == "directory":
            continue
        if top is None:
            top = name.split("/")[0] + "/" if _has_top(name, manifest) else ""
        if top and not name.startswith(top):
            raise _altered(archive, f"{name!r} lies beside its folder {top}")
        name = name.removeprefix(top)
        if name in seen:
            raise _altered(archive, f"{name!r} is in it twice")
        seen.add(name)
        if name == MANIFEST:
            continue
        _check_entry(archive, entry, name, manifest)
        if entry.kind == "file":
            _write(_Checked(archive, entry, name, manifest.files[name], advance), directory)
    missing = [name for name in (*manifest.files, *manifest.links) if name not in seen]
    if missing:
        raise ArchiveError(f"{archive} is truncated: {missing[0]!r} is missing", "Get it again")
    _finish(archive, manifest, directory)


def _has_top(name: str, manifest: Manifest) -> bool:
    """Return whether `name`, the first of the archive, is in a folder that holds all others."""
    known = {MANIFEST, *manifest.files, *manifest.links}
    first, _, inner = name.partition("/")
    return name not in known and (inner in known or first != RUNS)


def _check_entry(archive: str, entry: Entry, name: str, manifest: Manifest) -> None:
    """Raise ArchiveError where `entry` is not what the manifest says."""
    told = manifest.files.get(name)
    if entry.kind == "link":
        if manifest.links.get(name) != entry.target:
            raise _altered(archive, f"{name!r} is a link that is not in its manifest")
    elif entry.kind != "file":
        raise _altered(archive, f"{name!r} is a {entry.kind}")
    elif told is None:
        raise _altered(archive, f"{name!r} is not in its manifest")
    elif told.size != entry.size:
        raise _altered(archive, f"{name!r} has {entry.size:,} bytes, not {told.size:,}")


class _Checked(NamedTuple):
    """A file of the archive that is to be what the manifest has told."""

    archive: str
    entry: Entry
    name: str
    told: File
    advance: Callable[[int], None]

    def copy(self, out: IO[bytes] | None) -> None:
        """Read it, write it to `out` if that is given, and raise ArchiveError if it is another."""
        digest, left = hashlib.sha256(), self.told.size
        while part := read(self.archive, self.entry, min(_AT_ONCE, left + 1)):
            left -= len(part)
            if left < 0:
                raise _altered(self.archive, f"{self.name!r} is longer than it says")
            digest.update(part)
            if out is not None:
                out.write(part)
            self.advance(len(part))
        if left or digest.hexdigest() != self.told.sha256:
            what = f"{self.name!r} is not what was exported (its SHA-256 differs)"
            raise _altered(self.archive, what)


def _write(file: _Checked, directory: str) -> None:
    """Check the content of a file, and keep it if it is of a run, or the code."""
    if file.name != BUNDLE and not file.name.startswith(f"{RUNS}/"):
        file.copy(None)
        return
    path = os.path.join(directory, file.name)
    make_folder(os.path.dirname(path))
    try:
        with open(path, "xb") as out:
            file.copy(out)
    except FileExistsError:
        raise _one_for_the_disk(file.archive, file.name) from None
    os.chmod(path, file.told.mode | 0o600)
    os.utime(path, (file.told.mtime, file.told.mtime))


def _finish(archive: str, manifest: Manifest, directory: str) -> None:
    """Make the empty folders and, last of all, the links: nothing is written through one."""
    for run in manifest.runs:
        make_folder(os.path.join(directory, run.folder))
    for name in manifest.directories:
        make_folder(os.path.join(directory, name))
    _check_folders(archive, manifest, directory)
    for name, target in manifest.links.items():
        path = os.path.join(directory, name)
        make_folder(os.path.dirname(path))
        if os.path.lexists(path):
            raise _one_for_the_disk(archive, name)
        os.symlink(target, path)
    for name, target in manifest.links.items():
        home = os.path.realpath(os.path.join(directory, *name.split("/")[:2]))
        real = os.path.realpath(os.path.join(directory, name))
        is_inside = name.startswith(f"{RUNS}/") and f"{real}/".startswith(f"{home}/")
        # As it reads, too: `../1` leads back into run 1, but the run may get another id.
        inner = "/".join(name.split("/")[2:-1])
        is_inside = is_inside and not os.path.normpath(os.path.join(inner, target)).startswith("..")
        if os.path.isabs(target) or not is_inside:
            raise _altered(archive, f"the link {name!r} leads out of its run, to {target}")


def _check_folders(archive: str, manifest: Manifest, directory: str) -> None:
    """Raise ArchiveError where two folders of the archive are one on this disk."""
    inner = (name.rpartition("/")[0] for name in (*manifest.files, *manifest.links))
    own = (run.folder for run in manifest.runs)
    seen: dict[tuple[int, int], str] = {}
    checked: set[str] = set()
    for name in (*own, *manifest.directories, *inner):
        while name and name not in checked:
            checked.add(name)
            try:
                status = os.stat(os.path.join(directory, name))
            except FileNotFoundError:  # of a link, which comes later, or of what is not kept
                break
            if seen.setdefault((status.st_dev, status.st_ino), name) != name:
                raise _one_for_the_disk(archive, name)
            name = name.rpartition("/")[0]  # noqa: PLW2901


def _one_for_the_disk(archive: str, name: str) -> ArchiveError:
    what = f"{name!r} differs from another name only in case or accents, which this disk ignores"
    return ArchiveError(f"{archive}: {what}", "Import it to another disk")


def _altered(archive: str, what: str) -> ArchiveError:
    hint = "It was altered or damaged: get it again"
    return ArchiveError(f"{archive} is not taken in: {what}", hint)
