"""The launcher of a rerun, started and waited for."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from meticulous.errors import RunFolderError
from meticulous.reproduce.relaunch_entry import START
from meticulous.runfolder import RunFolder, keys
from meticulous.runfolder import directory as store
from meticulous.settings import RunSettings

__all__ = ["launched"]

_PASSED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def launched(
    command: list[str],
    settings: RunSettings,
    code: Mapping[str, Any] | None,
    cwd: str,
    variables: Mapping[str, str],
) -> tuple[RunFolder | None, int]:
    """Run and record `command` in `cwd` by a launcher of its own.

    Gives the new run, None where it could not be begun, and the exit code (128 and more for a
    signal, as a shell has it). The terminal is the launcher's: what is typed reaches it; signals
    sent to us are passed on.
    """
    before = set(_ids(settings))
    plan = json.dumps({"command": command, "settings": settings._asdict(), "code": code})
    words = [sys.executable, "-I", "-S", "-c", START, json.dumps(sys.path), plan]
    pid = 0
    waiting = {
        number: signal.signal(number, lambda got, _: _pass_on(pid, got))
        for number in (*_PASSED_ON, signal.SIGINT, signal.SIGQUIT)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    here = os.getcwd()
    try:
        os.chdir(cwd)  # posix_spawn has no other way to say where
        try:
            pid = os.posix_spawn(sys.executable, words, {**os.environ, **variables})
        finally:
            os.chdir(here)
        code_ = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        for number, handler in waiting.items():
            signal.signal(number, handler)
    return _new_run(settings, before, pid), 128 - code_ if code_ < 0 else code_


def _pass_on(pid: int, number: int) -> None:
    """Pass a signal on, but for those from the keyboard, which the launcher gets too."""
    is_from_terminal = number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP) and _has_terminal()
    if pid and not is_from_terminal:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _ids(settings: RunSettings) -> list[str]:
    directory = settings.experiments_directory
    return store.run_ids(directory) if os.path.isdir(directory) else []


def _new_run(settings: RunSettings, before: set[str], pid: int) -> RunFolder | None:
    """Find the run that the process `pid` has recorded."""
    for name in reversed([name for name in _ids(settings) if name not in before]):
        run = RunFolder(os.path.join(settings.experiments_directory, name))
        try:
            metadata = run.read_metadata()
        except RunFolderError:
            continue
        if metadata.get(keys.PID) == pid and metadata.get(keys.RERUN_OF) == settings.rerun_of:
            return run
    return None
