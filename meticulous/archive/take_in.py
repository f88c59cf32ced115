"""Import: runs of an archive get their place in the experiments directory, their code in git."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from meticulous import runfolder
from meticulous.archive.manifest import BUNDLE, RUNS, Manifest, PackedRun
from meticulous.archive.temporary import temporary_folder
from meticulous.archive.unpack import Progress, read_manifest, unpack
from meticulous.archive.writers import hint_for
from meticulous.base.folders import remove_folder
from meticulous.base.timestamps import now
from meticulous.errors import ArchiveError, CodeStateError, RunFolderError
from meticulous.git import bundles
from meticulous.runfolder import RunFolder, keys
from meticulous.runfolder import directory as store

__all__ = ["TakenIn", "take_in"]

_TEMPORARY = ".import-"
_OLD_S = 24 * 3600
"""After this long what a killed import has left is removed by the next."""

_SAME_RUN = (keys.START_TIME, keys.HOST, keys.PID, keys.PID_START_TIME)
"""Keys of the metadata that together no two runs have in common."""


class TakenIn(NamedTuple):
    """A run of the archive: its id there and here, and what is to be said of it."""

    old_id: str
    new_id: str
    is_new: bool
    notes: tuple[str, ...] = ()


def take_in(
    archive: str,
    experiments_directory: str,
    repository: str | None,
    *,
    with_code: bool = True,
    progress: Progress = lambda _done, _all: None,
) -> list[TakenIn]:
    """Take the runs of `archive` into the experiments directory, and their code into `repository`.

    A run keeps its id where that is free, and gets the next number where it is not; one that is
    here already is left alone. Raises ArchiveError, CodeStateError or RunFolderError; then no run
    has been added.
    """
    manifest = read_manifest(archive)
    with _inside(experiments_directory) as directory:
        _check_space(manifest, directory, archive)
        unpack(archive, manifest, directory, progress)
        runs = [RunFolder(os.path.join(directory, *run.folder.split("/"))) for run in manifest.runs]
        for run in runs:
            _check_format(run, archive)
        taking = _Taking(manifest, archive, directory, experiments_directory)
        chosen = taking.choose()
        note = ""
        if with_code and any(run.commit for run in chosen):
            note = _take_code(os.path.join(directory, BUNDLE), repository, chosen, runs)
        return taking.publish(chosen, note)


@contextmanager
def _inside(experiments_directory: str) -> Iterator[str]:
    """Return a hidden folder in the experiments directory; nothing of it is left in the end."""
    was_there = os.path.isdir(experiments_directory)
    try:
        store.prepare_store(experiments_directory)
        _remove_old(experiments_directory)
        with temporary_folder(experiments_directory, _TEMPORARY) as directory:
            yield directory
            was_there = True
    except OSError as error:
        raise ArchiveError(
            f"cannot import into {experiments_directory}: {error.strerror or error}",
            hint_for(error, "--experiments-directory"),
        ) from error
    finally:
        if not was_there:
            _remove_empty(experiments_directory)


def _remove_empty(experiments_directory: str) -> None:
    """Remove the directory that was made for this import, if nobody else uses it by now."""
    try:
        if os.listdir(experiments_directory) == [".gitignore"]:
            os.unlink(os.path.join(experiments_directory, ".gitignore"))
        os.rmdir(experiments_directory)
    except OSError:
        pass


def _remove_old(experiments_directory: str) -> None:
    with os.scandir(experiments_directory) as found:
        for entry in found:
            if entry.name.startswith(_TEMPORARY) and entry.stat().st_mtime < time.time() - _OLD_S:
                remove_folder(entry.path, ignore_errors=True)


def _check_space(manifest: Manifest, directory: str, archive: str) -> None:
    free = shutil.disk_usage(directory).free
    if manifest.size > free:
        raise ArchiveError(
            f"{archive} holds {manifest.size:,} bytes, and only {free:,} are free",
            "Free some space, or give another --experiments-directory",
        )


def _check_format(run: RunFolder, archive: str) -> None:
    try:
        run.read_metadata()
    except RunFolderError as error:
        what = error.message.replace(run.path, f"{RUNS}/{run.id}")
        raise ArchiveError(f"{archive}: {what}", error.hint) from error


def _take_code(
    bundle: str, repository: str | None, chosen: Sequence[PackedRun], runs: Sequence[RunFolder]
) -> str:
    """Take the code into the repository, or keep it in each run; return what is to be said."""
    if not os.path.exists(bundle):
        raise CodeStateError("the archive lacks the code of its runs", "Take them with --no-code")
    if repository is not None:
        wanted = {
            packed.commit: packed.ref
            for packed in chosen
            if packed.ref
            and packed.commit
            and (packed.is_snapshot or not bundles.has_commit(repository, packed.commit))
        }
        if wanted:
            bundles.fetch_bundle(repository, bundle, wanted)
            return f"its code is in the repository under {bundles.KEPT_REFS}"
        return ""
    for run in runs:
        if run.id in {packed.id for packed in chosen if packed.ref}:
            kept = run.file(runfolder.CODE_BUNDLE)
            try:
                os.link(bundle, kept)
            except OSError:  # a file system without hard links
                shutil.copyfile(bundle, kept)
    return f"there is no repository here: its code is kept as {runfolder.CODE_BUNDLE} in its folder"


class _Taking:
    """The runs of an unpacked archive on their way into the experiments directory."""

    def __init__(
        self, manifest: Manifest, archive: str, directory: str, experiments_directory: str
    ) -> None:
        self._manifest = manifest
        self._archive = archive
        self._directory = directory
        self._store = experiments_directory
        self._here: dict[str, str] = {}
        """The runs that are here already: their ids there and here."""

    def choose(self) -> list[PackedRun]:
        """Return the runs that are not here already."""
        others: dict[str, PackedRun] = {}
        for packed in self._manifest.runs:
            started = self._folder(packed).read_metadata().get(keys.START_TIME)
            if self._is_here(packed, packed.id):
                self._here[packed.id] = packed.id
            elif started and os.path.lexists(os.path.join(self._store, packed.id)):
                others[str(started)] = packed
        if others:  # their ids are taken: an earlier import may have given them new ones
            self._find(others)
        return [run for run in self._manifest.runs if run.id not in self._here]

    def _find(self, others: dict[str, PackedRun]) -> None:
        """Look through all runs for `others`, by when they started."""
        for run_id in store.run_ids(self._store):
            try:
                started = RunFolder(os.path.join(self._store, run_id)).read_metadata()[
                    keys.START_TIME
                ]
            except (RunFolderError, KeyError):
                continue
            packed = others.get(str(started))
            if packed and self._is_here(packed, run_id):
                self._here.setdefault(packed.id, run_id)

    def _is_here(self, packed: PackedRun, run_id: str) -> bool:
        """Return whether the run `run_id` of this directory is `packed`."""
        try:
            here = RunFolder(os.path.join(self._store, run_id)).read_metadata()
        except RunFolderError:
            return False
        there = self._folder(packed).read_metadata()
        same = all(here.get(key) == there.get(key) for key in _SAME_RUN)
        return same and here.get(keys.START_TIME) is not None

    def _folder(self, packed: PackedRun) -> RunFolder:
        return RunFolder(os.path.join(self._directory, packed.folder))

    def publish(self, chosen: Sequence[PackedRun], note: str) -> list[TakenIn]:
        """Return each run its id, and move it there. All ids are reserved before the first move."""
        reserved: dict[str, RunFolder] = {}
        try:
            for packed in chosen:  # those first that can keep their ids
                if (own := self._reserve(packed.id)) is not None:
                    reserved[packed.id] = own
            for packed in chosen:
                if packed.id not in reserved:
                    reserved[packed.id] = store.create(self._store)
            new_ids = self._here | {old: run.id for old, run in reserved.items()}
            for packed in chosen:
                self._adjust(packed, new_ids)
            for packed in chosen:
                os.rename(self._folder(packed).path, reserved[packed.id].path)
        except BaseException:
            for run in reserved.values():
                try:
                    os.rmdir(run.path)
                except OSError:
                    pass  # it has been moved to already
            raise
        return [
            TakenIn(run.id, new_ids[run.id], run in chosen, self._notes(run, note))
            for run in self._manifest.runs
        ]

    def _notes(self, packed: PackedRun, note: str) -> tuple[str, ...]:
        if packed.id not in self._here:
            return (note,) if note and packed.ref else ()
        own = self._here[packed.id]
        here, there = RunFolder(os.path.join(self._store, own)), self._folder(packed)
        reasons = [run.read_metadata().get(keys.REASON) for run in (here, there)]
        is_closed = reasons[0] == "lost" != reasons[1]  # by doctor
        is_open = here.read_status()[0] == runfolder.RUNNING or is_closed
        if is_open and packed.status in (runfolder.SUCCESS, runfolder.ERROR):
            todo = f"meticulous rm {own} && meticulous purge {own}, and import again"
            return (f"it has ended since it was taken in; to have its end: {todo}",)
        return ()

    def _reserve(self, run_id: str) -> RunFolder | None:
        """Make the folder that is to be replaced, under the id it had; None where that is taken."""
        path = os.path.join(self._store, run_id)
        if os.path.lexists(path) or os.path.lexists(
            os.path.join(self._store, runfolder.TRASH, run_id)
        ):
            return None
        try:
            return store.create(self._store, run_id)
        except RunFolderError:
            if os.path.lexists(path):  # taken in this moment
                return None
            raise

    def _adjust(self, packed: PackedRun, new_ids: dict[str, str]) -> None:
        """Say in the metadata where the run comes from; other runs that it names have new ids."""
        run = self._folder(packed)
        metadata = run.read_metadata()
        origin: dict[str, Any] = {
            "id": packed.id,
            "host": self._manifest.host,
            "archive": os.path.basename(os.path.normpath(self._archive)),
            "imported": now(),
        }
        for key in runfolder.REFERENCES:
            named = metadata.get(key)
            if named is not None:
                metadata[key] = new_ids.get(str(named))
                if metadata[key] is None:
                    origin[key] = named
        if keys.SWEEP in metadata:  # that number is another sweep here
            origin["sweep"] = metadata.pop(keys.SWEEP)
        run.write_json(runfolder.METADATA, {**metadata, keys.IMPORTED_FROM: origin})
        for number in run.ranks():  # their processes are not those of this folder either
            rank = run.rank(number)
            with suppress(RunFolderError):
                rank.write_json(
                    runfolder.METADATA, {**rank.read_metadata(), keys.IMPORTED_FROM: origin}
                )
