"""Temporary folders left behind by an export, an import or a rerun that was killed.

Their names say what they are and, except for imports, which process made them. A folder is abandoned if that
process is gone and nothing in it has changed for a while: on a shared disk, another host may be using it.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator

from meticulous.base.folders import remove_folder, walk
from meticulous.base.process_id import is_there

__all__ = ["folders", "remove"]

_EXPORT = re.compile(r"\..+\.(\d{1,10})-[a-z0-9_]{8}")
_RERUN = re.compile(r"meticulous-rerun-(\d{1,10})-[a-z0-9_]{8}")
_IMPORT = re.compile(r"\.import-[a-z0-9_]{8}")
_STILL_S = 60.0
_DAY_S = 24 * 3600.0


def folders(directory: str) -> Iterator[str]:
    """Return the abandoned folders in and beside the experiments directory, and in the directory for temporary files."""
    beside = os.path.dirname(os.path.abspath(directory))
    for place, pattern in (
        (directory, _IMPORT),
        (beside, _EXPORT),
        (tempfile.gettempdir(), _RERUN),
    ):
        try:
            names = sorted(os.listdir(place))
        except OSError:
            continue
        for name in names:
            path = os.path.join(place, name)
            if pattern.fullmatch(name) and _is_abandoned(path):
                yield path


def remove(path: str) -> str | None:
    """Delete the folder at `path` if it is still abandoned; links in it are not followed."""
    if not _is_abandoned(path):
        return None
    remove_folder(path)
    return "removed it"


def _is_abandoned(path: str) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    if os.path.islink(path) or not os.path.isdir(path) or status.st_uid != os.geteuid():
        return False
    match = _EXPORT.fullmatch(os.path.basename(path)) or _RERUN.fullmatch(os.path.basename(path))
    if match and is_there(int(match[1]), None):
        return False
    return time.time() - _last_change(path) > (_STILL_S if match else _DAY_S)


def _last_change(path: str) -> float:
    """Return the newest modification time of `path` and its content."""
    moments = [os.lstat(path).st_mtime]
    for folder, folders_in_it, names in walk(path):
        for name in [*folders_in_it, *names]:
            try:
                moments.append(os.lstat(os.path.join(folder, name)).st_ctime)
            except OSError:
                continue
    return max(moments)
