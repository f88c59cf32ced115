"""What the processes of a run use of NVIDIA's GPUs: by NVML, else by nvidia-smi.

Asked by a thread of its own, for a driver may take seconds to answer, or never do.
"""

from __future__ import annotations

import os
import threading
import time

from meticulous.environment.nvidia import is_driver_there, run_program
from meticulous.programs import which

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

__all__ = ["GpuWatch"]

_MOST_PART_OF_TIME = 0.01
"""nvidia-smi takes up to a second of processor time: it may use this part of the time."""
_PATIENCE_S = 30.0


class GpuWatch:
    """The newest reading of what `pids()` use, one for each GPU that they use.

    Each is ``{"index": …, "memory": bytes, "utilisation": percent or None}``, as in
    ``docs/resources.md``.
    """

    def __init__(self, pids: Callable[[], Collection[int]]) -> None:
        self._pids = pids
        self._latest: list[dict[str, Any]] = []
        self._due_s = 0.0
        self._asking: threading.Thread | None = None
        self._read = _reader()

    def latest(self) -> list[dict[str, Any]]:
        """Give the newest reading, and have the next one made."""
        if self._read is None:
            return []
        if (self._asking is None or not self._asking.is_alive()) and time.monotonic() > self._due_s:
            self._asking = threading.Thread(target=self._ask, name="gpus", daemon=True)
            self._asking.start()
        return self._latest

    def _ask(self) -> None:
        began_s = time.monotonic()
        try:
            if self._read is not None:
                self._latest = self._read(set(self._pids()))
                self._due_s = began_s + (time.monotonic() - began_s) / _MOST_PART_OF_TIME
        except Exception:  # noqa: BLE001, whatever a driver does, the run goes on without
            self._latest = []
            self._due_s = time.monotonic() + _PATIENCE_S


def _reader() -> Callable[[Collection[int]], list[dict[str, Any]]] | None:
    """Give what reads the GPUs of this machine; None where there is nothing to read."""
    if not is_driver_there(os.environ):
        return None
    try:
        return _Nvml().read
    except Exception:  # noqa: BLE001, not installed, or its library does not fit the driver
        program = which("nvidia-smi", os.environ.get("PATH"))
        return (lambda pids: read_program(program, pids)) if program else None


class _Nvml:
    """NVML, by the package nvidia-ml-py. Raises where it is not there or has no driver."""

    def __init__(self) -> None:
        import pynvml  # type: ignore[import-not-found,import-untyped,unused-ignore]

        self._nvml = pynvml
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        self._devices = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        self._seen = [0] * count

    def read(self, pids: Collection[int]) -> list[dict[str, Any]]:
        """Give a reading for each GPU that `pids` use."""
        found = []
        for index, device in enumerate(self._devices):
            ours = [
                one for one in self._nvml.nvmlDeviceGetComputeRunningProcesses(device)
                if one.pid in pids
            ]  # fmt: skip
            if ours:
                memory = sum(one.usedGpuMemory or 0 for one in ours)
                share = self._utilisation(index, device, pids)
                found.append({"index": index, "memory": int(memory), "utilisation": share})
        return found

    def _utilisation(self, index: int, device: Any, pids: Collection[int]) -> int | None:
        """Give the percentage of time in which kernels of `pids` ran since the last reading."""
        try:
            samples = self._nvml.nvmlDeviceGetProcessUtilization(device, self._seen[index])
        except self._nvml.NVMLError:
            return None  # not known to this GPU or driver, or nothing new since the last time
        self._seen[index] = max([self._seen[index], *(one.timeStamp for one in samples)])
        newest = {one.pid: one.smUtil for one in samples if one.pid in pids}
        return min(sum(newest.values()), 100) if newest else None


def read_program(program: str, pids: Collection[int]) -> list[dict[str, Any]]:
    """Give a reading of ``nvidia-smi pmon`` for each GPU that `pids` use. Raises where it fails."""
    columns: list[str] = []
    found: dict[int, dict[str, Any]] = {}
    for line in run_program(program, "pmon", "-c", "1", "-s", "um").splitlines():
        words = line.split()
        if words[:2] == ["#", "gpu"]:
            columns = words[1:]
        elif words and not line.startswith("#"):
            told = dict(zip(columns, words, strict=False))
            if told.get("pid", "").isdigit() and int(told["pid"]) in pids:
                index = int(told["gpu"])
                one = found.setdefault(index, {"index": index, "memory": 0, "utilisation": None})
                if told.get("fb", "").isdigit():
                    one["memory"] += int(told["fb"]) << 20
                if told.get("sm", "").isdigit():
                    one["utilisation"] = min((one["utilisation"] or 0) + int(told["sm"]), 100)
    return [found[index] for index in sorted(found)]
