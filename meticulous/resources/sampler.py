"""What a run uses while it runs: samples in resources.jsonl, whose time is the run's heartbeat.

``docs/resources.md`` says what each number is, and what it is not.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time

from meticulous import runfolder
from meticulous.base.namedtuple import NamedTuple
from meticulous.base.timestamps import now
from meticulous.resources import process_tree
from meticulous.resources.gpu import GpuWatch
from meticulous.resources.process_tree import Used
from meticulous.runfolder.files import open_to_write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

    from meticulous.runfolder import RunFolder

__all__ = ["Reaped", "Sampler"]

_SHORTEST_S, _LONGEST_S = 1.0, 10.0
_GROWTH = 1 / 60
"""The interval is this part of the time that the run has taken, within the two bounds above."""
_MOST_PART_OF_TIME = 0.01
"""Samples are made as rarely as it takes for them to use no more of a core than this."""
_SHARED_PART_OF_TIME = 0.001
"""Likewise the proportional memory, which costs more the more memory there is."""


class Reaped(NamedTuple):
    """What processes have used that have ended and that we have waited for."""

    cpu_s: float = 0.0
    read: int = 0
    written: int = 0


class Sampler:
    """Samples a tree of processes.

    Args:
        run: whose folder gets the samples.
        started_s: when it began, as :func:`time.monotonic` tells it.
        pids: gives the processes of the run.
        reaped: gives what those have used that have ended and are counted by no other.
        interval_s: seconds between samples; None for 1, growing to 10; 0 for a heartbeat alone.
        failed: told once when the file cannot be written.
        before: what they had used before the run began, where they are older than it.
    """

    def __init__(
        self,
        run: RunFolder,
        started_s: float,
        pids: Callable[[], Collection[int]],
        reaped: Callable[[], Reaped],
        interval_s: float | None,
        failed: Callable[[str, OSError], None],
        before: Reaped | None = None,
    ) -> None:
        self._path = run.file(runfolder.RESOURCES)
        self._pids, self._reaped, self._interval_s = pids, reaped, interval_s
        self._failed = failed
        self._file = -1
        self._started_s = self._last_s = started_s
        self._before = before or Reaped()
        self._last_cpu_s = self._before.cpu_s
        self._shared_due_s = 0.0
        self._gpus: GpuWatch | None = None
        self._peaks: dict[str, int] = {}
        self._gpu_shares: list[int] = []
        self._are_gpus_whole = False
        self._is_torn = self._has_failed = False

    def work(self, end: threading.Event) -> None:
        """Sample until `end`; where the file cannot be made, say so and stop."""
        try:
            self._file = open_to_write(self._path, os.O_APPEND)
            if self._interval_s == 0:
                self._wait(end, math.inf)
            else:
                self._sample_until(end)
        except OSError as error:
            self._failed(runfolder.RESOURCES, error)
        finally:
            if self._file >= 0:
                os.close(self._file)

    def peaks(self) -> dict[str, Any]:
        """Return the keys of ``usage`` that come from samples."""
        found: dict[str, Any] = dict(self._peaks)
        if self._gpu_shares:
            found["mean_gpu_utilisation"] = round(sum(self._gpu_shares) / len(self._gpu_shares), 1)
        if self._are_gpus_whole:
            found["whole_gpus"] = True
        return found

    def _sample_until(self, end: threading.Event) -> None:
        self._gpus = GpuWatch(self._pids)
        pause_s = 0.0
        while not self._wait(end, pause_s):
            used_s = time.thread_time()
            self._sample()
            cost_s = time.thread_time() - used_s
            pause_s = max(self._pause_s(), cost_s / _MOST_PART_OF_TIME)

    def _wait(self, end: threading.Event, pause_s: float) -> bool:
        """Wait for `pause_s` or the `end`, and say whether that has come; the heart beats meanwhile."""
        due_s = time.monotonic() + pause_s
        while due_s - time.monotonic() > _LONGEST_S:
            if end.wait(_LONGEST_S):
                return True
            os.utime(self._file)
        return end.wait(max(due_s - time.monotonic(), 0))

    def _pause_s(self) -> float:
        if self._interval_s is not None:
            return self._interval_s
        elapsed_s = time.monotonic() - self._started_s
        return min(max(_SHORTEST_S, elapsed_s * _GROWTH), _LONGEST_S)

    def _sample(self) -> None:
        pids = self._pids()
        used, reaped, at_s = process_tree.measure(pids), self._reaped(), time.monotonic()
        if not used.processes:
            return
        sample: dict[str, Any] = {
            "time": now(),
            "seconds": round(at_s - self._started_s, 3),
            "cpu": self._cpu(used.cpu_s + reaped.cpu_s, at_s),
            "memory": used.memory,
            "processes": used.processes,
            "threads": used.threads,
        }
        if used.read is not None and used.written is not None:
            sample["read"] = used.read + reaped.read - self._before.read
            sample["written"] = used.written + reaped.written - self._before.written
        shared = self._shared(pids, at_s)
        if shared is not None:
            sample["pss"] = shared
        gpus = self._gpus.latest() if self._gpus else []
        if gpus:
            sample["gpus"] = gpus
        self._note_peaks(used, gpus)
        self._write(json.dumps(sample).encode() + b"\n")

    def _write(self, line: bytes) -> None:
        """Append `line`. What a full disk does not take is lost, and said once; the heart beats on."""
        content = b"\n" + line if self._is_torn else line
        try:
            self._is_torn = os.write(self._file, content) < len(content)
        except OSError as error:
            if not self._has_failed:
                self._has_failed = True
                self._failed(runfolder.RESOURCES, error)
            os.utime(self._file)

    def _cpu(self, cpu_s: float, at_s: float) -> float:
        """Return the percentage of one core since the sample before.

        It is never below zero: where children are waited for by nobody, their time is lost.
        """
        used_s = max(cpu_s - self._last_cpu_s, 0.0)
        passed_s = at_s - self._last_s
        self._last_s, self._last_cpu_s = at_s, max(cpu_s, self._last_cpu_s)
        return round(100 * used_s / passed_s, 1) if passed_s > 0 else 0.0

    def _shared(self, pids: Collection[int], at_s: float) -> int | None:
        if at_s < self._shared_due_s:
            return None
        began_s = time.thread_time()
        shared = process_tree.shared_memory(pids)
        cost_s = time.thread_time() - began_s
        self._shared_due_s = at_s + cost_s / _SHARED_PART_OF_TIME
        return shared

    def _note_peaks(self, used: Used, gpus: list[dict[str, Any]]) -> None:
        peaks = {
            "peak_tree_memory": used.memory,
            "peak_processes": used.processes,
            "peak_threads": used.threads,
        }
        if gpus:
            peaks["peak_gpu_memory"] = sum(gpu["memory"] for gpu in gpus)
            self._are_gpus_whole |= any(gpu.get("whole") for gpu in gpus)
            known = [gpu["utilisation"] for gpu in gpus if gpu["utilisation"] is not None]
            self._gpu_shares += [sum(known)] if known else []
        for name, value in peaks.items():
            self._peaks[name] = max(value, self._peaks.get(name, 0))
