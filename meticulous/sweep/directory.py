"""The directory of sweeps, beside that of the runs: which there are, and the making of one."""

from __future__ import annotations

import os

from meticulous.child.helper import replace_file
from meticulous.errors import UsageError
from meticulous.sweep.folder import PARTS, SweepFolder
from meticulous.sweep.lines import SweepError

__all__ = ["create", "find", "sweep_ids"]

SWEEPS = "sweeps"


def _sweeps(experiments_directory: str) -> str:
    """Return where the sweeps are whose runs are in `experiments_directory`: beside it."""
    return os.path.join(os.path.dirname(os.path.abspath(experiments_directory)), SWEEPS)


def sweep_ids(experiments_directory: str) -> list[str]:
    """List the ids of the sweeps, in their order."""
    try:
        names = os.listdir(_sweeps(experiments_directory))
    except OSError:
        return []
    return sorted((name for name in names if name.isascii() and name.isdigit()), key=int)


def create(experiments_directory: str) -> SweepFolder:
    """Make the folder of a new sweep. Raises SweepError where it cannot be."""
    directory = _sweeps(experiments_directory)
    try:
        os.makedirs(directory, exist_ok=True)
        ignore = os.path.join(directory, ".gitignore")
        if not os.path.lexists(ignore):
            replace_file(ignore, b"*\n")
        number = int((sweep_ids(experiments_directory) or ["0"])[-1]) + 1
        while True:
            path = os.path.join(directory, str(number))
            try:
                os.mkdir(path)
                break
            except FileExistsError:
                number += 1
        for name in PARTS:
            os.mkdir(os.path.join(path, name))
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "Make it writable, or give another --experiments-directory"
        raise SweepError(f"cannot make a sweep in {directory}: {reason}", hint) from error
    return SweepFolder(path)


def find(word: str, experiments_directory: str) -> SweepFolder:
    """Return the sweep `word`: an id, ``last``, or the path of its folder. Raises SweepError."""
    if os.sep in word and os.path.isdir(word):
        return SweepFolder(word)
    ids = sweep_ids(experiments_directory)
    if word in ("last", "latest") and ids:
        word = ids[-1]
    if word not in ids:
        known = f"there are {ids[0]} to {ids[-1]}" if ids else "there is none"
        raise UsageError(
            f"there is no sweep {word!r} beside {experiments_directory} ({known})",
            "See `meticulous sweep ls`",
        )
    return SweepFolder(os.path.join(_sweeps(experiments_directory), word))
