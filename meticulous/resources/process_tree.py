"""A tree of processes and what it uses, read from /proc; by psutil where there is no /proc.

psutil reads the status of every process of the machine to find the children of one. The kernel
lists them, so that the cost here grows with the tree and not with the machine.
"""

from __future__ import annotations

import os

from meticulous.base.namedtuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["Used", "all_processes", "descendants", "group_of", "measure", "shared_memory"]

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_HAS_PROC = os.path.exists("/proc/self/task")
_AT_ONCE = 1 << 16


class Used(NamedTuple):
    """What processes use at one moment.

    `cpu_s` is their processor time so far, user and system, with that of their children which have
    ended and were waited for. `memory` is the sum of their resident sets in bytes; what several
    share counts for each. `read` and `written` are bytes from and to storage so far, those of ended
    children included; None where they may not be seen.
    """

    cpu_s: float
    memory: int
    threads: int
    processes: int
    read: int | None
    written: int | None


def descendants(roots: Iterable[int], without: Collection[int] = ()) -> list[int]:
    """Return the processes below `roots`, which are not among them, nor below those of `without`."""
    found: list[int] = []
    waiting = list(roots)
    while waiting:
        children = [pid for pid in _children(waiting.pop()) if pid not in without]
        found += children
        waiting += children
    return found


def all_processes() -> list[int]:
    """Return every process of this machine that can be seen."""
    if _HAS_PROC:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    import psutil

    return psutil.pids()


def group_of(pid: int) -> int:
    """Return the process group of `pid`; 0 where it has ended."""
    try:
        return os.getpgid(pid)
    except OSError:
        return 0


def measure(pids: Iterable[int]) -> Used:
    """Measure the processes `pids`; those that have ended meanwhile count nothing."""
    cpu_s, memory, threads, processes = 0.0, 0, 0, 0
    read: int | None = 0
    written: int | None = 0
    for pid in pids:
        one = _measure_one(pid) if _HAS_PROC else _ask_psutil(pid)
        if one is None:
            continue
        cpu_s += one.cpu_s
        memory += one.memory
        threads += one.threads
        processes += one.processes
        read = None if one.read is None or read is None else read + one.read
        written = None if one.written is None or written is None else written + one.written
    return Used(cpu_s, memory, threads, processes, read, written)


def shared_memory(pids: Iterable[int]) -> int | None:
    """Return the sum of the proportional set sizes in bytes: shared pages are divided by sharers.

    The kernel walks all pages of a process for it, which takes milliseconds for each GB. None where
    a process may not be looked at.
    """
    total = 0
    for pid in pids:
        try:
            content = _content(f"/proc/{pid}/smaps_rollup")
        except (FileNotFoundError, ProcessLookupError):
            continue
        except OSError:
            return None
        start = content.find(b"\nPss:")
        if start >= 0:
            total += int(content[start + 5 : content.index(b"kB", start)]) << 10
    return total


def _children(pid: int) -> list[int]:
    if not _HAS_PROC:
        import psutil

        try:
            return [child.pid for child in psutil.Process(pid).children()]
        except psutil.Error:
            return []
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _content(f"/proc/{pid}/task/{thread}/children").split())
    except OSError:
        pass  # it has just ended, and its children are another's by now
    return found


def _measure_one(pid: int) -> Used | None:
    """Read one process, see proc(5); None where it has ended."""
    try:
        fields = _content(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return None
    # Numbered from the field after the name, which is the third of the manual page.
    times = sum(map(int, fields[11:15]))
    read, written = _transferred(pid)
    return Used(
        cpu_s=times / _TICKS_A_SECOND,
        memory=int(fields[21]) * _PAGE_BYTES,
        threads=int(fields[17]),
        processes=1,
        read=read,
        written=written,
    )


def _transferred(pid: int) -> tuple[int | None, int | None]:
    try:
        lines = _content(f"/proc/{pid}/io").split()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    except OSError:
        return None, None  # another user's, or the kernel keeps no account
    return int(lines[lines.index(b"read_bytes:") + 1]), int(lines[lines.index(b"write_bytes:") + 1])


def _ask_psutil(pid: int) -> Used | None:
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            return Used(
                cpu_s=times.user + times.system,
                memory=process.memory_info().rss,
                threads=process.num_threads(),
                processes=1,
                read=None,
                written=None,
            )
    except psutil.Error:
        return None


def _content(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, _AT_ONCE)
    finally:
        os.close(descriptor)
