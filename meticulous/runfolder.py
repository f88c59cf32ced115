"""The format of a run folder: every file name, key and state, in one place.

Nothing else in the product spells a file name of a run. Standard library only, because `run`
imports this before the command starts. ``docs/run-folder.md`` is the same for people, and a test
holds the two together.
"""

from __future__ import annotations

import errno
import json
import os

from meticulous.errors import RunFolderError
from meticulous.helper import METRICS, SUMMARY, from_strict, json_bytes, replace_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "ARGS",
    "CONFIG",
    "DEFAULT_ARGS",
    "ENVIRONMENT",
    "ERROR",
    "FORMAT",
    "LOST",
    "METADATA",
    "METADATA_KEYS",
    "METRICS",
    "REPORTS",
    "RESOURCES",
    "RUNNING",
    "STATUS",
    "STDERR",
    "STDOUT",
    "SUCCESS",
    "SUMMARY",
    "TIMELINE",
    "TRASH",
    "UNCOMMITTED_PATCH",
    "USAGE_KEYS",
    "RunFolder",
    "check_id",
    "create",
    "discard",
    "prepare_store",
    "run_ids",
]

FORMAT = 1
"""Version of the folder that this release writes, and the newest that it reads."""

STATUS = "STATUS"
ARGS = "args.json"
DEFAULT_ARGS = "default_args.json"
METADATA = "metadata.json"
ENVIRONMENT = "environment.json"
STDOUT = "stdout"
STDERR = "stderr"
TIMELINE = "timeline"
RESOURCES = "resources.jsonl"
UNCOMMITTED_PATCH = "uncommitted.patch"
CONFIG = "config"
"""Folder in a run for copies of the config files that were named on the command line."""
REPORTS = "reports"
"""Folder in a run for what the processes of the command report of themselves, one file each."""

TRASH = ".trash"
"""Folder in the experiments directory for removed runs; their ids are not given again."""
HIGHEST_ID = ".highest-id"
"""File in the experiments directory: the highest id ever given, so that none is given twice."""

RUNNING = "RUNNING"
SUCCESS = "SUCCESS"
ERROR = "ERROR"
LOST = "LOST"
"""Never on disk: what readers say of a RUNNING whose recorder is gone."""


_AT_ONCE = 1 << 16

_NUMBERS_AS_WORDS = (ARGS, DEFAULT_ARGS, SUMMARY)
"""Files whose "NaN", "Infinity" and "-Infinity" are numbers; elsewhere they are what they say."""


METADATA_KEYS = (
    "format",
    "githead-sha",
    "githead-message",
    "branch",
    "dirty",
    "untracked",
    "remote",
    "snapshot-sha",
    "description",
    "tags",
    "command",
    "cwd",
    "timestamp",
    "start-time",
    "end-time",
    "exit-code",
    "signal",
    "reason",
    "host",
    "boot-id",
    "pid",
    "pid-start-time",
    "child-pid",
    "user",
    "usage",
    "parent",
    "scheduler",
    "attempts",
    "args-source",
    "args-given",
    "survivors",
    "recording-trouble",
)
"""The keys that metadata.json may have; ``docs/run-folder.md`` says what each means."""
USAGE_KEYS = ("wall", "user", "system", "peak_memory")
"""The keys of ``usage`` in the metadata: times in seconds, memory in bytes."""


class RunFolder:
    """One run on disk.

    ``path`` is absolute or relative to the current directory, as it was given. Reading a file that
    is not there gives an empty value; a file that cannot be understood raises RunFolderError with
    its path. Writing is atomic (a reader never sees half a file) and raises OSError.
    """

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def id(self) -> str:
        """The name of the folder: an integer, or what was given as ``--experiment-id``."""
        return os.path.basename(os.path.abspath(self.path))

    def file(self, name: str) -> str:
        """Give the path of the file `name` of this run."""
        return os.path.join(self.path, name)

    def write_json(self, name: str, value: Any) -> None:
        """Write `value` to the file `name` as strict JSON; numbers that are not finite as words."""
        replace_file(self.file(name), json_bytes(value))

    def read_json(self, name: str) -> dict[str, Any]:
        """Read the object in the file `name`; an empty one where there is no such file."""
        path = self.file(name)
        try:
            content = _content(path)
            value = json.loads(content)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            message = f"cannot read {path}: {reason}"
            raise RunFolderError(message, "Restore the file, or remove the run") from error
        if not isinstance(value, dict):
            message = f"cannot read {path}: it holds no JSON object"
            raise RunFolderError(message, "Restore the file, or remove the run")
        if name in _NUMBERS_AS_WORDS and (b'NaN"' in content or b'Infinity"' in content):
            value = from_strict(value)
        return value  # type: ignore[no-any-return]

    def write_status(self, state: str, message: str = "") -> None:
        """Write STATUS: the state on the first line, then `message` (a reason or a traceback)."""
        text = f"{state}\n{message}\n" if message else f"{state}\n"
        replace_file(self.file(STATUS), text.encode("utf-8", "backslashreplace"))

    def read_status(self) -> tuple[str, str]:
        """Read (state, message) as they stand on disk; ``("", "")`` where STATUS is missing."""
        try:
            text = _content(self.file(STATUS)).decode("utf-8", "replace")
        except FileNotFoundError:
            return "", ""
        except OSError as error:
            raise RunFolderError(f"cannot read {error.filename}: {error.strerror}") from error
        state, _, message = text.partition("\n")
        return state.strip(), message.rstrip("\n")

    def read_metadata(self) -> dict[str, Any]:
        """Read metadata.json; refuse a folder that a newer meticulous wrote."""
        metadata = self.read_json(METADATA)
        version = metadata.get("format", 0)
        if isinstance(version, int) and version > FORMAT:
            message = f"{self.path} has format {version}; this meticulous reads up to {FORMAT}"
            raise RunFolderError(message, "Upgrade meticulous to read it")
        return metadata


def _content(path: str) -> bytes:
    """Read a small file whole; half the time of ``open`` counts where 100,000 runs are read."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        parts = [os.read(descriptor, _AT_ONCE)]
        while len(parts[-1]) == _AT_ONCE:
            parts.append(os.read(descriptor, _AT_ONCE))
        return b"".join(parts)
    finally:
        os.close(descriptor)


def check_id(run_id: str) -> None:
    """Raise RunFolderError where `run_id` cannot name a run folder."""
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

    Names that start with a dot, and files, are not runs. Raises OSError where the directory cannot
    be listed.
    """
    with os.scandir(experiments_directory) as entries:
        names = [
            entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()
        ]
    return sorted(names, key=_id_order)


def _id_order(name: str) -> tuple[bool, int, str]:
    number = _number(name)
    return number is None, number or 0, name


def _number(name: str) -> int | None:
    """Give the number that `name` is, if it is one as we write it (no sign, no leading zero)."""
    if name.isascii() and name.isdigit() and (name == "0" or not name.startswith("0")):
        return int(name)
    return None


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
    except OSError as error:
        raise _cannot_create(experiments_directory, error) from error


def create(experiments_directory: str, run_id: str | None = None) -> RunFolder:
    """Make a new run folder and nothing in it.

    Without `run_id` it gets the number after the highest there is or ever was. ``mkdir`` decides
    between several that start at once: whoever finds a number taken tries the next one, without
    listing again, because network file systems cache listings.

    Raises RunFolderError where `run_id` exists or the directory cannot be written.
    """
    prepare_store(experiments_directory)
    try:
        if run_id is not None:
            return _create_given(experiments_directory, run_id)
        number = _highest_number(experiments_directory) + 1
        while True:
            path = os.path.join(experiments_directory, str(number))
            try:
                os.mkdir(path)
            except FileExistsError:
                number += 1
                continue
            _note_highest(experiments_directory, number)
            return RunFolder(path)
    except OSError as error:
        raise _cannot_create(experiments_directory, error) from error


def _create_given(experiments_directory: str, run_id: str) -> RunFolder:
    check_id(run_id)
    path = os.path.join(experiments_directory, run_id)
    try:
        os.mkdir(path)
    except FileExistsError:
        message = f"the experiment {run_id} exists already in {experiments_directory}"
        raise RunFolderError(message, "Give another --experiment-id, or none") from None
    number = _number(run_id)
    if number is not None:
        _note_highest(experiments_directory, number)
    return RunFolder(path)


def discard(run: RunFolder) -> None:
    """Remove a run that has not begun: only what we write before the start can be in it."""
    for name in (METADATA, STATUS):
        try:
            os.unlink(run.file(name))
        except OSError:
            pass
    try:
        os.rmdir(run.path)
    except OSError:
        pass


def _highest_number(experiments_directory: str) -> int:
    """Give the highest number among the runs, the removed runs and those noted; 0 for none."""
    highest = _noted_highest(experiments_directory)
    for directory in (experiments_directory, os.path.join(experiments_directory, TRASH)):
        try:
            names = os.listdir(directory)
        except FileNotFoundError:
            continue
        for name in names:
            highest = max(highest, _number(name) or 0)
    return highest


def _noted_highest(experiments_directory: str) -> int:
    try:
        with open(os.path.join(experiments_directory, HIGHEST_ID), "rb") as file:
            return _number(file.read(32).decode("ascii", "replace").strip()) or 0
    except OSError:
        return 0


def _note_highest(experiments_directory: str, number: int) -> None:
    """Remember `number`, so that deleting the newest run by hand does not free its id.

    There is no lock: who may have overwritten a higher number of another process, written in the
    same moment, finds the folder of that number and notes it.
    """
    path = os.path.join(experiments_directory, HIGHEST_ID)
    try:
        while number > _noted_highest(experiments_directory):
            replace_file(path, b"%d\n" % number)
            while os.path.exists(os.path.join(experiments_directory, str(number + 1))):
                number += 1
    except OSError:
        pass  # the folder exists, which is what counts


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
