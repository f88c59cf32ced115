"""Folders of any depth: making them, walking through them, and removing them.

``os.makedirs``, ``os.walk`` and ``shutil.rmtree`` call themselves for each level, and end at a thousand; a program that
went wrong, or an archive made for it, goes deeper.
"""

from __future__ import annotations

import os
import shutil

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

__all__ = ["make_folder", "remove_folder", "walk"]

_AT_ONCE = 100
"""Levels that are left to ``rmtree``, which keeps each of them open."""


def make_folder(path: str) -> None:
    """Make the folder `path` and those above it that are missing. Raises OSError."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
        if path in ("", missing[-1]):
            break
    for folder in reversed(missing):
        try:
            os.mkdir(folder)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise


def walk(top: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield (folder, names of folders in it, other names), from `top` down, as ``os.walk`` does.

    Links to folders are among the folders, and are not followed. What cannot be read is left out.
    A name that is taken out of the second list is not looked into.
    """
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        folders: list[str] = []
        names: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    (folders if _is_folder(entry) else names).append(entry.name)
        except OSError:
            continue
        yield folder, folders, names
        inner = [os.path.join(folder, name) for name in reversed(folders)]
        waiting += [path for path in inner if not os.path.islink(path)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def remove_folder(
    path: str, *, ignore_errors: bool = False, onerror: Callable[..., Any] | None = None
) -> None:
    """Remove the folder `path` and all in it, as ``shutil.rmtree`` does; no link is followed."""
    if not os.path.islink(path):
        _bring_up(path)
    shutil.rmtree(path, ignore_errors=ignore_errors, onerror=onerror)


def _bring_up(top: str) -> None:
    """Move the folders that lie deep in `top` up into it, where ``rmtree`` reaches them."""
    count, waiting = 0, [(top, 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            with os.scandir(folder) as found:
                inner = [entry.path for entry in found if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        for path in inner:
            place, deeper = path, depth + 1
            if depth >= _AT_ONCE:
                place, deeper = os.path.join(top, f".deep-{os.getpid()}-{count}"), 1
                try:
                    os.rename(path, place)
                except OSError:
                    continue
                count += 1
            waiting.append((place, deeper))
