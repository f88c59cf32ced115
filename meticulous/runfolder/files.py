"""Opening files of a run folder, which may come from anybody: regular files only, never through a link.

A cloned project, an imported archive or a shared store can hold links, named pipes, devices and
files of any size in place of a record. Only regular files are read, and opening them never blocks;
only regular files without other names are written.
"""

from __future__ import annotations

import errno
import os
import stat

__all__ = [
    "LARGEST_RECORD",
    "check_own",
    "is_within",
    "make_shared_folder",
    "open_to_read",
    "open_to_write",
    "read_end",
    "read_record",
    "share",
]

LARGEST_RECORD = 64 << 20
"""Bytes of the largest file of the record that is parsed; what is larger was not written by us."""
_AT_ONCE = 1 << 16


def open_to_read(path: str) -> int:
    """Open the regular file at `path` and return its descriptor; raises OSError for anything else."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check_regular(descriptor, path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def read_record(path: str) -> bytes:
    """Read the file at `path` whole.

    Raises OSError if it is not a regular file, or larger than any that meticulous writes.
    """
    descriptor = open_to_read(path)
    try:
        parts = [os.read(descriptor, _AT_ONCE)]
        if len(parts[0]) < _AT_ONCE:
            return parts[0]
        if os.fstat(descriptor).st_size > LARGEST_RECORD:
            raise OSError(errno.EFBIG, f"it is larger than {LARGEST_RECORD >> 20} MiB", path)
        while len(parts[-1]) == _AT_ONCE:
            parts.append(os.read(descriptor, _AT_ONCE))
        return b"".join(parts)
    finally:
        os.close(descriptor)


def read_end(path: str, size: int) -> bytes:
    """Return the last `size` bytes of the regular file at `path`; raises OSError for anything else."""
    with open(open_to_read(path), "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - size))
        return file.read()


def open_to_write(path: str, flags: int = 0) -> int:
    """Open or create the regular file at `path` for writing, with additional `flags`; return its descriptor.

    Raises OSError if `path` is a link or not a regular file, or if the file has other names (hard
    links), which may belong to somebody else.
    """
    safe = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = _open_or_make(path, safe | flags & ~os.O_TRUNC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a link", path) from error
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "it is no file", path) from error
        raise
    try:
        _check_single(_check_regular(descriptor, path), path)
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _open_or_make(path: str, flags: int) -> int:
    try:
        return os.open(path, flags, 0o666)
    except PermissionError:
        if flags & os.O_EXCL or not os.path.lexists(path):
            raise
        # Linux refuses O_CREAT for another user's file in a directory with the sticky bit,
        # whatever its mode (fs.protected_regular, see proc(5)).
        return os.open(path, flags & ~os.O_CREAT)


def _check_single(status: os.stat_result, path: str) -> None:
    if status.st_nlink > 1:
        raise OSError(errno.EMLINK, "it has another name as well (a hard link)", path)


def _check_regular(descriptor: int, path: str) -> os.stat_result:
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", path)
    return status


def make_shared_folder(path: str, store: str) -> None:
    """Make a folder in `store` with the permissions of `store`, whatever the umask is.

    Raises OSError if it cannot be made; an existing folder is left as it is.
    """
    try:
        os.makedirs(path)
    except FileExistsError:
        return
    share(path, store)


def share(path: str, store: str) -> None:
    """Set the permissions and the group of `path`, which we have made, to those of `store` if allowed."""
    try:
        wanted, found = os.stat(store), os.lstat(path)
    except OSError:
        return
    if found.st_gid != wanted.st_gid:
        try:
            os.chown(path, -1, wanted.st_gid, follow_symlinks=False)
        except OSError:
            pass  # a group that we are not in; others may have rights of their own
    mode = stat.S_IMODE(wanted.st_mode)
    if not stat.S_ISDIR(found.st_mode):
        mode &= 0o666
    try:
        os.chmod(path, mode)
    except OSError:
        pass  # made by another in the same moment


def check_own(folder: str, files: tuple[str, ...], folders: tuple[str, ...]) -> str | None:
    """Return which of `files` and `folders` in `folder` is of another kind, and what it is; None if none is.

    Files of an earlier run that are appended to must belong to that run.
    """
    for name in (*files, *folders):
        path = os.path.join(folder, name)
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISLNK(status.st_mode):
            return f"{path} is a link"
        if name in folders:
            if not stat.S_ISDIR(status.st_mode):
                return f"{path} is no folder"
        elif not stat.S_ISREG(status.st_mode):
            return f"{path} is no file"
        elif status.st_nlink > 1:
            return f"{path} has another name as well (a hard link)"
    return None


def is_within(path: str, directory: str) -> bool:
    """Return whether `path` is in `directory` after all links are resolved."""
    real, top = os.path.realpath(path), os.path.realpath(directory)
    return real.startswith(os.path.join(top, ""))
