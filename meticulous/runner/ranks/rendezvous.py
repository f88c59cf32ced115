"""How the ranks of one run find its folder: a small file in the experiments directory.

Rank 0 writes it, the others wait for it. It needs no lock, only that a file replaces another in one
step, so it works on network file systems. What such a file system remembers of a directory is
refreshed by changing the directory.
"""

from __future__ import annotations

import errno
import json
import os
import time

from meticulous.base.process_id import boot_id, start_time
from meticulous.child.helper import json_bytes, replace_file
from meticulous.errors import RunFolderError
from meticulous.runfolder import MEETINGS, directory, keys
from meticulous.runfolder.files import make_shared_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Rendezvous"]

COME_S = 60.0
"""How long the others wait for a sign of rank 0."""
BEGIN_S = 600.0
"""How long they wait for the run, when there was one: git may take its time on 100,000 files."""
_STALE_S = 24 * 3600.0
_SKEW_S = 120.0
"""By how much the clocks of two machines may differ."""
_REFRESH_S = 0.2
_TRIES = 100


class Rendezvous:
    """The file of the step `key`.

    It holds who rank 0 is (``host``, ``boot-id``, ``pid``, ``pid-start-time``, ``time``) and, as
    soon as it is known, either ``run`` and ``attempt``, or ``exit``: there is no run, and each rank
    is to end with this code.
    """

    def __init__(self, experiments_directory: str, key: str) -> None:
        self._experiments_directory = experiments_directory
        self._directory = os.path.join(experiments_directory, MEETINGS)
        self._path = os.path.join(self._directory, key)

    def open(self) -> None:
        """Say that rank 0 has come. Raises RunFolderError."""
        directory.prepare_store(self._experiments_directory)
        self._sweep()
        try:
            self.tell({})
        except OSError as error:
            message = f"cannot write {self._path}: {error.strerror}"
            raise RunFolderError(message, "The ranks of a run find each other there") from error

    def tell(self, content: dict[str, Any]) -> None:
        """Replace what is said. Raises OSError."""
        whole = {
            keys.HOST: os.uname().nodename,
            keys.BOOT_ID: boot_id(),
            keys.PID: os.getpid(),
            keys.PID_START_TIME: start_time(os.getpid()),
            "time": time.time(),
            **content,
        }
        for _ in range(_TRIES):
            make_shared_folder(self._directory, os.path.dirname(self._directory))
            try:
                replace_file(self._path, json_bytes(whole))
            except FileNotFoundError:
                continue  # the last of another step has removed the empty folder meanwhile
            return
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._directory)

    def close(self) -> None:
        """Remove the file, and the folder of meetings if it was the last."""
        try:
            os.unlink(self._path)
            os.rmdir(self._directory)
        except OSError:
            pass

    def wait(self, is_new: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        """Wait for what rank 0 says; None where it does not come, or has gone.

        `is_new` tells whether a run is not one that we have been part of already: a shell loop in
        a job step makes several runs one after the other.
        """
        begun_s, pause_s = time.time(), 0.005
        come_s, last_s = time.monotonic() + COME_S, time.monotonic() + BEGIN_S
        while time.monotonic() < min(come_s, last_s):
            content = self._read()
            if content is not None and _is_fresh(content, begun_s):
                if "exit" in content or ("run" in content and is_new(content)):
                    return content
                if "run" not in content and _is_alive(content):
                    come_s = time.monotonic() + COME_S
            if pause_s > _REFRESH_S:
                self._refresh()
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.3, 0.5)
        return None

    def _read(self) -> dict[str, Any] | None:
        try:
            with open(self._path, "rb") as file:
                content = json.loads(file.read())
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def _refresh(self) -> None:
        """Change the folder, so that a network file system asks anew what is in it."""
        path = f"{self._path}.{os.uname().nodename}-{os.getpid()}"
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666))
            os.unlink(path)
        except OSError:
            pass

    def _sweep(self) -> None:
        """Remove what steps that were killed have left behind more than a day ago."""
        try:
            with os.scandir(self._directory) as entries:
                for entry in entries:
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > _STALE_S:
                        os.unlink(entry.path)
        except OSError:
            pass


def _is_fresh(content: dict[str, Any], begun_s: float) -> bool:
    """Return whether it is of our step, and not of an earlier one that happens to have our key."""
    said_s = content.get("time")
    if not isinstance(said_s, (int, float)):
        return False
    age_s = begun_s - said_s
    return age_s < (_SKEW_S if "exit" in content else _STALE_S)


def _is_alive(content: dict[str, Any]) -> bool:
    if content.get("host") != os.uname().nodename or content.get(keys.BOOT_ID) != boot_id():
        return True  # it cannot be seen from here
    try:
        return start_time(content["pid"]) == content.get(keys.PID_START_TIME)
    except (OSError, KeyError):
        return True
