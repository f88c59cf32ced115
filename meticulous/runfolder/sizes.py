"""How much of a disk a run takes."""

from __future__ import annotations

import os
from typing import NamedTuple

__all__ = ["Size", "size_of"]

_BLOCK_BYTES = 512


class Size(NamedTuple):
    """Bytes on the disk, and the number of files."""

    bytes: int
    files: int


def size_of(path: str) -> Size:
    """Measure the folder `path`: what its files take on the disk, as `du` counts it.

    A file with several links counts once; links and other file systems are not followed. Files that
    vanish in the meantime or cannot be read do not count.
    """
    seen: set[tuple[int, int]] = set()
    total, files = 0, 0
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(folder))
            total += os.lstat(folder).st_blocks * _BLOCK_BYTES
        except OSError:
            continue
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
                continue
            key = status.st_dev, status.st_ino
            if status.st_nlink == 1 or key not in seen:
                seen.add(key)
                total += status.st_blocks * _BLOCK_BYTES
                files += 1
    return Size(total, files)
