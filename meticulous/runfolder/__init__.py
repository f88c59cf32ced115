"""The format of a run folder: every file name, key and state, in one place.

No other module spells a file name of a run. Standard library only, because `run`
imports this before the command starts. ``docs/run-folder.md`` is the same for people, and a test
holds the two together.
"""

from __future__ import annotations

import json
import os

from meticulous.child.helper import METRICS, SUMMARY, from_strict, json_bytes, replace_file
from meticulous.errors import NewerFormatError, RunFolderError
from meticulous.masking import mask_text
from meticulous.runfolder import keys
from meticulous.runfolder.files import read_record
from meticulous.runfolder.keys import METADATA_KEYS, TIMES, wrong_environment, wrong_key
from meticulous.runfolder.masked import masked_metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

__all__ = [
    "ARGS",
    "CODE_BUNDLE",
    "CONFIG",
    "DEFAULT_ARGS",
    "EDITED_KEYS",
    "ENVIRONMENT",
    "ERROR",
    "FORMAT",
    "HIGHEST_ID",
    "LOST",
    "MEETINGS",
    "METADATA",
    "METADATA_KEYS",
    "METRICS",
    "RANKS",
    "REFERENCES",
    "REPORTS",
    "RESOURCES",
    "RUNNING",
    "SAMPLED_USAGE_KEYS",
    "STATES",
    "STATUS",
    "STDERR",
    "STDOUT",
    "SUCCESS",
    "SUMMARY",
    "TIMELINE",
    "TRASH",
    "UNCOMMITTED_PATCH",
    "UNCOMMITTED_PATCH_OF_SUBMODULE",
    "USAGE_KEYS",
    "RunFolder",
    "headline",
    "telling_line",
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
CODE_BUNDLE = "code.bundle"
"""The code of an imported run, where there was no repository to take it into."""
UNCOMMITTED_PATCH_OF_SUBMODULE = "uncommitted.{number}.patch"
"""The same of a submodule; the metadata say which."""
CONFIG = "config"
"""Folder in a run for copies of the config files that were named on the command line."""
REPORTS = "reports"
"""Folder in a run for what the processes of the command report of themselves, one file each."""

RANKS = "ranks"
"""Folder in a run for its ranks from 1 on, one folder each, named by the number."""

MEETINGS = ".ranks"
"""Folder in the experiments directory where the ranks of a run that begins find each other."""
TRASH = ".trash"
"""Folder in the experiments directory for removed runs; their ids are not given again."""
HIGHEST_ID = ".highest-id"
"""File in the experiments directory: the highest id ever given, so that none is given twice."""

RUNNING = "RUNNING"
SUCCESS = "SUCCESS"
ERROR = "ERROR"
LOST = "LOST"
"""Never on disk: what readers say of a RUNNING whose recorder is gone."""
STATES = (RUNNING, SUCCESS, ERROR, LOST)


_TRACEBACK = "Traceback (most recent call last):"
_GROUP = "+ Exception Group Traceback"

_NUMBERS_AS_WORDS = (ARGS, DEFAULT_ARGS, SUMMARY)
"""Files whose "NaN", "Infinity" and "-Infinity" are numbers; elsewhere they are what they say."""


REFERENCES = (keys.PARENT, keys.RERUN_OF)
"""Keys of the metadata that name another run of the same directory."""
EDITED_KEYS = ("tags", "notes")
"""Those that users edit, also while the run is running."""
USAGE_KEYS = ("wall", "user", "system", "mean_cpu", "peak_memory", "read", "written")
"""The keys of ``usage`` in the metadata: times in seconds, ``mean_cpu`` in percent of one core, the
others in bytes."""
SAMPLED_USAGE_KEYS = (
    "peak_tree_memory",
    "peak_processes",
    "peak_threads",
    "peak_gpu_memory",
    "mean_gpu_utilisation",
    "whole_gpus",
)
"""Those that come from samples, so that a run which is over at once has none."""


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
        """Return the path of the file `name` of this run."""
        return os.path.join(self.path, name)

    def rank(self, number: int) -> RunFolder:
        """Return the folder of rank `number`, from 1 on; those of rank 0 are the run's own files."""
        return RunFolder(os.path.join(self.path, RANKS, str(number)))

    def ranks(self) -> list[int]:
        """List the ranks from 1 on that have a folder, in their order."""
        try:
            names = os.listdir(self.file(RANKS))
        except OSError:
            return []
        return sorted(int(name) for name in names if name.isascii() and name.isdecimal())

    def write_json(self, name: str, value: Any) -> None:
        """Write `value` to the file `name` as strict JSON; numbers that are not finite as words."""
        if name == METADATA:
            value = masked_metadata(value)
        replace_file(self.file(name), json_bytes(value))

    def read_json(self, name: str) -> dict[str, Any]:
        """Read the object in the file `name`; an empty one where there is no such file."""
        path = self.file(name)
        try:
            content = read_record(path)
            value = json.loads(content)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            message = f"cannot read {path}: {reason}"
            raise RunFolderError(message, "Restore the file, or remove the run") from error
        if value is None and name == DEFAULT_ARGS:
            return {}  # the original system, told not to capture them
        if not isinstance(value, dict):
            message = f"cannot read {path}: it holds no JSON object"
            raise RunFolderError(message, "Restore the file, or remove the run")
        if name == ENVIRONMENT and (wrong := wrong_environment(value)):
            message = f"cannot read {path}: {wrong}"
            raise RunFolderError(message, "Correct or remove the file")
        if name in _NUMBERS_AS_WORDS and (b'NaN"' in content or b'Infinity"' in content):
            value = from_strict(value)
        return value  # type: ignore[no-any-return]

    def write_status(
        self,
        state: str,
        message: str = "",
        replace: Callable[[str, bytes], None] = replace_file,
    ) -> None:
        """Write STATUS: the state on the first line, then `message` (a reason or a traceback).

        `replace` puts the content at the path.
        """
        message = mask_text(message)
        text = f"{state}\n{message}\n" if message else f"{state}\n"
        replace(self.file(STATUS), text.encode("utf-8", "backslashreplace"))

    def read_status(self) -> tuple[str, str]:
        """Read (state, message) as they stand on disk; ``("", "")`` where STATUS is missing."""
        try:
            text = read_record(self.file(STATUS)).decode("utf-8", "replace")
        except FileNotFoundError:
            return "", ""
        except OSError as error:
            path = self.file(STATUS)
            raise RunFolderError(f"cannot read {path}: {error.strerror}") from error
        state, _, message = text.partition("\n")
        return state.strip(), message.rstrip("\n")

    def read_metadata(self) -> dict[str, Any]:
        """Read metadata.json; refuse a folder that a newer meticulous wrote."""
        metadata = self.read_json(METADATA)
        version = metadata.get(keys.FORMAT, 0)
        if isinstance(version, int) and version > FORMAT:
            message = f"{self.path} has format {version}; this meticulous reads up to {FORMAT}"
            raise NewerFormatError(message, "Upgrade meticulous to read it")
        for key in TIMES:
            if not isinstance(metadata.get(key), str) and key in metadata:
                metadata[key] = None  # a run without a time is still a run
        wrong = wrong_key(metadata)
        if wrong:
            message = f"cannot read {self.file(METADATA)}: {wrong}"
            raise RunFolderError(message, "Correct the file, or remove the run")
        return metadata


def headline(message: str) -> str:
    """Return the most informative line of a message of STATUS; empty if there is none.

    Of a Python traceback it is the line of the exception, even if lines of explanation follow;
    otherwise it is the last line.
    """
    lines = message.strip().splitlines()
    if not lines:
        return ""
    place = telling_line(lines)
    line = lines[place].strip()
    if line.endswith(":"):  # the exception's own text begins with an empty line
        line += next((f" {more.strip()}" for more in lines[place + 1 :] if more.strip()), "")
    return line


def telling_line(lines: Sequence[str]) -> int:
    """Return the place of the line that :func:`headline` takes; `lines` must not be empty."""
    starts = [i for i, line in enumerate(lines) if line.endswith(_TRACEBACK)]
    if starts and not any(_GROUP in line for line in lines):
        for place in range(starts[-1] + 1, len(lines)):
            line = lines[place]
            # The end of a frame stands alone where the name of its file has a line break.
            is_of_frame = line.startswith(" ") or '", line ' in line
            if line.strip() and not is_of_frame:
                return place
    return len(lines) - 1
