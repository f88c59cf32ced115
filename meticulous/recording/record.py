"""Writing one run's folder, from its making to its verdict; used by `run` and by `Experiment`.

Recording trouble (a full disk, a folder that is gone) never raises from here once the run has
begun: it is said once and noted in the metadata, if that can still be written.
"""

from __future__ import annotations

import os
import threading
import time

from meticulous import git, runfolder
from meticulous.arguments import Arguments
from meticulous.base.timestamps import now
from meticulous.child.helper import RUN_DIRECTORY_VARIABLE, locked
from meticulous.errors import RunFolderError
from meticulous.git import CodeState
from meticulous.masking import mask_text, mask_value
from meticulous.recording import code as uncommitted
from meticulous.recording.durability import replace_when_synced
from meticulous.recording.metadata import first_metadata
from meticulous.runfolder import RunFolder, keys
from meticulous.runfolder import directory as store
from meticulous.runfolder.files import check_own
from meticulous.settings import RunSettings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

__all__ = [
    "RUN_DIRECTORY_VARIABLE",
    "RunRecord",
    "begin",
    "code_state",
    "resume",
    "say_running",
    "timeline_zero",
]

ATTEMPT_KEYS = (
    keys.START_TIME,
    keys.END_TIME,
    keys.EXIT_CODE,
    keys.SIGNAL,
    keys.REASON,
    keys.HOST,
    keys.PID,
    keys.USAGE,
)
"""What is kept in the metadata of an attempt that was not the last; and its ``status``."""


def code_state(settings: RunSettings) -> CodeState | None:
    """Return the state of the code as the settings want it recorded; None without a repository.

    A snapshot is taken where they say so. Raises DirtyRepositoryError where there are uncommitted
    changes and nothing was said of them, and CodeStateError.
    """
    if settings.repository is None:
        return None
    code = git.capture(settings.repository, settings.experiments_directory)
    if settings.dirty == "refuse":
        git.refuse_if_dirty(code)
    return uncommitted.keep(settings, code) if settings.dirty == "snapshot" else code


def begin(
    settings: RunSettings,
    code: CodeState | None,
    command: Sequence[str],
    say: Callable[[str], None],
    environ: Mapping[str, str] = os.environ,
) -> RunRecord:
    """Make the run folder and say in it that the run is RUNNING.

    `environ` tells of the run in which this one is started, and of the scheduler. Raises
    RunFolderError where the folder cannot be made; then nothing is left behind.
    """
    run = None
    try:
        run = store.create(settings.experiments_directory, settings.experiment_id)
        metadata = first_metadata(settings, code, command, environ, now())
        record = RunRecord(run, metadata, say, is_synced=not settings.no_sync)
        say_running(record, code)
    except RunFolderError:
        if run is not None:
            store.discard(run)
        uncommitted.forget(code)
        raise
    uncommitted.say_left_out(code, say)
    return record


_WRITTEN_ON = (
    runfolder.STATUS,
    runfolder.METADATA,
    runfolder.ARGS,
    runfolder.DEFAULT_ARGS,
    runfolder.ENVIRONMENT,
    runfolder.SUMMARY,
    runfolder.METRICS,
    runfolder.STDOUT,
    runfolder.STDERR,
    runfolder.TIMELINE,
    runfolder.RESOURCES,
)
_FILLED = (runfolder.REPORTS, runfolder.CONFIG, runfolder.RANKS)
"""The files and folders of a run that another attempt writes to."""


def resume(
    run: RunFolder,
    settings: RunSettings,
    code: CodeState | None,
    command: Sequence[str],
    say: Callable[[str], None],
    environ: Mapping[str, str] = os.environ,
) -> RunRecord:
    """Go on in the folder of `run`: what it says of itself becomes the last of ``attempts``.

    If it says nothing, this is the first. ``timestamp`` stays the first start. Raises
    RunFolderError where it cannot be read or written.
    """
    trouble = check_own(run.path, _WRITTEN_ON, _FILLED)
    if trouble:
        raise RunFolderError(f"cannot go on with run {run.id}: {trouble}", "Remove it, or the run")
    earlier = run.read_metadata()
    attempt = {key: earlier.get(key) for key in ATTEMPT_KEYS}
    attempt["status"] = run.read_status()[0]
    metadata = {**earlier, **first_metadata(settings, code, command, environ, now())}
    for key in (keys.USAGE, keys.SURVIVORS, keys.RECORDING_TROUBLE):
        metadata.pop(key, None)
    if keys.IMPORTED_FROM in metadata:  # the attempt before was; this one is our own
        attempt[keys.IMPORTED_FROM] = metadata.pop(keys.IMPORTED_FROM)
    if earlier:
        metadata[keys.ATTEMPTS] = [*(earlier.get("attempts") or []), attempt]
    metadata[keys.TIMESTAMP] = earlier.get("timestamp", metadata[keys.TIMESTAMP])
    metadata[keys.DESCRIPTION] = settings.description or earlier.get("description") or ""
    metadata[keys.TAGS] = list(dict.fromkeys([*(earlier.get("tags") or []), *settings.tags]))
    record = RunRecord(run, metadata, say, is_synced=not settings.no_sync)
    _discard_reports(run)
    say_running(record, code)
    _tell_readers(run)
    uncommitted.say_left_out(code, say)
    return record


def timeline_zero(record: RunRecord) -> float:
    """Return the zero of the timeline on the monotonic clock: the first start of the run."""
    if not record.metadata[keys.ATTEMPTS]:
        return time.monotonic()
    from datetime import datetime

    try:
        first = datetime.fromisoformat(record.metadata[keys.TIMESTAMP])
    except (TypeError, ValueError):
        return time.monotonic()
    return time.monotonic() - max(time.time() - first.timestamp(), 0.0)


def _tell_readers(run: RunFolder) -> None:
    """Let an index that holds the run as it ended look at it again."""
    try:
        os.utime(os.path.dirname(os.path.abspath(run.path)))
    except OSError:
        pass  # a store of somebody else, which its owner's commands tell


def _discard_reports(run: RunFolder) -> None:
    """Remove what the processes of the attempt before have reported: they are not of this one."""
    directory = run.file(runfolder.REPORTS)
    try:
        for name in os.listdir(directory):
            os.unlink(os.path.join(directory, name))
    except OSError:
        pass  # none, or what is there is not ours


def say_running(record: RunRecord, code: CodeState | None) -> None:
    """Write the first metadata, the uncommitted code and STATUS. Raises RunFolderError."""
    run = record.run
    try:
        uncommitted.write(run, code)
        run.write_json(runfolder.METADATA, record.metadata)
        run.write_status(runfolder.RUNNING)
    except OSError as error:
        message = f"cannot write to {run.path}: {error.strerror}"
        raise RunFolderError(message, "Free some space, or choose another directory") from error


class RunRecord:
    """The run being recorded. ``metadata`` is what ``metadata.json`` holds, or soon will.

    With `is_synced` the verdict is written when the rest is on the disk.
    """

    def __init__(
        self,
        run: RunFolder,
        metadata: dict[str, Any],
        say: Callable[[str], None],
        *,
        is_synced: bool = False,
    ) -> None:
        self.run = run
        self._is_synced = is_synced
        self.metadata = metadata
        self._say = say
        self._lock = threading.Lock()
        self._trouble: list[str] = []
        self._has_spoken = False
        self._gathering: threading.Thread | None = None

    def update(self, changes: dict[str, Any]) -> None:
        """Put `changes` into the metadata, in memory and on disk.

        What users have edited meanwhile (`meticulous tag`, `meticulous note`) stays.
        """
        try:
            with locked(self.run.path):
                self.metadata.update({**self._edited(), **changes})
                self.write(runfolder.METADATA, self.metadata)
        except OSError as error:  # the folder is gone
            self.failed(runfolder.METADATA, error)

    def _edited(self) -> dict[str, Any]:
        try:
            found = self.run.read_json(runfolder.METADATA)
        except RunFolderError:
            return {}
        return {key: found[key] for key in runfolder.EDITED_KEYS if key in found}

    def write(self, name: str, value: Any) -> None:
        """Write the JSON file `name` of the run; trouble is noted, not raised."""
        try:
            self.run.write_json(name, value)
        except OSError as error:
            self.failed(name, error)

    def set_arguments(self, arguments: Arguments) -> None:
        """Write args.json and default_args.json, and in the metadata where they come from."""
        for name, content in (
            (runfolder.ARGS, arguments.values),
            (runfolder.DEFAULT_ARGS, arguments.defaults),
        ):
            self.write(name, {key: mask_value(key, value) for key, value in content.items()})
        self.update({keys.ARGS_SOURCE: arguments.source, keys.ARGS_GIVEN: list(arguments.given)})

    def gather_environment(
        self,
        gather: Callable[[Callable[[dict[str, Any]], None]], dict[str, Any]],
    ) -> threading.Thread | None:
        """Write environment.json from a thread, since drivers may take their time to answer.

        `gather` is given a function that writes what is known so far. None is returned where no
        thread could be started: then it has been written.
        """

        def save(content: dict[str, Any]) -> None:
            self.write(runfolder.ENVIRONMENT, content)

        def work() -> None:
            # A bug in there must not reach the run: this is the root of a thread.
            try:
                if before is not None:
                    before.join()  # what comes later knows more
                save(gather(save))
            except Exception as error:  # noqa: BLE001
                self.note_trouble(f"environment: {error!r}")

        before = self._gathering
        thread = threading.Thread(target=work, name="environment", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the limit of threads
            work()
            return None
        self._gathering = thread
        return thread

    def failed(self, what: str, error: OSError) -> None:
        """Note that `what` cannot be recorded, and tell the user, once for the whole run."""
        self.note_trouble(f"{what}: {error.strerror or error}", aloud=True)

    def not_passed_on(self, name: str, error: OSError) -> None:
        """Note that our own stream `name` cannot be written, and tell the user."""
        reason = error.strerror or str(error)
        self.note_trouble(f"{name}: recorded, but not all of it passed on: {reason}")
        self._say(
            f"cannot write to {name}: {reason}. The command goes on and the record has all that "
            "it prints, but not all of that arrives"
        )

    @property
    def trouble(self) -> list[str]:
        """What could not be recorded so far, and why."""
        return list(self._trouble)

    def note_trouble(self, text: str, *, aloud: bool = False) -> None:
        """Keep `text` for the metadata's ``recording-trouble``."""
        with self._lock:
            self._trouble.append(text)
            is_to_say = aloud and not self._has_spoken
            self._has_spoken |= aloud
        if is_to_say:
            self._say(
                f"cannot record {text} (in {self.run.path}). "
                "The command goes on and its output passes through, but the record has a gap"
            )

    def await_environment(self, patience_s: float) -> None:
        """Wait at most `patience_s` for the description of the environment."""
        if self._gathering is not None:
            self._gathering.join(patience_s)
            if self._gathering.is_alive():
                self.note_trouble("environment: not complete when the command had ended")

    def finish(self, state: str, message: str, changes: dict[str, Any]) -> None:
        """Write the last metadata, then the verdict: who reads it finds everything there."""
        changes = dict(changes)
        if self._trouble:
            changes[keys.RECORDING_TROUBLE] = list(self._trouble)
        sizes = {name: self._size(name) for name in (runfolder.STDOUT, runfolder.STDERR)}
        changes["bytes"] = {name: size for name, size in sizes.items() if size is not None}
        self.update(changes)
        try:
            if self._is_synced:
                self.run.write_status(state, message, replace_when_synced)
            else:
                self.run.write_status(state, message)
        except OSError as error:
            self.failed(runfolder.STATUS, error)
            self._overwrite_status(state, message)

    def _size(self, name: str) -> int | None:
        try:
            return os.lstat(self.run.file(name)).st_size
        except OSError:
            return None

    def _overwrite_status(self, state: str, message: str) -> None:
        """Write STATUS where a full disk lets no new file be made: the old one has its block."""
        text = f"{state}\n{mask_text(message)}".strip() + "\n"
        try:
            with open(self.run.file(runfolder.STATUS), "r+b", buffering=0) as file:
                file.truncate(file.write(text.encode("utf-8", "backslashreplace")))
        except OSError:
            pass  # it has been said already
