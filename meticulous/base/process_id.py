"""The identity of a process: its id may be reused, its id with boot and start time is not."""

from __future__ import annotations

import os

__all__ = ["boot_id", "is_hidden", "is_there", "pid_namespace", "start_time", "user_name"]

_START_TOLERANCE_S = 0.1


def boot_id() -> str | None:
    """Return an identifier of the current boot of this host (Linux; None elsewhere)."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return None


def pid_namespace() -> str | None:
    """Return an identifier of the current PID namespace (Linux; None elsewhere)."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def start_time(pid: int) -> float | None:
    """Return when process `pid` started, in seconds since boot (elsewhere than Linux: since 1970).

    None if there is no such process, or if it is a zombie. Raises OSError if it cannot be seen.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name, in parentheses, may hold anything; the fields after it count from 3.
            fields = file.read().rpartition(b")")[2].split()
    except FileNotFoundError:
        return None if os.path.exists("/proc/self/stat") else _start_time_by_psutil(pid)
    if fields[0] in (b"Z", b"X"):
        return None
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


def is_there(pid: int, started: object) -> bool:
    """Return whether `pid` is a process that started at `started`, as :func:`start_time` returns it.

    If `started` is not a number, any process with that id counts.
    """
    try:
        found = start_time(pid)
    except OSError:
        return _answers(pid)
    if found is None:
        return False
    return not isinstance(started, (int, float)) or abs(found - started) < _START_TOLERANCE_S


def is_hidden(pid: int) -> bool:
    """Return whether `pid` is a process of another user that is hidden from us.

    This happens if /proc is mounted with ``hidepid``, as on many clusters; see proc(5).
    """
    try:
        os.kill(pid, 0)
    except PermissionError:
        return not os.access(f"/proc/{pid}/stat", os.R_OK) and os.path.exists("/proc/self/stat")
    except (OSError, OverflowError):  # no process, or no number of one
        return False
    return False


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's process
    return True


def _start_time_by_psutil(pid: int) -> float | None:
    import psutil

    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def user_name() -> str:
    """Return the name of the user who runs this process, or the number of a user without a name."""
    for variable in ("LOGNAME", "USER"):
        if name := os.environ.get(variable):
            return name
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
