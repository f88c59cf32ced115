"""File descriptors: writing completely, the size of pipes, and which are open."""

from __future__ import annotations

import fcntl
import os
import select
import stat
from posix import close

__all__ = ["BUFFER_BYTES", "can_block_apart", "close", "enlarge_pipe", "is_open", "write_all"]

# `close` is the system's own: gevent puts another one into `os`, which closes later, so that whoever
# reads the other end of a pipe waits for ever.

BUFFER_BYTES = 1 << 18
"""Read at once, and the size that we ask for a pipe: four times the usual one. More would take too
much of what the kernel allows one user for all pipes (64 MiB) when hundreds of runs go at once."""


def write_all(descriptor: int, content: bytes | memoryview) -> None:
    """Write everything, waiting if `descriptor` is non-blocking and full. Raises OSError."""
    view = memoryview(content)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            # Set by whoever shares the descriptor with us; we must not clear it for them.
            select.select([], [descriptor], [])


def enlarge_pipe(descriptor: int) -> None:
    """Ask for a larger pipe, so that a command that prints much waits less (Linux)."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, BUFFER_BYTES)
    except (AttributeError, OSError):
        pass  # not Linux, or this user has no more: the usual size does as well


def can_block_apart(one: int, other: int) -> bool:
    """Return whether a write to one descriptor can block while the other is ready.

    This is true of two pipes with different readers, but not of files, or of one pipe for both.
    """
    try:
        first, second = os.fstat(one), os.fstat(other)
    except OSError:
        return True
    if os.path.samestat(first, second):
        return False
    return any(
        stat.S_ISFIFO(each.st_mode) or stat.S_ISSOCK(each.st_mode) for each in (first, second)
    )


def is_open(descriptor: int) -> bool:
    """Return whether `descriptor` is open."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
