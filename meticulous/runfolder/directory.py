"""The experiments directory: listing its runs, and making a new one with a new id."""

from __future__ import annotations

import errno
import os

from meticulous.child.helper import replace_file
from meticulous.errors import RunFolderError
from meticulous.runfolder import (
    ARGS,
    DEFAULT_ARGS,
    ENVIRONMENT,
    HIGHEST_ID,
    METADATA,
    RESOURCES,
    STATUS,
    STDERR,
    STDOUT,
    TIMELINE,
    TRASH,
    UNCOMMITTED_PATCH,
    RunFolder,
)
from meticulous.runfolder.files import open_to_read, open_to_write, share

__all__ = [
    "check_id",
    "create",
    "discard",
    "discard_refused",
    "highest_number",
    "linked_id",
    "note_highest",
    "noted_highest",
    "prepare_store",
    "run_ids",
]


MOST_DIGITS = 18
"""The longest number that is counted on from: it fits into 64 bits wherever it is kept."""


def check_id(run_id: str) -> None:
    """Raise RunFolderError if `run_id` cannot be the name of a run folder."""
    trouble = None
    if not run_id:
        trouble = "is empty"
    elif run_id.startswith((".", "-")):
        trouble = "starts with a dot or a dash"
    elif "/" in run_id or any(ord(character) < 32 or ord(character) == 127 for character in run_id):
        trouble = "holds a slash or a control character"
    elif len(os.fsencode(run_id)) > 255:
        trouble = "is longer than 255 bytes"
    if trouble:
        hint = "Give a plain folder name, such as 12 or baseline"
        raise RunFolderError(f"the experiment id {run_id!r} {trouble}", hint)


def run_ids(experiments_directory: str) -> list[str]:
    """List the names of the run folders: integers in their order first, then the other names.

    Names that start with a dot, and files, are not runs; nor is a link to one of the runs here,
    which is another name for it. Raises OSError where the directory cannot be listed.
    """
    names, links = [], []
    with os.scandir(experiments_directory) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                links.append(entry.name)
            elif entry.is_dir():
                names.append(entry.name)
    names += [name for name in links if _leads_elsewhere(experiments_directory, name)]
    return sorted(names, key=_id_order)


def linked_id(experiments_directory: str, name: str) -> str | None:
    """Return the id of the run in this directory that the link `name` leads to; None if it is not such a link."""
    path = os.path.join(experiments_directory, name)
    if not name or "/" in name or not os.path.islink(path):
        return None
    parent, run_id = os.path.split(os.path.realpath(path))
    return run_id if parent == os.path.realpath(experiments_directory) else None


def _leads_elsewhere(experiments_directory: str, name: str) -> bool:
    """Return whether the link `name` leads to a folder that is not itself listed here."""
    is_folder = os.path.isdir(os.path.join(experiments_directory, name))
    return is_folder and linked_id(experiments_directory, name) is None


def _id_order(name: str) -> tuple[bool, int, str]:
    number = _number(name)
    return number is None, number or 0, name


def _number(name: str) -> int | None:
    """Return `name` as a number if it is written as one (no sign, no leading zero), or None.

    A number with more digits than :data:`MOST_DIGITS` counts as a name.
    """
    if len(name) > MOST_DIGITS or not (name.isascii() and name.isdigit()):
        return None
    return int(name) if name == "0" or not name.startswith("0") else None


def prepare_store(experiments_directory: str) -> None:
    """Make the experiments directory, with the `.gitignore` that keeps it out of git.

    The user's own ``.gitignore`` is never touched. Raises RunFolderError where it cannot be made
    or written.
    """
    try:
        os.makedirs(experiments_directory, exist_ok=True)
        ignore = os.path.join(experiments_directory, ".gitignore")
        if not os.path.lexists(ignore):
            replace_file(ignore, b"*\n")
            share(ignore, experiments_directory)
    except OSError as error:
        raise _cannot_create(experiments_directory, error) from error


def create(experiments_directory: str, run_id: str | None = None) -> RunFolder:
    """Make a new, empty run folder.

    Without `run_id` it gets the number after the highest that exists or ever existed. If several start
    at once, ``mkdir`` decides: a process that finds a number taken tries the next one, without
    listing again, because network file systems cache listings.

    Raises RunFolderError where `run_id` exists or the directory cannot be written.
    """
    prepare_store(experiments_directory)
    try:
        if run_id is not None:
            return _create_given(experiments_directory, run_id)
        number = highest_number(experiments_directory) + 1
        while len(str(number)) <= MOST_DIGITS:
            path = os.path.join(experiments_directory, str(number))
            try:
                os.mkdir(path)
            except FileExistsError:
                number += 1
                continue
            note_highest(experiments_directory, number)
            return RunFolder(path)
    except OSError as error:
        raise _cannot_create(experiments_directory, error) from error
    message = f"there is no number after {number - 1} for a run in {experiments_directory}"
    raise RunFolderError(
        message, "Rename or remove the run of that number, or give --experiment-id"
    )


def _create_given(experiments_directory: str, run_id: str) -> RunFolder:
    check_id(run_id)
    path = os.path.join(experiments_directory, run_id)
    try:
        os.mkdir(path)
    except FileExistsError:
        message = f"the experiment {run_id} exists already in {experiments_directory}"
        hint = "Give another --experiment-id, none, or --resume to go on with it"
        raise RunFolderError(message, hint) from None
    number = _number(run_id)
    if number is not None:
        note_highest(experiments_directory, number)
    return RunFolder(path)


def discard(run: RunFolder) -> None:
    """Remove a run that has not started: it holds only files that are written before the start."""
    for name in (METADATA, STATUS):
        try:
            os.unlink(run.file(name))
        except OSError:
            pass
    try:
        os.rmdir(run.path)
    except OSError:
        pass


def discard_refused(run: RunFolder) -> bool:
    """Remove a run whose command never ran; return False if a program has put files of its own there."""
    names = (METADATA, STATUS, ARGS, DEFAULT_ARGS, STDOUT, STDERR, TIMELINE, ENVIRONMENT, RESOURCES)
    try:
        if set(os.listdir(run.path)) - {*names, UNCOMMITTED_PATCH}:
            return False
        for name in (*names, UNCOMMITTED_PATCH):
            try:
                os.unlink(run.file(name))
            except FileNotFoundError:
                pass
        os.rmdir(run.path)
    except OSError:
        return False
    return True


def highest_number(experiments_directory: str) -> int:
    """Return the highest number among the runs, the removed runs and those noted; 0 for none."""
    highest = noted_highest(experiments_directory)
    for directory in (experiments_directory, os.path.join(experiments_directory, TRASH)):
        try:
            names = os.listdir(directory)
        except FileNotFoundError:
            continue
        except OSError:
            if directory == experiments_directory:
                raise
            continue  # a trash of somebody else, or none: new ids are after those noted
        for name in names:
            highest = max(highest, _number(name) or 0)
    return highest


def noted_highest(experiments_directory: str) -> int:
    """Return the highest number that was noted; 0 where none was."""
    try:
        descriptor = open_to_read(os.path.join(experiments_directory, HIGHEST_ID))
        try:
            return _number(os.read(descriptor, 64).decode("ascii", "replace").strip()) or 0
        finally:
            os.close(descriptor)
    except OSError:
        return 0


def note_highest(experiments_directory: str, number: int) -> None:
    """Remember `number`, so that deleting the newest run by hand does not free its id.

    There is no lock: a process that may have overwritten the higher number of another, written at the
    same moment, finds the folder of that number and notes it.
    """
    path = os.path.join(experiments_directory, HIGHEST_ID)
    try:
        while number > noted_highest(experiments_directory):
            _write_highest(path, experiments_directory, b"%d\n" % number)
            while os.path.exists(os.path.join(experiments_directory, str(number + 1))):
                number += 1
    except OSError:
        pass  # the folder exists, which is what counts


def _write_highest(path: str, experiments_directory: str, content: bytes) -> None:
    try:
        replace_file(path, content)
        share(path, experiments_directory)
    except PermissionError:
        # In a directory with the sticky bit only its owner may replace a file, but others may write it.
        descriptor = open_to_write(path)
        try:
            os.pwrite(descriptor, content, 0)  # the number only grows, so nothing is left behind it
        finally:
            os.close(descriptor)


def _cannot_create(experiments_directory: str, error: OSError) -> RunFolderError:
    hints = {
        errno.ENOSPC: "Free some space, or give another --experiments-directory",
        errno.EDQUOT: "Free some space, or give another --experiments-directory",
        errno.ENOTDIR: "It, or a folder above it, is a file: give another --experiments-directory",
        errno.EEXIST: "It is a file: give another --experiments-directory",
    }
    default = "Make it writable, or give another --experiments-directory"
    reason = error.strerror or str(error)
    return RunFolderError(
        f"cannot make a run in {experiments_directory}: {reason}",
        hints.get(error.errno or 0, default),
    )
