"""Relations between paths, by their names alone: the disk is not read."""

from __future__ import annotations

import os

__all__ = ["leads_out", "within"]


def leads_out(relative: str) -> bool:
    """Return whether a normalised relative path leads out of the directory that it starts from."""
    return relative.split(os.sep, 1)[0] == os.pardir


def within(path: str, directory: str) -> str | None:
    """Return `path` relative to `directory`; None unless it lies below it."""
    relative = os.path.relpath(path, directory)
    return None if relative == os.curdir or leads_out(relative) else relative
