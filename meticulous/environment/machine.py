"""What machine a run is on: system, processors, memory, and the limits that are set on them.

Everything is read from files. Each function
raises what the system raises; :mod:`meticulous.environment` sees to it that one failing part does
not take the others along. Standard library only.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

__all__ = ["cpu", "memory", "operating_system"]

_NO_LIMIT = 1 << 60
"""Bytes; cgroup v1 says "unlimited" with a number near 2**63."""


def operating_system() -> dict[str, str]:
    """Return ``name``, ``version``, ``kernel`` and ``architecture``."""
    system = os.uname()
    name, version = system.sysname, ""
    if sys.platform == "darwin":
        import platform

        name, version = "macOS", platform.mac_ver()[0]
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                release = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
            name = release.get("NAME", name).strip("\"'")
            version = release.get("VERSION", release.get("VERSION_ID", version)).strip("\"'")
            break
    return {
        "name": name,
        "version": version,
        "kernel": f"{system.sysname} {system.release}",
        "architecture": system.machine,
    }


# --- processors and memory ---------------------------------------------------------------------


def cpu(proc: str = "/proc", cgroups: str = "/sys/fs/cgroup") -> dict[str, Any]:
    """Return ``model``, ``logical`` and ``physical`` counts, and ``usable``.

    `usable` is how many the run may use at once: its affinity, and no more than the cgroup's quota
    (which may be a fraction).
    """
    logical = os.cpu_count() or 1
    first = _first_processor(os.path.join(proc, "cpuinfo"))
    usable: float = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical
    quota = _cpu_quota(proc, cgroups)
    return {
        "model": _cpu_model(first),
        "logical": logical,
        "physical": _physical(first, logical),
        "usable": min(usable, quota) if quota else usable,
    }


def memory(proc: str = "/proc", cgroups: str = "/sys/fs/cgroup") -> dict[str, int | None]:
    """Return ``total`` of the machine and ``limit`` of the cgroup (None: no limit), in bytes."""
    limits = [
        int(text)
        for controller, name in (("", "memory.max"), ("memory", "memory.limit_in_bytes"))
        for text in _cgroup_values(proc, cgroups, controller, name)
        if text.isdigit() and int(text) < _NO_LIMIT
    ]
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"total": total, "limit": min(limits, default=None)}


def _first_processor(path: str) -> dict[str, str]:
    """Read the block of the first processor; the whole file is slow on machines of many."""
    try:
        with open(path, "rb", buffering=0) as file:
            text = file.read(16384).decode("utf-8", "replace")
    except OSError:
        return {}
    first: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in first:
            break
        if value:
            first[key.strip()] = value.strip()
    return first


def _cpu_model(first: Mapping[str, str]) -> str | None:
    for key in ("model name", "Processor", "cpu model", "cpu"):
        if first.get(key):
            return first[key]
    if "CPU part" in first:  # ARM tells numbers and no name
        return f"ARM implementer {first.get('CPU implementer')} part {first['CPU part']}"
    if sys.platform == "darwin":
        import platform

        return platform.processor() or platform.machine()
    return None


def _physical(first: Mapping[str, str], logical: int) -> int | None:
    """Count cores: each socket has ``cpu cores`` of them for its ``siblings`` processors."""
    cores, siblings = first.get("cpu cores", ""), first.get("siblings", "")
    if not cores.isdigit() or not siblings.isdigit() or siblings == "0":
        return None
    return max(1, logical * int(cores) // int(siblings))


def _cpu_quota(proc: str, cgroups: str) -> float | None:
    """Return the least number of processors that a cgroup above us allows; None for no limit."""
    quotas = []
    for text in _cgroup_values(proc, cgroups, "", "cpu.max"):
        quota, _, period = text.partition(" ")
        if quota.isdigit() and period.isdigit():
            quotas.append(int(quota) / int(period))
    first = _cgroup_values(proc, cgroups, "cpu", "cpu.cfs_quota_us")
    for text, period in zip(
        first, _cgroup_values(proc, cgroups, "cpu", "cpu.cfs_period_us"), strict=False
    ):
        if text.isdigit() and period.isdigit() and int(text) > 0:
            quotas.append(int(text) / int(period))
    return min(quotas, default=None)


def _cgroup_values(proc: str, cgroups: str, controller: str, name: str) -> Iterator[str]:
    """Return what the file `name` holds in our cgroup and in each above it.

    `controller` is "" for version 2. In a container the path may be the host's and not be there;
    the folders above it still are.
    """
    try:
        with open(os.path.join(proc, "self", "cgroup"), encoding="utf-8") as file:
            lines = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return
    for fields in lines:
        if len(fields) != 3 or controller not in fields[1].split(","):
            continue
        mounts = [fields[1], controller] if controller else ["", "unified"]
        path = fields[2].strip("/")
        while True:
            for mount in dict.fromkeys(mounts):
                try:
                    with open(os.path.join(cgroups, mount, path, name), encoding="utf-8") as file:
                        yield file.read().strip()
                        break
                except OSError:
                    continue
            if not path:
                return
            path = os.path.dirname(path)
