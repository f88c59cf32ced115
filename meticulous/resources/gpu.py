"""What the processes of a run use of NVIDIA's GPUs: by NVML, else by nvidia-smi.

Asked by a thread of its own, for a driver may take seconds to answer, or never do.

In a container the driver often knows processes by their ids outside of it, so that none of them
seems to be ours (github.com/NVIDIA/nvidia-docker, issue 1483). There the GPUs are read as a whole.
"""

from __future__ import annotations

import os
import threading
import time

from meticulous.base.namedtuple import NamedTuple
from meticulous.base.process_id import pid_namespace
from meticulous.base.spawn import which
from meticulous.environment.gpu_info import is_driver_there, run_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Any

__all__ = ["GpuWatch"]

_OUTERMOST = "pid:[4026531836]"
"""The namespace of process ids that no container has (PROC_PID_INIT_INO of Linux)."""

_MOST_PART_OF_TIME = 0.01
"""nvidia-smi takes up to a second of processor time: it may use this part of the time."""
_PATIENCE_S = 30.0


class GpuWatch:
    """The newest reading of what `pids()` use, one for each GPU that they use.

    Each is ``{"index": …, "memory": bytes, "utilisation": percent or None}``, as in
    ``docs/resources.md``; with ``"whole": True`` it is that of all processes on the GPU, of
    whomever, because the driver does not tell which are ours.
    """

    def __init__(self, pids: Callable[[], Collection[int]]) -> None:
        self._pids = pids
        self._latest: list[dict[str, Any]] = []
        self._due_s = 0.0
        self._asking: threading.Thread | None = None
        self._reader: _Reader | None = None
        self._is_there = is_driver_there(os.environ)
        self._is_apart = pid_namespace() not in (None, _OUTERMOST)
        self._busy: set[int] = set()

    def latest(self) -> list[dict[str, Any]]:
        """Return the newest reading, and have the next one made."""
        is_asking = self._asking is not None and self._asking.is_alive()
        if self._is_there and not is_asking and time.monotonic() > self._due_s:
            self._asking = threading.Thread(target=self._ask, name="gpus", daemon=True)
            self._asking.start()
        return self._latest

    def _ask(self) -> None:
        try:
            if self._reader is None:
                self._reader = _reader()
                self._is_there = self._reader is not None
            if self._reader is not None:
                began_s = time.monotonic()
                found = self._reader.used_by(set(self._pids()))
                self._latest = found or (self._whole(self._reader) if self._is_apart else [])
                self._due_s = began_s + (time.monotonic() - began_s) / _MOST_PART_OF_TIME
        except Exception:  # noqa: BLE001, whatever a driver does, the run goes on without
            self._latest = []
            self._due_s = time.monotonic() + _PATIENCE_S

    def _whole(self, reader: _Reader) -> list[dict[str, Any]]:
        """Read those GPUs as a whole that the run may use and on which anything was seen."""
        devices = [one for one in reader.devices() if _is_visible(one, os.environ)]
        self._busy |= {one.number for one in devices if one.has_processes or one.utilisation}
        return [
            {
                "index": one.number,
                "memory": one.memory,
                "utilisation": one.utilisation,
                "whole": True,
            }
            for one in devices
            if one.number in self._busy
        ]


class _Device(NamedTuple):
    """A GPU, with what all processes together use of it: bytes, and percent of the time."""

    number: int
    uuid: str
    memory: int
    utilisation: int | None
    has_processes: bool


def _is_visible(device: _Device, environ: Mapping[str, str]) -> bool:
    """Say whether ``CUDA_VISIBLE_DEVICES`` of `environ` lets the run use `device`."""
    named = environ.get("CUDA_VISIBLE_DEVICES")
    if named is None or "MIG-" in named:
        return True
    names = [name.strip() for name in named.split(",")]
    return any(
        name == str(device.number) or (name.startswith("GPU-") and device.uuid.startswith(name))
        for name in names
    )


def _reader() -> _Reader | None:
    """Return what reads the GPUs of this machine; None where there is nothing to read."""
    try:
        return _Nvml()
    except Exception:  # noqa: BLE001, not installed, or its library does not fit the driver
        program = which("nvidia-smi", os.environ.get("PATH"))
        return _Program(program) if program else None


class _Nvml:
    """NVML, by the package nvidia-ml-py. Raises where it is not there or has no driver."""

    def __init__(self) -> None:
        import pynvml  # type: ignore[import-not-found,import-untyped,unused-ignore]

        self._nvml = pynvml
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        self._devices = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        self._seen = [0] * count

    def used_by(self, pids: Collection[int]) -> list[dict[str, Any]]:
        """Return a reading for each GPU that `pids` use."""
        found = []
        for index, device in enumerate(self._devices):
            ours = [one for one in self._processes(device) if one.pid in pids]
            if ours:
                memory = sum(one.usedGpuMemory or 0 for one in ours)
                share = self._utilisation(index, device, pids)
                found.append({"index": index, "memory": int(memory), "utilisation": share})
        return found

    def devices(self) -> Iterator[_Device]:
        """Return all GPUs."""
        for index, device in enumerate(self._devices):
            uuid = self._nvml.nvmlDeviceGetUUID(device)
            yield _Device(
                index,
                uuid if isinstance(uuid, str) else uuid.decode(),
                int(self._nvml.nvmlDeviceGetMemoryInfo(device).used),
                self._share(device),
                bool(self._processes(device)),
            )

    def _share(self, device: Any) -> int | None:
        try:
            return int(self._nvml.nvmlDeviceGetUtilizationRates(device).gpu)
        except self._nvml.NVMLError:
            return None  # not known of a GPU in parts (MIG)

    def _processes(self, device: Any) -> list[Any]:
        try:
            return list(self._nvml.nvmlDeviceGetComputeRunningProcesses(device))
        except self._nvml.NVMLError:
            return []  # not told here, as in WSL

    def _utilisation(self, index: int, device: Any, pids: Collection[int]) -> int | None:
        """Return the percentage of time in which kernels of `pids` ran since the last reading."""
        try:
            samples = self._nvml.nvmlDeviceGetProcessUtilization(device, self._seen[index])
        except self._nvml.NVMLError:
            return None  # not known to this GPU or driver, or nothing new since the last time
        self._seen[index] = max([self._seen[index], *(one.timeStamp for one in samples)])
        newest = {one.pid: one.smUtil for one in samples if one.pid in pids}
        return min(sum(newest.values()), 100) if newest else None


class _Program:
    """The program nvidia-smi. Raises where it fails or takes too long."""

    def __init__(self, path: str) -> None:
        self._path = path

    def used_by(self, pids: Collection[int]) -> list[dict[str, Any]]:
        """Return a reading for each GPU that `pids` use."""
        found: dict[int, dict[str, Any]] = {}
        for told in self._processes():
            if told["pid"].isdigit() and int(told["pid"]) in pids:
                index = int(told["gpu"])
                one = found.setdefault(index, {"index": index, "memory": 0, "utilisation": None})
                if told.get("fb", "").isdigit():
                    one["memory"] += int(told["fb"]) << 20
                if told.get("sm", "").isdigit():
                    one["utilisation"] = min((one["utilisation"] or 0) + int(told["sm"]), 100)
        return [found[index] for index in sorted(found)]

    def devices(self) -> Iterator[_Device]:
        """Return all GPUs."""
        busy = {told["gpu"] for told in self._processes() if told["pid"] != "-"}
        query = "--query-gpu=index,uuid,memory.used,utilization.gpu"
        for line in run_program(self._path, query, "--format=csv,noheader,nounits").splitlines():
            index, uuid, mebibytes, share = (word.strip() for word in line.split(","))
            memory = int(mebibytes) << 20 if mebibytes.isdigit() else 0
            utilisation = int(share) if share.isdigit() else None
            yield _Device(int(index), uuid, memory, utilisation, index in busy)

    def _processes(self) -> Iterator[dict[str, str]]:
        """Return the lines of ``pmon``, by its own names of the columns."""
        columns: list[str] = []
        for line in run_program(self._path, "pmon", "-c", "1", "-s", "um").splitlines():
            words = line.split()
            if words[:2] == ["#", "gpu"]:
                columns = words[1:]
            elif words and not line.startswith("#"):
                told = dict(zip(columns, words, strict=False))
                if "gpu" in told and "pid" in told:
                    yield told


_Reader = _Nvml | _Program
