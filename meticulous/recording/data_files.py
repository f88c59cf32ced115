"""The data files that the arguments name: which they were, so that a rerun can tell if they changed.

They are looked at when the command has started, in a thread: reading them delays nothing.
"""

from __future__ import annotations

import os
import stat
import threading

from meticulous.recording.config_files import texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from meticulous.arguments import Arguments
    from meticulous.settings import RunSettings

__all__ = ["DataFiles"]

MOST_FILES = 100
HASHED_BYTES = 100_000_000
"""Of one file; of a larger one size and time must do."""
HASHED_BYTES_OF_ALL = 1_000_000_000
_BLOCK = 1 << 20
_PATIENCE_S = 0.5
"""How long the end of a run waits for hashes that are not there yet."""


class DataFiles:
    """Finds and describes the files that are named, for ``data`` in the metadata.

    These are regular files that were there before the run and that git does not know. What the
    command writes to meanwhile is no input and left out.

    Args:
        settings: of the run.
        started: when it did first, as in the metadata.
        write: told of the whole list each time that it has grown.
    """

    def __init__(
        self, settings: RunSettings, started: str, write: Callable[[list[dict[str, Any]]], None]
    ) -> None:
        self._settings, self._write = settings, write
        self._started = _seconds(started)
        self._cwd = os.getcwd()
        self._seen: set[str] = set()
        self._found: dict[str, dict[str, Any]] = {}
        self._left = HASHED_BYTES_OF_ALL
        self._lock = threading.Lock()
        self._is_over = False
        self._thread: threading.Thread | None = None

    def look(self, arguments: Arguments) -> None:
        """Look, in a thread, at what `arguments` name and was not looked at before."""
        names = {text for _, text in texts(arguments.values, "") if text and "\0" not in text}
        new = names - self._seen
        self._seen |= new
        if not new:
            return
        before = self._thread

        def work() -> None:
            if before is not None:
                before.join()
            try:
                self._describe(sorted(new))
            except Exception:  # noqa: BLE001, S110
                pass  # the root of a thread; a name may be anything, and none of it is needed

        self._thread = threading.Thread(target=work, name="data", daemon=True)
        self._thread.start()

    def end(self) -> list[dict[str, Any]]:
        """Stop looking; return what was found."""
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)
        with self._lock:
            self._is_over = True
            return self._listed()

    def _listed(self) -> list[dict[str, Any]]:
        return [dict(self._found[path]) for path in sorted(self._found)]

    def _describe(self, names: list[str]) -> None:
        paths = []
        for name in names:
            path = os.path.normpath(os.path.join(self._cwd, os.path.expanduser(name)))
            status = self._status(path)
            if status is not None and path not in self._found:
                paths.append(path)
        known = self._known_to_git(paths)
        for path in paths[: MOST_FILES + len(known)]:
            status = self._status(path)
            if path in known or status is None or len(self._found) >= MOST_FILES:
                continue
            with self._lock:
                self._found[path] = {
                    "path": self._shown(path),
                    "size": status.st_size,
                    "mtime": _moment(status.st_mtime),
                }
        for path in [path for path in paths if path in self._found]:
            self._hash(path)
        with self._lock:
            if self._found and not self._is_over:
                self._write(self._listed())

    def _status(self, path: str) -> os.stat_result | None:
        """Return the status of a regular file that nobody has changed since the start."""
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return None
        is_older = max(status.st_mtime, status.st_ctime) < self._started
        return status if stat.S_ISREG(status.st_mode) and is_older else None

    def _known_to_git(self, paths: list[str]) -> set[str]:
        top = self._settings.repository
        inside = [path for path in paths if top is not None and _is_in(path, top)]
        if top is None or not inside:
            return set()
        from meticulous.base.spawn import OURS
        from meticulous.git.command import ask_git

        relative = [os.path.relpath(path, top) for path in inside]
        asked = ask_git(top, ["--literal-pathspecs", "ls-files", "-z", "--", *relative])
        if asked is None:
            return set()
        OURS.add(asked.pid)
        try:
            names = asked.answer().stdout.split(b"\0")
        finally:
            OURS.discard(asked.pid)
        return {os.path.join(top, os.fsdecode(name)) for name in names if name}

    def _shown(self, path: str) -> str:
        project, repository = self._settings.project_directory, self._settings.repository
        is_near = _is_in(path, project) or (repository is not None and _is_in(path, repository))
        return os.path.relpath(path, project) if is_near else path

    def _hash(self, path: str) -> None:
        """Add the hash; take a file off the list that was written to meanwhile."""
        size = self._found[path]["size"]
        if size > min(HASHED_BYTES, self._left) or self._is_over:
            return
        self._left -= size
        from meticulous.base.digest import sha256_of  # not before the command has started

        try:
            digest = sha256_of(path, lambda: self._is_over)
        except OSError:
            return  # not ours to read
        with self._lock:
            if self._status(path) is None:
                del self._found[path]
            elif not self._is_over:
                self._found[path]["sha256"] = digest


def _is_in(path: str, directory: str) -> bool:
    return path.startswith(directory.rstrip(os.sep) + os.sep)


def _seconds(moment: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(moment).timestamp()


def _moment(seconds: float) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="microseconds")
