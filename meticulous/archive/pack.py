"""Export: runs, the code that they ran, a manifest of it all, and how to use it without us.

Everything is looked at and hashed first, then written, hashed again on the way: what changes in
between is noticed. The archive appears under its name when it is whole.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, NamedTuple

from meticulous import __version__, runfolder
from meticulous.archive.code import with_code
from meticulous.archive.manifest import BUNDLE, MANIFEST, README, SCRIPT, File, Manifest, PackedRun
from meticulous.archive.temporary import temporary_folder
from meticulous.archive.writers import Writer, ending_of, hint_for, open_writer
from meticulous.base.timestamps import now
from meticulous.errors import ArchiveError
from meticulous.git import bundles
from meticulous.reproduce.script import script
from meticulous.runfolder import RunFolder

__all__ = ["More", "Plan", "pack"]

_AT_ONCE = 1 << 20

_README = """\
Runs recorded by meticulous {version}: {ids}

runs/ID/        the record of each run; STATUS, metadata.json, stdout and the rest are plain files
{code}again.sh        repeats them with git and a shell alone
manifest.json   the size and SHA-256 of every file

With meticulous:  meticulous import ARCHIVE
Without:          {without}
"""

More = Callable[[Manifest], Mapping[str, bytes]]
"""Gives further files of an archive, by their names, once it is known what is in it."""


class Plan(NamedTuple):
    """What to export, and how.

    `repository` is where the commits are, None where there is none. `more` adds files, and
    `is_flat` puts all at the top of the archive, not into a folder of its name. `progress` is told
    (done, all) in megabytes.
    """

    runs: Sequence[RunFolder]
    statuses: Sequence[str]
    repository: str | None
    code: str = "all"
    more: More | None = None
    is_flat: bool = False
    progress: Callable[[int, int], None] = lambda _done, _all: None


def pack(plan: Plan, path: str, *, replace: bool = False) -> Manifest:
    """Write the archive `path` and return what is in it.

    Raises ArchiveError, CodeStateError or RunFolderError; then nothing is left at `path` that was
    not there before.
    """
    ending = ending_of(path)
    path = path.rstrip("/")
    if os.path.lexists(path) and not replace:
        raise ArchiveError(f"{path} exists already", "Give another name, or --force")
    _check_place(plan, path, ending)
    top = os.path.basename(path).removesuffix(ending) if ending != "/" else ""
    with _beside(path) as directory:
        packing = _Packing(plan, directory)
        manifest = packing.look()
        whole = os.path.join(directory, "archive")
        with open_writer(whole, ending) as writer:
            packing.write(writer, manifest, "" if plan.is_flat or not top else f"{top}/")
        _publish(whole, path)
    return manifest


def _check_place(plan: Plan, path: str, ending: str) -> None:
    """Raise ArchiveError where the export would be a part of what is exported."""
    place = os.path.realpath(path)
    for run in plan.runs:
        folder = os.path.realpath(run.path)
        is_beside = ending == "/" and os.path.dirname(place) == os.path.dirname(folder)
        if is_beside or place.startswith(os.path.join(folder, "")):
            what = "would look like a run itself" if is_beside else f"is inside run {run.id}"
            raise ArchiveError(f"{path} {what}", "Give a place outside the experiments directory")


@contextmanager
def _beside(path: str) -> Iterator[str]:
    """Return a directory on the file system of `path`, removed in the end; OSErrors are told."""
    parent = os.path.dirname(os.path.abspath(path))
    directory = None
    try:
        prefix = f".{os.path.basename(path)}.{os.getpid()}-"
        with temporary_folder(parent, prefix) as directory:
            yield directory
    except OSError as error:
        reason, named = error.strerror or error, error.filename
        if directory and named and not str(named).startswith((directory, path)):
            message = f"cannot export {named}: {reason}"
            raise ArchiveError(message, "Make it readable, or take it out of the run") from error
        message = f"cannot write the export {path}: {reason}"
        raise ArchiveError(message, hint_for(error, "place")) from error


def _publish(whole: str, path: str) -> None:
    if os.path.isdir(whole):
        if os.path.isdir(path) and not os.path.islink(path):
            os.rename(path, f"{whole}.old")  # removed with our own directory
        os.rename(whole, path)
        return
    descriptor = os.open(whole, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(whole, path)


class _Packing:
    """One export: the places of the files on disk, by their names in the archive."""

    def __init__(self, plan: Plan, directory: str) -> None:
        self._plan = plan
        self._directory = directory
        self._sources: dict[str, str | bytes] = {}
        self._links: dict[str, str] = {}
        self._directories: list[str] = []
        self._left_out: dict[str, str] = {}
        self._done = self._all = 0

    def look(self) -> Manifest:
        """Find out what is to be written."""
        plan = self._plan
        runs = with_code(plan.runs, plan.statuses, plan.repository, plan.code)
        for run, packed in zip(plan.runs, runs, strict=True):
            place = run.path
            if packed.status == runfolder.RUNNING:
                place = _copy(run.path, os.path.join(self._directory, "running", packed.id))
            self._add_folder(place, packed.folder, os.path.realpath(place))
        tips = {run.ref: run.commit for run in runs if run.ref and run.commit}
        if tips and plan.repository:
            bundle = os.path.join(self._directory, BUNDLE)
            with open(bundle, "xb") as out:
                bundles.write_bundle(plan.repository, tips, out)
            self._sources[BUNDLE] = bundle
            for sha in dict.fromkeys(tips.values()):
                lacking = bundles.not_carried(plan.repository, sha)
                self._left_out.update({f"{BUNDLE}: {name}": why for name, why in lacking.items()})
        self._sources[SCRIPT] = script(plan.runs, plan.repository)
        self._sources[README] = _readme(
            [run.id for run in runs],
            has_code=bool(tips),
            has_own=any(os.path.exists(run.file(runfolder.CODE_BUNDLE)) for run in plan.runs),
        ).encode()
        manifest = self._manifest(runs)
        if plan.more:
            self._sources.update(plan.more(manifest))
            manifest = self._manifest(runs, manifest)
        return manifest

    def write(self, writer: Writer, manifest: Manifest, top: str) -> None:
        """Write all of `manifest`, and it first, with `top` before the names."""
        content = manifest.to_json()
        writer.file(top + MANIFEST, _told(content), io.BytesIO(content))
        for name in manifest.directories:
            writer.directory(top + name)
        for name, told in manifest.files.items():
            with self._open(name) as content_of_file:
                checked = _Checked(content_of_file, name, told, self._progress)
                writer.file(top + name, told, checked)  # type: ignore[arg-type]
                checked.verify()
        for name, target in manifest.links.items():
            writer.link(top + name, target)

    def _manifest(self, runs: Sequence[PackedRun], known: Manifest | None = None) -> Manifest:
        """Hash all files but those that are `known`."""
        files = dict(known.files) if known else {}
        sizes = {name: _size(source) for name, source in self._sources.items()}
        self._all = sum(sizes.values())
        for name in sorted(self._sources):
            if name in files:
                continue
            source = self._sources[name]
            if isinstance(source, bytes):
                files[name] = _told(source)
            else:
                with open(source, "rb") as file:
                    files[name] = self._hash(file)
        return Manifest(
            created_by=f"meticulous {__version__}",
            created=now(),
            host=os.uname().nodename,
            runs=tuple(runs),
            files=dict(sorted(files.items())),
            links=dict(sorted(self._links.items())),
            directories=tuple(sorted(self._directories)),
            left_out=self._left_out,
        )

    def _hash(self, file: IO[bytes]) -> File:
        digest, size = hashlib.sha256(), 0
        while part := file.read(_AT_ONCE):
            digest.update(part)
            size += len(part)
            self._progress(len(part))
        status = os.fstat(file.fileno())
        return File(size, digest.hexdigest(), stat.S_IMODE(status.st_mode) & 0o777, status.st_mtime)

    def _progress(self, count: int) -> None:
        self._done += count  # each file is read twice
        self._plan.progress(self._done // 2_000_000, self._all // 1_000_000)

    def _open(self, name: str) -> IO[bytes]:
        source = self._sources[name]
        return io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb")

    def _add_folder(self, place: str, name: str, inside: str) -> None:
        """Note what is in the folder `place`, which is `name` in the archive."""
        waiting = [(place, name)]
        while waiting:
            place, name = waiting.pop()
            entries = sorted(os.scandir(place), key=lambda entry: os.fsencode(entry.name))
            if not entries:
                self._directories.append(name)
            for entry in entries:
                inner = f"{name}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, inner))
                else:
                    self._add_entry(entry, inner, inside)

    def _add_entry(self, entry: os.DirEntry[str], name: str, inside: str) -> None:
        if entry.is_symlink():
            target = os.readlink(entry.path)
            is_inside = f"{os.path.realpath(entry.path)}/".startswith(f"{inside}/")
            if is_inside and not os.path.isabs(target):
                self._links[name] = target
            else:
                self._left_out[name] = f"a link out of the run, to {target}"
        elif entry.is_file():
            self._sources[name] = entry.path
        else:
            self._left_out[name] = "neither a file nor a folder"


class _Checked:
    """A file that is read as it was when it was hashed, or noticed."""

    def __init__(
        self, file: IO[bytes], name: str, told: File, progress: Callable[[int], None]
    ) -> None:
        self._file, self._name, self._told, self._progress = file, name, told, progress
        self._left = told.size
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        part = self._file.read(self._left if size < 0 else min(size, self._left))
        if not part and self._left:
            raise self._changed()
        self._left -= len(part)
        self._digest.update(part)
        self._progress(len(part))
        return part

    def verify(self) -> None:
        """Raise ArchiveError where the file is not what it was."""
        if self._left or self._file.read(1) or self._digest.hexdigest() != self._told.sha256:
            raise self._changed()

    def _changed(self) -> ArchiveError:
        return ArchiveError(
            f"{self._name} has changed while it was exported",
            "Wait until nothing writes to it any more, then export again",
        )


def _copy(place: str, copy: str) -> str:
    """Copy a folder that still changes, as it is now."""

    def special(folder: str, names: list[str]) -> list[str]:
        modes = {name: os.lstat(os.path.join(folder, name)).st_mode for name in names}
        return [
            name
            for name, mode in modes.items()
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode))
        ]

    try:
        shutil.copytree(place, copy, symlinks=True, ignore=special)
    except (shutil.Error, RecursionError) as error:
        raise ArchiveError(
            f"cannot copy {place}: {error}", "Export it when it has ended"
        ) from error
    return copy


def _told(content: bytes) -> File:
    """Tell of a file that is made for the archive."""
    mode = 0o755 if content.startswith(b"#!") else 0o644
    return File(len(content), hashlib.sha256(content).hexdigest(), mode, float(int(time.time())))


def _size(source: str | bytes) -> int:
    return len(source) if isinstance(source, bytes) else os.stat(source).st_size


def _readme(ids: Sequence[str], *, has_code: bool, has_own: bool) -> str:
    """Say how to use an archive; `has_own` is for runs that were imported with their bundle."""
    code = "code.bundle     their code, with its history: git clone code.bundle\n"
    without = "sh again.sh REPOSITORY   (a clone that has their commits; the code is not here)"
    if has_own:
        without = "git clone runs/ID/code.bundle code; sh again.sh"
    if has_code:
        without = "git clone code.bundle code; sh again.sh"
    return _README.format(
        version=__version__, ids=", ".join(ids), code=code if has_code else "", without=without
    )
