"""The trash of an experiments directory: runs removed, restored, and deleted for good.

A run is removed by one `rename` within its directory, so that nothing is copied and nothing can be
half removed. The time of removal is the ``ctime`` of its folder.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import Any, NamedTuple

from meticulous.base.folders import remove_folder
from meticulous.errors import RunFolderError
from meticulous.runfolder import TRASH
from meticulous.runfolder.files import make_shared_folder

__all__ = ["Removed", "delete", "remove", "removed", "restore"]

_AGAIN = re.compile(r"(.+)~\d+")


class Removed(NamedTuple):
    """A run in the trash: its folder there, its id, and when it was removed (seconds since 1970)."""

    path: str
    id: str
    time: float


def remove(directory: str, run_id: str) -> str:
    """Move the run `run_id` of `directory` into its trash; return the new path.

    If a run of the same name is there already, it becomes ``NAME~2``. Raises RunFolderError if it is
    already gone or cannot be moved; then it stays where it was.
    """
    source, trash = os.path.join(directory, run_id), os.path.join(directory, TRASH)
    if os.path.islink(trash):
        raise RunFolderError(f"{trash} is a link, not a trash", "Remove the link")
    try:
        make_shared_folder(trash, directory)
        for number in range(1, 10_000):
            name = run_id if number == 1 else f"{run_id}~{number}"
            target = os.path.join(trash, name)
            if os.path.lexists(target):
                continue
            try:
                os.rename(source, target)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    continue  # another has just taken the name
                raise
            return target
    except FileNotFoundError:
        raise RunFolderError(f"the run {run_id} is gone already") from None
    except OSError as error:
        raise RunFolderError(
            f"cannot move {source} to {trash}: {error.strerror}", _hint(error, source)
        ) from error
    raise RunFolderError(f"{trash} has too many runs of the name {run_id}", "Purge some")


def _hint(error: OSError, source: str) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"Free some space with `meticulous purge`, or delete the folder: rm -rf {source}"
    if error.errno in (errno.EXDEV, errno.EBUSY):
        return "It is a file system of its own: unmount it first"
    return "Make both writable"


def removed(directory: str) -> list[Removed]:
    """List the runs in the trash of `directory`, the last removed first."""
    found: list[Removed] = []
    if os.path.islink(os.path.join(directory, TRASH)):
        return found  # what it leads to was never removed by us
    try:
        with os.scandir(os.path.join(directory, TRASH)) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False) or entry.is_symlink():
                    again = _AGAIN.fullmatch(entry.name)
                    run_id = again[1] if again else entry.name
                    moment = entry.stat(follow_symlinks=False).st_ctime
                    found.append(Removed(entry.path, run_id, moment))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunFolderError(f"cannot list {error.filename}: {error.strerror}") from error
    return sorted(found, key=lambda run: -run.time)


def restore(directory: str, run: Removed, new_id: str | None = None) -> str:
    """Move `run` back to its id, or to `new_id`; return its path.

    Raises RunFolderError if there is a run with that id, or it cannot be moved.
    """
    target = os.path.join(directory, new_id or run.id)
    try:
        # mkdir is refused where something is there; rename would replace an empty folder.
        os.mkdir(target)
        if os.path.islink(run.path):
            os.rmdir(target)  # a link to a run that lies elsewhere is moved onto nothing
        os.rename(run.path, target)
    except FileExistsError:
        raise RunFolderError(
            f"there is a run {new_id or run.id} in {directory}",
            "Restore it under another name: --as NAME",
        ) from None
    except OSError as error:
        if os.path.isdir(target) and os.path.lexists(run.path):
            os.rmdir(target)
        raise RunFolderError(f"cannot move {run.path} back: {error.strerror}") from error
    return target


def delete(run: Removed) -> None:
    """Delete `run` permanently. Links are deleted, never their targets.

    Raises RunFolderError if a part of it cannot be deleted; the rest is deleted.
    """
    try:
        if os.path.islink(run.path):
            os.unlink(run.path)
        else:
            remove_folder(run.path, onerror=_unlock)
    except OSError as error:
        message = f"cannot delete {error.filename or run.path}: {error.strerror}"
        raise RunFolderError(message, "Make it writable, or delete it by hand") from error


def _unlock(step: Any, path: str, info: Any) -> None:
    """Make read-only folders writable and try once more; datasets are often read-only."""
    if isinstance(info[1], FileNotFoundError):
        return  # another purge has been quicker
    if not isinstance(info[1], PermissionError):
        raise info[1]
    folder = os.path.dirname(path)
    os.chmod(folder, stat.S_IMODE(os.lstat(folder).st_mode) | stat.S_IRWXU)
    if not os.path.islink(path):
        os.chmod(path, stat.S_IMODE(os.lstat(path).st_mode) | stat.S_IRWXU)
    if step in (os.rmdir, os.unlink):
        step(path)
    else:
        remove_folder(path)
