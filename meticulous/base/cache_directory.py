"""The user's cache directory, on a local disk: for files that can be made again at any time.

``METICULOUS_CACHE_DIR``, or ``$XDG_CACHE_HOME/meticulous``, or ``~/.cache/meticulous``; if that is on the
network, a folder in the directory for temporary files.
"""

from __future__ import annotations

import errno
import os
import stat

__all__ = ["cache_directory", "check_private"]

_NETWORK = (
    "nfs",
    "cifs",
    "smb",
    "lustre",
    "beegfs",
    "gpfs",
    "ceph",
    "glusterfs",
    "afs",
    "9p",
    "fuse.sshfs",
)


def cache_directory() -> str:
    """Return the path of the cache directory, which may not exist."""
    given = os.environ.get("METICULOUS_CACHE_DIR")
    if given:
        return given
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # as the XDG specification says of a relative one
        base = os.path.join(os.path.expanduser("~"), ".cache")
    path = os.path.join(base, "meticulous")
    # A user without a home has `~` alone, which would be a folder of the project.
    if not os.path.isabs(path) or _is_on_network(os.path.realpath(path)):
        import tempfile  # takes as long as the rest of a listing's imports, with what it imports

        return os.path.join(tempfile.gettempdir(), f"meticulous-{os.getuid()}")
    return path


def _is_on_network(path: str) -> bool:
    """Return whether `path` is on a network file system, as far as the system knows."""
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
            mounts = [line.split(" ")[1:3] for line in file]
    except OSError:
        return False
    kinds = {
        point: kind
        for point, kind in mounts
        if path == point or path.startswith(point.rstrip("/") + "/")
    }
    return bool(kinds) and kinds[max(kinds, key=len)].startswith(_NETWORK)


def check_private(directory: str) -> None:
    """Raise PermissionError if another user owns `directory` or can write to it, as in /tmp."""
    link, status = os.lstat(directory), os.stat(directory)
    # Elsewhere than in /tmp the user may have linked it, and the group may be the user's own.
    is_temporary = os.path.dirname(directory) in _temporary_directories()
    open_to = stat.S_IWOTH | (stat.S_IWGRP if is_temporary else 0)
    is_theirs = {link.st_uid, status.st_uid} != {os.geteuid()}
    if is_theirs or status.st_mode & open_to or (is_temporary and stat.S_ISLNK(link.st_mode)):
        raise PermissionError(errno.EPERM, "another user can write there", directory)


def _temporary_directories() -> set[str]:
    """Return where tempfile would look for a directory that it can write."""
    named = [os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")]
    usual = ["/tmp", "/var/tmp", "/usr/tmp"]  # noqa: S108, compared with, not written to
    return {os.path.abspath(path) for path in (*named, *usual) if path}
